//! The commands of the README, executed as they are, in order.

use std::process::{Command, Stdio};

use crate::support::program::{Output, Sandbox, WorkDir, ids, repository};

/// The blocks of shell commands in the README, without indentation.
fn blocks() -> Vec<String> {
    let readme = repository("README.md");
    let text: Vec<&str> = readme
        .lines()
        .map(|line| line.strip_prefix("   ").unwrap_or(line))
        .collect();
    let text = text.join("\n");
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect()
}

/// Whether a program is installed.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Runs a block in a shell, with a sandbox. The program takes the place of `cargo run`.
fn perform(work_dir: &WorkDir, sandbox: &Sandbox, variables: &str, block: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let block = block.replace("cargo run --release --", "chime-bulk");
    let mut command = sandbox.call(Command::new("bash"));
    command
        .args([
            "-euc",
            &format!("chime-bulk() {{ '{program}' \"$@\"; }}\n{variables}{block}"),
        ])
        .current_dir(work_dir.path(""))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    if block.contains("--sandbox") {
        command.env_remove("CHIME_BULK_ENDPOINT_URL");
        command.env("CHIME_BULK_UNLIMITED", "1");
    }
    Output::of(&mut command)
}

/// Writes a Slack workspace export: two channels with 25 people, of whom two have no user in the
/// sandbox; with a bot, and with a person who left.
fn write_export(work_dir: &WorkDir) {
    let people: Vec<String> = (1..=23).map(|n| format!("U{n}")).collect();
    let people = [people, vec!["gone1".to_owned(), "gone2".to_owned()]].concat();
    let others = [("B1", false, true), ("D1", true, false)];
    let users = people
        .iter()
        .map(|id| (id.as_str(), false, false))
        .chain(others);
    let user =
        |(id, deleted, is_bot)| serde_json::json!({"id": id, "deleted": deleted, "is_bot": is_bot});
    let users: Vec<_> = users.map(user).collect();
    let members: Vec<_> = users.iter().map(|user| user["id"].clone()).collect();
    let channel = |id: &str| serde_json::json!({"id": id, "name": "x", "members": members});
    let channels = [channel("C1"), channel("C2")];
    let write = |name: &str, value: String| std::fs::write(work_dir.path(name), value).unwrap();
    write("users.json", serde_json::json!(users).to_string());
    write("channels.json", serde_json::json!(channels).to_string());
    if !is_installed("jq") {
        let mut list = "channel_id,user_id\n".to_owned();
        for channel in ["C1", "C2"] {
            list.extend(people.iter().map(|id| format!("{channel},{id}\n")));
        }
        write("members.csv", list);
    }
}

#[test]
fn every_command_of_the_readme_works() {
    let work_dir = WorkDir::new();
    write_export(&work_dir);
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    std::os::unix::fs::symlink(samples, work_dir.path("samples")).unwrap();
    let sandbox = Sandbox::start(&work_dir, &["--missing-users", "gone"]);
    let mut variables = String::new();
    let mut jobs = Vec::new();
    for block in blocks() {
        if block.starts_with("jq ") && !is_installed("jq") {
            continue;
        }
        if block.contains("--config ") {
            // The job adds people to one channel.
            std::fs::write(work_dir.path("members.csv"), ids("u", 250)).unwrap();
            jobs.push(block.clone());
        }
        let output = perform(&work_dir, &sandbox, &variables, &block);
        // The run directory `migration` has rows whose users do not exist.
        let expected = i32::from(block.contains("migration"));
        assert_eq!(output.code, Some(expected), "{block}: {output:#?}");
        let prints = !block.starts_with("jq ");
        assert_eq!(output.stdout.is_empty(), !prints, "{block}: {output:#?}");
        let assignments = block
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
        variables.extend(assignments.map(|line| format!("{line}\n")));
    }
    assert_eq!(work_dir.summary("rehearsal").added, 50);
    assert_eq!(work_dir.summary("ten").added, 10);
    let migration = work_dir.summary("migration");
    assert_eq!(
        (migration.added, migration.already_member, migration.failed),
        (36, 10, 4)
    );
    assert_eq!(work_dir.summary("fixed").failed, 4);
    assert_eq!(work_dir.summary("onboarding").added, 250);

    // The scheduled job does nothing when it is started again.
    let [job] = &jobs[..] else {
        panic!("{jobs:#?}");
    };
    let output = perform(&work_dir, &sandbox, &variables, job);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stderr.contains("nothing was done"), "{output:#?}");
}
