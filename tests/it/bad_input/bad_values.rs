//! Invalid values of flags: the program refuses them before it starts anything, with the same
//! message whether the value comes from a flag or from a variable.

use crate::support::program::{APP, CHANNEL, Output, WorkDir, ids};

/// Where a value comes from.
#[derive(Clone, Copy)]
enum Origin {
    Flag,
    Variable,
}

fn run_with(work_dir: &WorkDir, origin: Origin, flag: &str, value: &str) -> Output {
    let mut command = work_dir.command(["run", "list.csv"]);
    match origin {
        Origin::Flag => command.args([flag, value]),
        Origin::Variable => {
            let name = flag.trim_start_matches('-').to_uppercase();
            command.env(format!("CHIME_BULK_{}", name.replace('-', "_")), value)
        }
    };
    Output::of(&mut command)
}

#[test]
fn an_invalid_value_of_a_flag_exits_with_2_and_a_hint() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let user = format!("{APP}/user/ann");
    let (bearer_hint, channel_hint, url_hint) = (
        "the bearer is an app instance user or bot: \
         arn:aws:chime:REGION:ACCOUNT:app-instance/ID/user/ID",
        "give the whole ARN, arn:aws:chime:REGION:ACCOUNT:app-instance/ID/channel/ID, \
         or an id and --app-instance-arn",
        "give it as --endpoint-url http://127.0.0.1:8480",
    );
    let cases = [
        (
            "--bearer",
            "admin",
            "--bearer `admin`: not an ARN (expected arn:aws:chime:REGION:ACCOUNT:app-instance/ID/…)",
            Some(bearer_hint),
        ),
        (
            "--bearer",
            "arn:aws:s3:::bucket",
            "--bearer `arn:aws:s3:::bucket`: an ARN of the service `s3`, not of chime",
            Some(bearer_hint),
        ),
        (
            "--channel-arn",
            &user,
            "--channel-arn: not the ARN of a channel",
            Some(channel_hint),
        ),
        (
            "--channel-arn",
            "a b",
            "--channel-arn: a channel's id has visible ASCII characters only, and no slash",
            Some(channel_hint),
        ),
        (
            "--app-instance-arn",
            "arn:aws:s3:::bucket",
            "--app-instance-arn: an ARN of another AWS service, not of chime",
            None,
        ),
        (
            "--sub-channel-id",
            "a b",
            "--sub-channel-id: a sub-channel id has 1 to 128 letters, digits, - or _",
            None,
        ),
        (
            "--endpoint-url",
            "http://ann:secret@localhost",
            "the endpoint URL is not of the form http://HOST:PORT or https://HOST",
            Some(url_hint),
        ),
        (
            "--admin",
            "admin",
            "--admin `admin`: not an ARN (expected arn:aws:chime:REGION:ACCOUNT:app-instance/ID/…)",
            Some(bearer_hint),
        ),
    ];
    for (flag, value, error, hint) in cases {
        let hint = hint.map(|hint| format!("\nhint: {hint}\n"));
        let expected = format!("error: {error}\n{}", hint.unwrap_or_default());
        for origin in [Origin::Flag, Origin::Variable] {
            let output = run_with(&work_dir, origin, flag, value);
            assert_eq!(output.code, Some(2), "{flag} {value}: {output:#?}");
            assert_eq!(output.stderr, expected, "{flag} {value}");
            assert_eq!(output.stdout, "", "{flag} {value}");
        }
    }
    assert!(!work_dir.path("runs").exists());
}

#[test]
fn bearers_must_be_of_one_app_instance_and_repeats_count_once() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let [ann, bob] = ["ann", "bob"].map(|id| format!("{APP}/user/{id}"));
    let list = ["plan", "list.csv", "--channel-arn", CHANNEL];
    let plan = |bearers: &str| work_dir.run(list.iter().chain(&["--bearer", bearers]));
    let repeated = plan(&format!("{ann},{bob},{ann}"));
    assert_eq!(repeated.code, Some(0), "{repeated:#?}");
    assert!(repeated.stdout.contains("with 3 bearers"), "{repeated:#?}");
    let other = ann.replace("app-instance/", "app-instance/x");
    let mixed = plan(&format!("{ann},{other}"));
    assert_eq!(mixed.code, Some(2), "{mixed:#?}");
    let expected = "error: the bearers are of different app instances\n\n\
                  hint: a run is for one app instance: start one run for each\n";
    assert_eq!(mixed.stderr, expected);
}

#[test]
fn with_json_progress_a_command_line_error_is_json() {
    let work_dir = WorkDir::with("job.toml", "bearer = \"admin\"\nprogress = \"json\"\n");
    for (flags, text, hint) in [
        (
            &["--bearer", "admin", "--progress=json"][..],
            "--bearer `admin`: not an ARN",
            "the bearer is an app instance user",
        ),
        (
            &["--config", "job.toml"],
            "job.toml, line 1: --bearer `admin`: not an ARN",
            "the bearer is an app instance user",
        ),
        (
            &["--progress", "json", "--chanel-arn", "x"],
            "unexpected argument '--chanel-arn' found",
            "tip: a similar argument exists: '--channel-arn'",
        ),
    ] {
        let output = work_dir.run(["run", "list.csv"].iter().chain(flags));
        assert_eq!(output.code, Some(2), "{output:#?}");
        let lines: Vec<&str> = output.stderr.lines().collect();
        let [line] = lines[..] else {
            panic!("{output:#?}")
        };
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["event"], "error");
        for (field, begin) in [("text", text), ("hint", hint)] {
            let found = line[field].as_str().unwrap();
            assert!(found.starts_with(begin), "{begin}: {found}");
        }
    }
}
