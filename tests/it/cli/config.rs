//! Where the values of flags come from.

use crate::support::program::{APP, Ended, WorkDir, ids, repository};

/// What `--print-config` says of a run, as lines.
fn shown(place: &WorkDir, flags: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let begin = ["run", "list.csv", "--print-config"];
    let mut command = place.command(begin.iter().chain(flags));
    let ended = Ended::of(command.envs(variables.iter().copied()));
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(0), ""),
        "{ended:#?}"
    );
    ended.stdout.lines().map(str::to_owned).collect()
}

fn has(lines: &[String], line: &str) -> bool {
    lines.iter().any(|l| l == line)
}

const FILE: &str = "\
# A job.
channel-rate = 3
bearer-rate = 30.5
max-rate = 300
bearer = [\"arn:aws:chime:us-east-1:1:app-instance/i/user/a\", \"arn:aws:chime:us-east-1:1:app-instance/i/user/b\"]
where = \"team=red\"
no-header = true
delimiter = \";\"
verbose = 2
";

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let place = WorkDir::with("job.toml", FILE);
    let flags = ["--config", "job.toml", "--channel-rate", "1"];
    let variables = [
        ("CHIME_BULK_CHANNEL_RATE", "2"),
        ("CHIME_BULK_BEARER_RATE", "20"),
    ];
    let lines = shown(&place, &flags, &variables);
    for line in [
        "channel-rate = 1 # --channel-rate",
        "bearer-rate = 20 # CHIME_BULK_BEARER_RATE",
        "max-rate = 300 # job.toml, line 4",
        "bearer = [\"arn:aws:chime:us-east-1:1:app-instance/i/user/a\", \"arn:aws:chime:us-east-1:1:app-instance/i/user/b\"] # job.toml, line 5",
        "where = [\"team=red\"] # job.toml, line 6",
        "no-header = true # job.toml, line 7",
        "delimiter = \";\" # job.toml, line 8",
        "verbose = 2 # job.toml, line 9",
        "sandbox = false # default",
        "progress = \"auto\" # default",
        "# region: not given",
    ] {
        assert!(has(&lines, line), "{line}: {lines:#?}");
    }
    assert!(!place.path("runs").exists());
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let place = WorkDir::with("job.toml", FILE);
    let values = |lines: Vec<String>| {
        let value = |line: &String| line.split(" # ").next().unwrap().to_owned();
        lines.iter().map(value).collect::<Vec<_>>()
    };
    let first = shown(&place, &["--config", "job.toml"], &[]);
    std::fs::write(place.path("again.toml"), first.join("\n")).unwrap();
    let again = shown(&place, &[], &[("CHIME_BULK_CONFIG", "again.toml")]);
    assert_eq!(values(first), values(again));
}

#[test]
fn a_flag_sets_aside_what_it_rules_out_in_the_file() {
    let place = WorkDir::with("job.toml", "region = \"us-east-1\"\nprofile = \"work\"\n");
    let lines = shown(&place, &["--config", "job.toml", "--sandbox"], &[]);
    for line in [
        "sandbox = true # --sandbox",
        "# region: not given",
        "# profile: not given",
    ] {
        assert!(has(&lines, line), "{line}: {lines:#?}");
    }
    // One file serves several commands: what this one does not know is not its own.
    let place = WorkDir::with("job.toml", "if-exists = \"resume\"\njson = true\n");
    std::fs::write(place.path("list.csv"), ids("u", 3)).unwrap();
    let channel = format!("{APP}/channel/c");
    let flags = [
        "plan",
        "list.csv",
        "--channel-arn",
        &channel,
        "--config",
        "job.toml",
    ];
    let ended = place.run(flags);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.starts_with('{'), "{ended:#?}");
}

#[test]
fn a_wrong_file_is_refused_with_place_and_fix() {
    for (file, what, hint) in [
        ("a = = 1", "job.toml, line 1: ", "hint: the file is TOML: "),
        (
            "json = true\nchanel-rate = 1",
            "job.toml, line 2: `chanel-rate` is not a flag\n",
            "hint: did you mean channel-rate?\n",
        ),
        (
            "print-config = true",
            "job.toml, line 1: `print-config` is not a flag\n",
            "hint: ",
        ),
        (
            "[limits]\nmax-rate = 1",
            "job.toml, line 1: `limits` is not a flag\n",
            "hint: the names are those of the flags",
        ),
        (
            "bearer = { arn = 1 }",
            "job.toml, line 1: `bearer` is table\n",
            "hint: give a text, a number, true or false",
        ),
        (
            "\n\nsandbox = \"yes\"",
            "job.toml, line 3: `sandbox` is true or false\n",
            "hint: write true or false",
        ),
        (
            "max-rate = 5\nchannel-rate = \"fast\"",
            "job.toml, line 2: invalid value 'fast' for '--channel-rate <N>': calls per second",
            "hint: correct it there",
        ),
        (
            "max-rate = 5\nbearer = [\"arn:aws:chime:us-east-1:1:app-instance/i/user/a\", \"admin\"]",
            "job.toml, line 2: --bearer `admin`: not an ARN (expected arn:aws:chime:",
            "hint: the bearer is an app instance user or bot: arn:aws:chime:",
        ),
        (
            "sub-channel-id = \"a b\"",
            "job.toml, line 1: --sub-channel-id: a sub-channel id has 1 to 128 letters",
            "hint: correct it there",
        ),
        (
            "channel-rate = [1, 2]",
            "job.toml, line 1: the argument '--channel-rate <N>' cannot be used multiple times\n",
            "hint: correct it there",
        ),
        (
            "sandbox = true\nregion = \"us-east-1\"",
            "job.toml: the argument '--sandbox' cannot be used with",
            "hint: correct it there",
        ),
    ] {
        let place = WorkDir::with("job.toml", file);
        std::fs::write(place.path("list.csv"), ids("u", 3)).unwrap();
        let ended = place.run(["run", "list.csv", "--config", "job.toml"]);
        assert_eq!(ended.code, Some(2), "{file}: {ended:#?}");
        assert!(
            ended.stderr.starts_with(&format!("error: {what}")),
            "{file}: {ended:#?}"
        );
        assert!(
            ended.stderr.contains(&format!("\n{hint}")),
            "{file}: {ended:#?}"
        );
    }
    let place = WorkDir::new();
    let ended = place.run(["run", "list.csv", "--config", "job.toml"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.stderr.starts_with("error: job.toml: No such file"),
        "{ended:#?}"
    );
}

#[test]
fn a_run_does_as_the_file_says() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let file = format!(
        "channel-arn = \"{APP}/channel/c\"\nsandbox = true\nunlimited = true\nlatency = 0\n\
         channel-rate = 100000\nmembers-per-call = 50\nrun-dir = \"run\"\n"
    );
    std::fs::write(place.path("job.toml"), file).unwrap();
    let ended = place.run(["run", "list.csv", "--config", "job.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!((summary.added, summary.calls), (250, 5));
}

#[test]
fn the_sample_is_such_a_file() {
    let file = repository("samples/deploy/job.toml");
    let place = WorkDir::with("job.toml", &file);
    let lines = shown(&place, &["--config", "job.toml"], &[]);
    assert!(
        has(&lines, "max-failures = \"5%\" # job.toml, line 3"),
        "{lines:#?}"
    );
    let taken = lines
        .iter()
        .filter(|line| line.contains(" # job.toml, line "));
    assert_eq!(taken.count(), file.lines().count());
}
