//! The values of flags: from the command line, the environment, the file, or the default.

use crate::support::program::{APP, CHANNEL, Output, WorkDir, ids, repository};

/// The lines that `run --print-config` prints.
fn print_config(work_dir: &WorkDir, flags: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let begin = ["run", "list.csv", "--print-config"];
    let mut command = work_dir.command(begin.iter().chain(flags));
    let output = Output::of(command.envs(variables.iter().copied()));
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:#?}"
    );
    output.stdout.lines().map(str::to_owned).collect()
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
    let work_dir = WorkDir::with("job.toml", FILE);
    let flags = ["--config", "job.toml", "--channel-rate", "1"];
    let variables = [
        ("CHIME_BULK_CHANNEL_RATE", "2"),
        ("CHIME_BULK_BEARER_RATE", "20"),
    ];
    let lines = print_config(&work_dir, &flags, &variables);
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
    assert!(!work_dir.path("runs").exists());
}

#[test]
fn the_printed_configuration_is_a_file_with_the_same_values() {
    let work_dir = WorkDir::with("job.toml", FILE);
    let values = |lines: Vec<String>| {
        let value = |line: &String| line.split(" # ").next().unwrap().to_owned();
        lines.iter().map(value).collect::<Vec<_>>()
    };
    let first = print_config(&work_dir, &["--config", "job.toml"], &[]);
    std::fs::write(work_dir.path("printed.toml"), first.join("\n")).unwrap();
    let second = print_config(&work_dir, &[], &[("CHIME_BULK_CONFIG", "printed.toml")]);
    assert_eq!(values(first), values(second));
}

#[test]
fn a_flag_disables_conflicting_settings_of_the_file() {
    let work_dir = WorkDir::with("job.toml", "region = \"us-east-1\"\nprofile = \"work\"\n");
    let lines = print_config(&work_dir, &["--config", "job.toml", "--sandbox"], &[]);
    for line in [
        "sandbox = true # --sandbox",
        "# region: not given",
        "# profile: not given",
    ] {
        assert!(has(&lines, line), "{line}: {lines:#?}");
    }
    // One file can be used with several commands. A command ignores the flags of the others.
    let work_dir = WorkDir::with("job.toml", "if-exists = \"resume\"\njson = true\n");
    std::fs::write(work_dir.path("list.csv"), ids("u", 3)).unwrap();
    let flags = [
        "plan",
        "list.csv",
        "--channel-arn",
        CHANNEL,
        "--config",
        "job.toml",
    ];
    let output = work_dir.run(flags);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.starts_with('{'), "{output:#?}");
}

#[test]
fn an_invalid_file_is_refused_with_its_line_and_a_hint() {
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
            "[settings]\nmax-rate = 1",
            "job.toml, line 1: `settings` is not a flag\n",
            "hint: the names are those of the flags",
        ),
        (
            "bearer = { arn = 1 }",
            "job.toml, line 1: `bearer` is table\n",
            "hint: write a text, a number, true or false",
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
        let work_dir = WorkDir::with("job.toml", file);
        std::fs::write(work_dir.path("list.csv"), ids("u", 3)).unwrap();
        let output = work_dir.run(["run", "list.csv", "--config", "job.toml"]);
        assert_eq!(output.code, Some(2), "{file}: {output:#?}");
        assert!(
            output.stderr.starts_with(&format!("error: {what}")),
            "{file}: {output:#?}"
        );
        assert!(
            output.stderr.contains(&format!("\n{hint}")),
            "{file}: {output:#?}"
        );
    }
    let work_dir = WorkDir::new();
    let output = work_dir.run(["run", "list.csv", "--config", "job.toml"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output.stderr.starts_with("error: job.toml: No such file"),
        "{output:#?}"
    );
}

#[test]
fn a_run_uses_the_settings_of_the_file() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let file = format!(
        "channel-arn = \"{APP}/channel/c\"\nsandbox = true\nunlimited = true\nlatency = 0\n\
         channel-rate = 100000\nmembers-per-call = 50\nrun-dir = \"run\"\n"
    );
    std::fs::write(work_dir.path("job.toml"), file).unwrap();
    let output = work_dir.run(["run", "list.csv", "--config", "job.toml"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!((summary.added, summary.calls), (250, 5));
}

#[test]
fn all_lines_of_the_sample_file_are_used() {
    let file = repository("samples/deploy/job.toml");
    let work_dir = WorkDir::with("job.toml", &file);
    let lines = print_config(&work_dir, &["--config", "job.toml"], &[]);
    assert!(
        has(&lines, "max-failures = \"5%\" # job.toml, line 3"),
        "{lines:#?}"
    );
    let used = lines
        .iter()
        .filter(|line| line.contains(" # job.toml, line "));
    assert_eq!(used.count(), file.lines().count());
}
