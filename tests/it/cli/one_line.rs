//! One command line for `plan` and `run`, as a user types it, pastes it, or has it in variables.

use crate::support::program::{APP, BEARER, CHANNEL, Output, WorkDir, ids};

/// Flags of `run`, each with a value if it takes one.
const RUN_FLAGS: [&[&str]; 13] = [
    &["--max-failures", "5%"],
    &["--patience", "60"],
    &["--profile", "nobody"],
    &["--endpoint-url", "http://127.0.0.1:9"],
    &["--api", "messaging"],
    &["--sandbox"],
    &["--unlimited"],
    &["--latency", "5"],
    &["--fault", "lost=0.1"],
    &["--run-dir", "run", "--if-exists", "resume"],
    &["--progress", "none"],
    &["--log-file", "log", "-vv"],
    &["--dry-run"],
];

/// Flags that `plan` has no use for.
const UNUSED: [&str; 3] = ["--max-failures", "--run-dir", "--dry-run"];

#[test]
fn plan_accepts_the_flags_of_run_and_its_help_shows_those_that_it_uses() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let plan = |flags: &[&str]| {
        let begin = ["plan", "list.csv", "--channel-arn", CHANNEL];
        work_dir.run(begin.iter().chain(flags))
    };
    let usual = plan(&[]);
    assert_eq!(usual.code, Some(0), "{usual:#?}");
    let help = work_dir.run(["plan", "--help"]).stdout;
    for flags in RUN_FLAGS {
        let output = plan(flags);
        assert_eq!(output.code, Some(0), "{flags:?}: {output:#?}");
        assert_eq!(output.stdout, usual.stdout, "{flags:?}");
        let is_shown = help.contains(flags[0]);
        assert_eq!(!is_shown, UNUSED.contains(&flags[0]), "{flags:?}: {help}");
    }
    let mut left = std::fs::read_dir(work_dir.path("")).unwrap();
    assert_eq!(left.next().unwrap().unwrap().file_name(), "list.csv");
    assert!(left.next().is_none());
}

#[test]
fn a_plan_is_of_the_service_that_run_would_call() {
    let elsewhere = CHANNEL.replace("us-east-1", "eu-west-1");
    let bot = format!("member_arn\n{APP}/user/ann\n{APP}/bot/b\n");
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    std::fs::write(work_dir.path("bots.csv"), bot).unwrap();
    for (list, flags, code, text) in [
        (
            "list.csv",
            &["--channel-arn", &*elsewhere][..],
            2,
            "not in region `eu-west-1`",
        ),
        (
            "list.csv",
            &["--channel-arn", &elsewhere, "--sandbox"],
            0,
            "",
        ),
        (
            "list.csv",
            &[
                "--channel-arn",
                &elsewhere,
                "--endpoint-url",
                "http://127.0.0.1:9",
            ],
            0,
            "",
        ),
        ("bots.csv", &["--channel-arn", CHANNEL], 0, ""),
        (
            "bots.csv",
            &["--channel-arn", CHANNEL, "--api", "legacy"],
            1,
            "",
        ),
        (
            "list.csv",
            &[
                "--channel-arn",
                CHANNEL,
                "--api",
                "legacy",
                "--sub-channel-id",
                "s",
            ],
            2,
            "sub-channel",
        ),
    ] {
        let output = work_dir.run(["plan", list].iter().chain(flags));
        assert_eq!(output.code, Some(code), "{flags:?}: {output:#?}");
        assert!(output.stderr.contains(text), "{flags:?}: {output:#?}");
    }
}

#[test]
fn a_dry_run_is_answered_with_the_plan_of_the_same_list() {
    let work_dir = WorkDir::with("May members.csv", ids("u", 3));
    let words = [
        "run",
        "May members.csv",
        "--dry-run",
        "--channel-arn",
        CHANNEL,
        "--sandbox",
    ];
    let output = work_dir.run(words);
    assert_eq!(output.code, Some(2), "{output:#?}");
    let plan = format!("plan 'May members.csv' --channel-arn {CHANNEL} --sandbox");
    let expected = format!(
        "error: --dry-run: run always adds the members\n\n\
         hint: use plan, which makes no call: chime-bulk {plan}\n"
    );
    assert_eq!(output.stderr, expected);
    assert!(!work_dir.path("runs").exists());
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{program} {plan}")]);
    let planned = Output::of(shell.current_dir(work_dir.path("")));
    assert_eq!(planned.code, Some(0), "{planned:#?}");
    // From a variable or a file, it is no trial either.
    let mut command = work_dir.command(words.iter().filter(|word| **word != "--dry-run"));
    let output = Output::of(command.env("CHIME_BULK_DRY_RUN", "true"));
    assert_eq!((output.code, output.stderr), (Some(2), expected));
}

#[test]
fn an_unknown_variable_is_a_warning_with_the_nearest_name() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let mut command = work_dir.command(["plan", "list.csv", "--channel-arn", CHANNEL]);
    command
        .env("CHIME_BULK_BEARRER", "secret")
        .env("CHIME_BULK_QQQ", "secret");
    command
        .env("CHIME_BULK_CONFIG", "")
        .env("CHIME_BULK_LOG_FILE", "log");
    let output = Output::of(&mut command);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let warnings = "warning: the variable CHIME_BULK_BEARRER is not one of this program: \
                    did you mean CHIME_BULK_BEARER?\n\
                    warning: the variable CHIME_BULK_QQQ is not one of this program\n";
    assert!(output.stderr.starts_with(warnings), "{output:#?}");
    assert!(!output.stderr.contains("secret"), "{output:#?}");
    // With the error that it may explain, and as JSON.
    let mut command = work_dir.command(["run", "list.csv", "--progress", "json"]);
    let output = Output::of(command.env("CHIME_BULK_BEARRER", "secret"));
    assert_eq!(output.code, Some(2), "{output:#?}");
    let begin = "{\"event\":\"note\",\"text\":\"warning: the variable CHIME_BULK_BEARRER is not";
    assert!(output.stderr.starts_with(begin), "{output:#?}");
    let mut command = work_dir.command(["--version"]);
    assert_eq!(
        Output::of(command.env("CHIME_BULK_BEARRER", "secret")).stderr,
        ""
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let words = [
        "run",
        "list.csv",
        "--channel-arn",
        CHANNEL,
        "--sandbox",
        "--run-dir",
        "run",
    ];
    let mut command = work_dir.command(words);
    for name in [
        "CONFIG",
        "MAX_RATE",
        "BEARER",
        "REGION",
        "LOG_FILE",
        "PROGRESS",
        "UNLIMITED",
        "WHERE",
    ] {
        command.env(format!("CHIME_BULK_{name}"), "");
    }
    let output = Output::of(&mut command);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(!output.stderr.contains("warning"), "{output:#?}");
}

#[test]
fn blanks_and_line_ends_around_values_are_left_out() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let around = |value: &str| format!(" {value}\t\r");
    let values = [
        ("channel-arn", CHANNEL),
        ("app-instance-arn", APP),
        ("region", "us-east-1"),
        ("max-rate", "5"),
        ("max-attempts", "3"),
        ("members-per-call", "50"),
        ("max-record-size", "64"),
        ("max-failures", "5%"),
        ("type", "HIDDEN"),
        ("api", "messaging"),
        ("endpoint-url", "http://127.0.0.1:9"),
    ];
    let bearers = format!(" {BEARER}, {BEARER} \r");
    let mut flags = work_dir.command(["plan", "list.csv", "--bearer", &bearers]);
    let mut variables = work_dir.command(["plan", "list.csv"]);
    variables.env("CHIME_BULK_BEARER", &bearers);
    let mut file = vec![format!("bearer = {bearers:?}")];
    for (name, value) in values {
        let value = around(value);
        flags.arg(format!("--{name}={value}"));
        let variable = name.to_uppercase().replace('-', "_");
        variables.env(format!("CHIME_BULK_{variable}"), &value);
        file.push(format!("{name} = {value:?}"));
    }
    std::fs::write(work_dir.path("job.toml"), file.join("\n")).unwrap();
    let config = work_dir.command(["plan", "list.csv", "--config", "job.toml"]);
    for mut command in [flags, variables, config] {
        let output = Output::of(&mut command);
        assert_eq!(output.code, Some(0), "{output:#?}");
    }
}

#[test]
fn a_profile_that_does_not_exist_is_the_first_error() {
    let work_dir = WorkDir::new();
    std::fs::create_dir(work_dir.path(".aws")).unwrap();
    let error = |known: &str, name: &str| {
        format!(
            "error: there is no AWS profile `{name}`{known}\n\nhint: name an existing one with --profile"
        )
    };
    // Without a bearer, and the list does not exist.
    let run = ["run", "list.csv", "--profile", "wrok"];
    let output = work_dir.run(run);
    assert_eq!(output.code, Some(2), "{output:#?}");
    let none = "; the AWS configuration has no profiles";
    assert!(
        output.stderr.starts_with(&error(none, "wrok")),
        "{output:#?}"
    );
    std::fs::write(
        work_dir.path(".aws/config"),
        "[default]\n[profile work]\nregion = us-east-1\n",
    )
    .unwrap();
    for mut command in [work_dir.command(run), {
        let mut command = work_dir.command(["run", "list.csv"]);
        command.env("AWS_PROFILE", "wrok");
        command
    }] {
        let output = Output::of(&mut command);
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(
            output
                .stderr
                .starts_with(&error(", only default, work", "wrok")),
            "{output:#?}"
        );
    }
    // The next error is another one if the profile exists, or is not used.
    let mut with_keys = work_dir.command(["run", "list.csv"]);
    with_keys
        .env("AWS_PROFILE", "wrok")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    for mut command in [
        work_dir.command(["run", "list.csv", "--profile", "work"]),
        with_keys,
    ] {
        let output = Output::of(&mut command);
        assert!(
            output.stderr.starts_with("error: no bearer given"),
            "{output:#?}"
        );
    }
}
