//! The README's commands, run as they are, in their order.

use std::process::{Command, Stdio};

use crate::support::program::{Ended, Sandbox, WorkDir, ids, repository};

/// The blocks of commands in the README, without their indent.
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

/// Runs a block in a shell, against a sandbox. The program replaces cargo, which would build it.
fn perform(place: &WorkDir, sandbox: &Sandbox, variables: &str, block: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let block = block.replace("cargo run --release --", "chime-bulk");
    let mut command = sandbox.call(Command::new("bash"));
    command
        .args([
            "-euc",
            &format!("chime-bulk() {{ '{program}' \"$@\"; }}\n{variables}{block}"),
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

/// What a Slack workspace export has of channels and people: 25 people in two channels, two of whom
/// have no user in the sandbox; a bot and a person who left.
fn write_export(place: &WorkDir) {
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
    let write = |name: &str, value: String| std::fs::write(place.path(name), value).unwrap();
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
fn every_command_works() {
    let place = WorkDir::new();
    write_export(&place);
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    std::os::unix::fs::symlink(samples, place.path("samples")).unwrap();
    let sandbox = Sandbox::start(&place, &["--missing-users", "gone"]);
    let mut variables = String::new();
    let mut jobs = Vec::new();
    for block in blocks() {
        if block.starts_with("jq ") && !is_installed("jq") {
            continue;
        }
        if block.contains("--config ") {
            // The job adds people to one channel.
            std::fs::write(place.path("members.csv"), ids("u", 250)).unwrap();
            jobs.push(block.clone());
        }
        let ended = perform(&place, &sandbox, &variables, &block);
        // The run that is kept in `migration` has people who have no user.
        let expected = i32::from(block.contains("migration"));
        assert_eq!(ended.code, Some(expected), "{block}: {ended:#?}");
        let prints = !block.starts_with("jq ");
        assert_eq!(ended.stdout.is_empty(), !prints, "{block}: {ended:#?}");
        let assignments = block
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
        variables.extend(assignments.map(|line| format!("{line}\n")));
    }
    assert_eq!(place.summary("rehearsal").added, 50);
    assert_eq!(place.summary("ten").added, 10);
    let migration = place.summary("migration");
    assert_eq!(
        (migration.added, migration.already_member, migration.failed),
        (36, 10, 4)
    );
    assert_eq!(place.summary("fixed").failed, 4);
    assert_eq!(place.summary("onboarding").added, 250);

    // The scheduled job, once more: it does nothing.
    let [job] = &jobs[..] else {
        panic!("{jobs:#?}");
    };
    let ended = perform(&place, &sandbox, &variables, job);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stderr.contains("nothing was done"), "{ended:#?}");
}
