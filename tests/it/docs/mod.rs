//! The documents, the samples and the structure, compared with the program.

mod architecture;
mod contributing;
#[cfg(unix)]
mod deploy;
mod help;
mod queries;
#[cfg(unix)]
mod readme;
pub(crate) mod samples;

use chime_bulk::report::Summary;

use crate::support::program::{APP, WorkDir, ids};

/// A finished run of 20 rows, two of which failed.
fn finished_run() -> WorkDir {
    let list = ids("u", 18) + "gone1\ngone2\n";
    let list = list.lines().map(|id| format!("{APP}/channel/c,{id}\n"));
    let list: String = list.collect();
    let list = list.replacen(
        &format!("{APP}/channel/c,user_id"),
        "channel_arn,user_id",
        1,
    );
    let place = WorkDir::with("list.csv", list);
    let ended = place.run_fast("list.csv", &["--missing-users", "gone", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let printed: Summary = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed, place.summary("run"));
    place
}
