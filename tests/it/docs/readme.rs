//! The commands that the README gives, run as they stand there, in their order.

use std::process::{Command, Stdio};

use crate::support::program::{Ended, Sandbox, WorkDir, ids, repository};

/// The blocks of commands in the README.
fn blocks() -> Vec<String> {
    let readme = repository("README.md");
    let mut blocks: Vec<_> = readme
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect();
    // These tests themselves, and what a sandbox says too.
    blocks.retain(|block| block != "cargo test\n");
    blocks.retain(|block| !block.starts_with("export "));
    blocks
}

/// A block in a shell, against a sandbox; the program stands in for cargo, which would build it.
fn perform(place: &WorkDir, sandbox: &Sandbox, block: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let block = block.replace("cargo run --release --", "chime-bulk");
    let mut command = sandbox.call(Command::new("bash"));
    command
        .args([
            "-euc",
            &format!("chime-bulk() {{ '{program}' \"$@\"; }}\n{block}"),
        ])
        .current_dir(place.path(""))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    if block.contains("--sandbox") {
        command.env_remove("CHIME_BULK_ENDPOINT_URL");
        command.env("CHIME_BULK_UNLIMITED", "1");
    }
    Ended::of(&mut command)
}

#[test]
fn every_command_does_what_it_says() {
    let place = WorkDir::with("members.csv", ids("u", 250));
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    std::os::unix::fs::symlink(samples, place.path("samples")).unwrap();
    let readme = repository("README.md");
    let (_, job) = readme.split_once("```toml\n").unwrap();
    std::fs::write(place.path("job.toml"), job.split_once("```").unwrap().0).unwrap();
    let sandbox = Sandbox::start(&place, &[]);
    let blocks = blocks();
    assert!(blocks.len() >= 4, "{blocks:#?}");
    for block in &blocks {
        let ended = perform(&place, &sandbox, block);
        assert_eq!(ended.code, Some(0), "{block}: {ended:#?}");
        assert!(!ended.stdout.is_empty(), "{block}: {ended:#?}");
    }
    // The scheduled job, once more: it is done.
    let job = blocks
        .iter()
        .find(|block| block.contains("--if-exists resume"));
    let ended = perform(&place, &sandbox, job.unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stderr.contains("nothing was done"), "{ended:#?}");
    assert_eq!(place.summary("onboarding").added, 0);
    assert_eq!(place.summary("onboarding").already_member, 250);
}
