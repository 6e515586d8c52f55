//! Values of flags that are not what the flag stands for: refused before anything is begun, with
//! the same words wherever they come from.

use crate::support::program::{APP, Ended, WorkDir, ids};

/// How a value is given.
#[derive(Clone, Copy)]
enum By {
    Flag,
    Variable,
}

fn given(place: &WorkDir, by: By, flag: &str, value: &str) -> Ended {
    let mut command = place.command(["run", "list.csv"]);
    match by {
        By::Flag => command.args([flag, value]),
        By::Variable => {
            let name = flag.trim_start_matches('-').to_uppercase();
            command.env(format!("CHIME_BULK_{}", name.replace('-', "_")), value)
        }
    };
    Ended::of(&mut command)
}

#[test]
fn a_value_that_is_not_what_its_flag_stands_for_is_2_with_its_fix() {
    let place = WorkDir::with("list.csv", ids("u", 3));
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
    for (flag, value, what, hint) in cases {
        let hint = hint.map(|hint| format!("\nhint: {hint}\n"));
        let wanted = format!("error: {what}\n{}", hint.unwrap_or_default());
        for by in [By::Flag, By::Variable] {
            let ended = given(&place, by, flag, value);
            assert_eq!(ended.code, Some(2), "{flag} {value}: {ended:#?}");
            assert_eq!(ended.stderr, wanted, "{flag} {value}");
            assert_eq!(ended.stdout, "", "{flag} {value}");
        }
    }
    assert!(!place.path("runs").exists());
}

#[test]
fn bearers_are_of_one_app_instance_and_count_once() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    let channel = format!("{APP}/channel/c");
    let [ann, bob] = ["ann", "bob"].map(|id| format!("{APP}/user/{id}"));
    let list = ["plan", "list.csv", "--channel-arn", &channel];
    let plan = |bearers: &str| place.run(list.iter().chain(&["--bearer", bearers]));
    let twice = plan(&format!("{ann},{bob},{ann}"));
    assert_eq!(twice.code, Some(0), "{twice:#?}");
    assert!(twice.stdout.contains("with 3 bearers"), "{twice:#?}");
    let stranger = ann.replace("app-instance/", "app-instance/x");
    let apart = plan(&format!("{ann},{stranger}"));
    assert_eq!(apart.code, Some(2), "{apart:#?}");
    let wanted = "error: the bearers are of different app instances\n\n\
                  hint: a run is for one app instance: start one run for each\n";
    assert_eq!(apart.stderr, wanted);
}

#[test]
fn in_json_an_error_of_the_command_line_is_json() {
    let place = WorkDir::with("job.toml", "bearer = \"admin\"\nprogress = \"json\"\n");
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
        let ended = place.run(["run", "list.csv"].iter().chain(flags));
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        let lines: Vec<&str> = ended.stderr.lines().collect();
        let [line] = lines[..] else {
            panic!("{ended:#?}")
        };
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["event"], "error");
        for (field, said) in [("text", text), ("hint", hint)] {
            let found = line[field].as_str().unwrap();
            assert!(found.starts_with(said), "{said}: {found}");
        }
    }
}
