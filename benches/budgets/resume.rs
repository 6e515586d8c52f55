//! The time from the start of `resume` to its first call.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Failure;
use super::calls::run_of;
use super::list::{List, RowOrder, channels_for};
use super::process::{self, chime_bulk};
use super::sandbox::Sandbox;
use super::table::Table;

/// The budget, in seconds.
const BUDGET: f64 = 5.0;
/// How long to wait for the first call.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Measures the section.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    let channels = channels_for(rows);
    for (name, order) in [
        ("one channel".to_owned(), RowOrder::One),
        (format!("{channels} channels"), RowOrder::Shuffled(channels)),
    ] {
        let list = List {
            rows,
            order,
            repeats: true,
        };
        let path = dir.join("list.csv");
        list.write(&path)?;
        let run_dir = dir.join("run");
        run_half(&list, &path, &run_dir)?;
        let seconds = time_to_first_call(&run_dir)?;
        table.figure(
            &format!("resume to its first call, {name}"),
            seconds,
            "s",
            BUDGET,
        );
        std::fs::remove_dir_all(&run_dir)?;
    }
    Ok(())
}

/// Runs a list, and kills the run when half of its calls are made.
fn run_half(list: &List, path: &Path, run_dir: &Path) -> Result<(), Failure> {
    let sandbox = Sandbox::start(&[])?;
    let ledger = run_dir.join("ledger.db");
    let half = list.rows / 200;
    let mut command = run_of(list, path, run_dir, &sandbox);
    let (_, status) = process::run_until(&mut command, || {
        process::calls_made(&ledger).is_some_and(|calls| calls >= half)
    })?;
    if status.code().is_some() {
        return Err(format!("{command:?} ended before it was killed: {status}").into());
    }
    Ok(())
}

/// Resumes the run. Returns the seconds until it connects to the service, which is a listener of
/// this process.
fn time_to_first_call(run_dir: &Path) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let start = Instant::now();
    let mut resumed = chime_bulk()
        .arg("resume")
        .arg(run_dir)
        .args(["--endpoint-url", &url])
        .envs([
            ("AWS_ACCESS_KEY_ID", "nobody"),
            ("AWS_SECRET_ACCESS_KEY", "none"),
        ])
        .spawn()?;
    let called = loop {
        if listener.accept().is_ok() {
            break Ok(start.elapsed().as_secs_f64());
        }
        if resumed.try_wait()?.is_some() || start.elapsed() > TIMEOUT {
            break Err("resume made no call".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    process::kill(&mut resumed)?;
    called
}
