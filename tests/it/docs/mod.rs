//! The documents, the samples and the layers of the source, compared with the program.

mod architecture;
mod contributing;
#[cfg(unix)]
mod deploy;
mod help;
mod image;
mod queries;
#[cfg(unix)]
mod readme;
pub(crate) mod samples;
#[cfg(unix)]
mod shard_samples;

use chime_bulk::report::Summary;

use crate::support::program::{APP, WorkDir, ids};

/// A finished run of 20 rows, of which two failed.
fn finished_run() -> WorkDir {
    let list = ids("u", 18) + "gone1\ngone2\n";
    let list = list.lines().map(|id| format!("{APP}/channel/c,{id}\n"));
    let list: String = list.collect();
    let list = list.replacen(
        &format!("{APP}/channel/c,user_id"),
        "channel_arn,user_id",
        1,
    );
    let work_dir = WorkDir::with("list.csv", list);
    let output = work_dir.run_fast("list.csv", &["--missing-users", "gone", "--json"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let printed: Summary = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(printed, work_dir.summary("run"));
    work_dir
}
