//! The samples for engines that start a job as several tasks, on the engines themselves.

#![cfg(target_os = "linux")]

mod cluster;
mod script;
mod slurm;

use crate::support::expected::RUN;
use crate::support::program::{BEARER, WorkDir, repository};

/// The sample scripts, in the order in which they are submitted.
const SCRIPTS: [&str; 2] = ["slurm.sh", "slurm-merge.sh"];

/// Writes the sample scripts into this directory, with the bearer of the tests.
fn write_scripts(work_dir: &WorkDir) {
    for name in SCRIPTS {
        let text = repository(&format!("samples/deploy/{name}"));
        let text = text
            .replace("APP_INSTANCE_ID", "i")
            .replace("BEARER_ID", "admin");
        assert!(name != "slurm.sh" || text.contains(BEARER), "{text}");
        std::fs::write(work_dir.path(name), text).unwrap();
    }
}
