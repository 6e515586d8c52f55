//! An array of four tasks on a real Slurm, one of which is killed, and one of which reaches its time limit.

use std::fs;
use std::time::Duration;

use chime_bulk::model::quota;
use chime_bulk::sandbox::SandboxConfig;
use chime_bulk::schedule::Binding;
use rusqlite::{Connection, OpenFlags};

use super::cluster::{Cluster, is_installed, kill};
use super::{RUN, write_scripts};
use crate::support::expected::{List, Testbed, check_outcomes};

/// Two calls for each channel: at ten calls a second, the four tasks take about twelve seconds.
const CHANNELS: usize = 60;
const ROWS: usize = CHANNELS * 150;
const TASKS: usize = 4;
/// The task that is killed, and the one that Slurm asks to end as it does before the time limit.
const KILLED: usize = 2;
const AT_LIMIT: usize = 3;
/// The calls of a task that are settled before.
const CALLS_BEFORE: usize = 4;

#[test]
fn a_slurm_array_with_a_killed_task_adds_everybody_once_within_the_quotas() {
    if !is_installed() {
        return;
    }
    // With the quotas as documented.
    let config = SandboxConfig {
        latency: Duration::from_millis(50),
        ..SandboxConfig::default()
    };
    let testbed = Testbed::new(List::good(ROWS, CHANNELS), config);
    let work_dir = &testbed.work_dir;
    fs::write(work_dir.path("members.csv"), testbed.list.text()).unwrap();
    write_scripts(work_dir);
    let cluster = Cluster::start(work_dir, &testbed.access());

    let job = cluster.call("sbatch", &["--parsable", "slurm.sh", RUN]);
    let after = |job: &str| format!("--dependency=afterany:{job}");
    let merge = ["--parsable", &after(&job), "slurm-merge.sh", RUN];
    let merge = cluster.call("sbatch", &merge);

    let log = |task: usize| work_dir.path(&format!("chime-bulk-{job}-{task}.log"));
    cluster.wait_for_lines(&log(KILLED), "\"event\":\"call_settled\"", CALLS_BEFORE);
    kill(&[owner(&testbed, KILLED)]);
    cluster.call("scontrol", &["requeue", &format!("{job}_{KILLED}")]);
    cluster.wait_for_lines(&log(AT_LIMIT), "\"event\":\"call_settled\"", CALLS_BEFORE);
    let task = format!("{job}_{AT_LIMIT}");
    cluster.call("scancel", &["--batch", "--signal=USR1", &task]);

    // `sbatch --wait` would look only now and then.
    cluster.call("salloc", &[&after(&merge), "true"]);
    let code = exit_code(&cluster.call("scontrol", &["show", "job", "--oneliner", &merge]));
    let logs: Vec<String> = (1..=TASKS)
        .map(|task| fs::read_to_string(log(task)).unwrap())
        .collect();
    let stats = testbed.service.stats();
    assert_eq!(stats.members_added, ROWS as u64);
    // No call was over a quota, of a channel or of the bearer that the tasks share.
    assert_eq!(stats.throttled_calls, 0, "{stats:#?}");
    assert_eq!(stats.refused_calls, 0, "{stats:#?}");
    assert_eq!(stats.busiest_channel_second, 1, "{stats:#?}");
    assert_eq!(stats.busiest_seconds_of_bearers.len(), 1, "{stats:#?}");
    // Everybody is in exactly once, nobody else is, and the reports agree.
    let merged =
        fs::read_to_string(work_dir.path(&format!("chime-bulk-merge-{merge}.log"))).unwrap();
    check_outcomes(&testbed, &testbed.dir(), code).unwrap_or_else(|why| panic!("{why}: {merged}"));
    check_evidence(&testbed);

    for (task, log) in (1..=TASKS).zip(&logs) {
        let begun = log.matches("\"event\":\"begun\"").count();
        let expected = 1 + usize::from([KILLED, AT_LIMIT].contains(&task));
        assert_eq!(begun, expected, "task {task}: {log}");
    }
    check_shards(&testbed);
}

/// The exit code in Slurm's description of a job, which has it before the signal that ended it.
fn exit_code(job: &str) -> Option<i32> {
    let mut fields = job.split(' ');
    let code = fields.find_map(|field| field.strip_prefix("ExitCode="))?;
    code.strip_suffix(":0")?.parse().ok()
}

/// The process that works on a shard.
fn owner(testbed: &Testbed, shard: usize) -> String {
    let lock = testbed.dir().join(format!("shard-{shard}/owner.lock"));
    let text = fs::read_to_string(lock).unwrap();
    let id = text.strip_prefix("process ").unwrap().split(',').next();
    id.unwrap().to_owned()
}

/// Checks that members were in before only where a call was cut off: nobody was added by two shards.
fn check_evidence(testbed: &Testbed) {
    let ledger = testbed.dir().join("ledger.db");
    let ledger = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let query = "SELECT count(*) FROM ruling WHERE outcome = 'already_member' AND NOT in_doubt";
    let doubled: u64 = ledger.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(doubled, 0);
}

/// Checks that the shards have the whole list between them, were at work at the same time, and each had
/// a quarter of the bearer's rate.
fn check_shards(testbed: &Testbed) {
    let shards: Vec<_> = (1..=TASKS)
        .map(|task| testbed.work_dir.summary(&format!("{RUN}/shard-{task}")))
        .collect();
    let elsewhere: u64 = shards.iter().map(|summary| summary.elsewhere).sum();
    assert_eq!(elsewhere, (ROWS * (TASKS - 1)) as u64);
    let started = shards.iter().map(|summary| &summary.started_at).max();
    let finished = shards.iter().map(|summary| &summary.finished_at).min();
    assert!(started < finished, "one after another: {shards:#?}");
    for summary in &shards {
        assert_eq!(
            summary.binding_limit,
            Some(Binding::Bearers),
            "{summary:#?}"
        );
        #[expect(clippy::cast_precision_loss, reason = "few calls")]
        let rate = summary.lower_bound_calls as f64 / summary.lower_bound_seconds;
        // The first calls do not wait, so it is a little more than a quarter.
        assert!(rate < quota::BEARER_RATE * 0.3, "{summary:#?}");
    }
}
