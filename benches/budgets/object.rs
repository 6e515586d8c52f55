//! The time and the memory of a plan of a list in S3, over those of the same list in a file. The server
//! is `s3s-fs` on loopback, in this process.

use std::path::Path;

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::Failure;
use super::list::{List, RowOrder, channels_for};
use super::process::{self, Usage};
use super::table::Table;

/// The budget of the time, as a multiple of that of the file.
const BUDGET: f64 = 1.2;
/// The budget of the memory, in MB beyond that of the file: the chunks ahead of the reader, and TLS.
const MEMORY_BUDGET: f64 = 24.0;
/// Each side is measured this often, in turn; the fastest counts.
const ROUNDS: usize = 3;
/// Where `s3s-fs` keeps the `ETag` of `list.csv` in `lists`. Without it, it hashes the list for each
/// request, which S3 does not.
const ETAG_FILE: &str = ".bucket-bGlzdHM.object-bGlzdC5jc3Y.internal.json";

/// Measures the section.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    let list = List {
        rows,
        order: RowOrder::Shuffled(channels_for(rows)),
        repeats: true,
    };
    std::fs::create_dir(dir.join("lists"))?;
    let path = dir.join("lists/list.csv");
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let size = list.write(&path)? as f64 / 1e6;
    Table::detail("size of the list", size, "MB");
    std::fs::write(dir.join(ETAG_FILE), r#"{"e_tag":"of-the-bench"}"#)?;

    let mut service =
        S3ServiceBuilder::new(FileSystem::new(dir).map_err(|error| format!("{error:?}"))?);
    service.set_auth(SimpleAuth::from_single("bench", "bench"));
    let service = service.build();
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}", listener.local_addr()?);
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(connection);
        }
    });
    let plan = |list: &str| -> Result<Usage, Failure> {
        let mut command = process::chime_bulk();
        command
            .args(["plan", list])
            .env("AWS_ENDPOINT_URL_S3", &url)
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench");
        // Some of its rows are duplicates, so it exits with 1.
        let (usage, status) = process::run_until(&mut command, || false)?;
        match status.code() {
            Some(0 | 1) => Ok(usage),
            _ => Err(format!("{command:?}: {status}").into()),
        }
    };
    let file = path.to_str().ok_or("the path is not UTF-8")?;
    let mut best: [Option<Usage>; 2] = [None; 2];
    for _ in 0..ROUNDS {
        for (best, list) in best.iter_mut().zip([file, "s3://lists/list.csv"]) {
            let usage = plan(list)?;
            let fastest = best.unwrap_or(usage);
            *best = Some(Usage {
                seconds: fastest.seconds.min(usage.seconds),
                peak_mb: fastest.peak_mb.max(usage.peak_mb),
                ..usage
            });
        }
    }
    let [Some(file), Some(object)] = best else {
        return Err("nothing was measured".into());
    };
    Table::detail("plan of the file", file.seconds, "s");
    Table::detail("plan of the object", object.seconds, "s");
    let ratio = object.seconds / file.seconds;
    table.figure("plan of a list in S3 over the file", ratio, "", BUDGET);
    Table::detail("peak memory, file", file.peak_mb, "MB");
    Table::detail("peak memory, object", object.peak_mb, "MB");
    let more = object.peak_mb - file.peak_mb;
    table.figure(
        "peak memory of a list in S3 beyond the file",
        more,
        "MB",
        MEMORY_BUDGET,
    );
    Ok(())
}
