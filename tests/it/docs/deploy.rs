//! `samples/deploy/`: each file is valid, and its command runs the job.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use yaml_rust2::{Yaml, YamlLoader};

use crate::support::program::{Output, Sandbox, WorkDir, ids, repository, table};

/// The directory of the job in the samples for cron and systemd.
const HOME: &str = "/srv/onboarding";
/// The sections and keys that the samples may use, from systemd.unit(5), systemd.service(5) and
/// systemd.timer(5).
const UNIT_KEYS: [(&str, &[&str]); 4] = [
    ("Unit", &["Description", "Wants", "After"]),
    (
        "Service",
        &[
            "Type",
            "WorkingDirectory",
            "ExecStart",
            "SuccessExitStatus",
            "TimeoutStopSec",
        ],
    ),
    ("Timer", &["OnCalendar", "Persistent"]),
    ("Install", &["WantedBy"]),
];

fn sample(name: &str) -> String {
    repository(&format!("samples/deploy/{name}"))
}

/// Checks the five fields of a cron schedule, which must be numbers or `*`.
fn check_schedule(schedule: &str) {
    let fields: Vec<&str> = schedule.split(' ').collect();
    assert_eq!(fields.len(), 5, "{schedule}");
    for (field, most) in fields.iter().zip([59, 23, 31, 12, 7]) {
        let number = field.parse().ok().filter(|number: &u32| *number <= most);
        assert!(*field == "*" || number.is_some(), "{schedule}");
    }
}

/// The command in the only line of the crontab.
fn of_crontab() -> String {
    let file = sample("chime-bulk.crontab");
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    let [line] = lines[..] else {
        panic!("{lines:#?}");
    };
    let (at, _) = line.match_indices(' ').nth(4).unwrap();
    check_schedule(&line[..at]);
    let command = &line[at + 1..];
    // For cron, an unescaped % ends the command.
    assert_eq!(command.matches('%').count(), command.matches("\\%").count());
    command.replace("\\%", "%")
}

/// The settings of a unit file: section, key and value.
fn unit(name: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in sample(name).lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(inner) = line.strip_prefix('[') {
            section = inner.strip_suffix(']').unwrap().to_owned();
            continue;
        }
        let (key, value) = line.split_once('=').unwrap();
        let known = UNIT_KEYS.iter().find(|(name, _)| *name == section);
        assert!(
            known.is_some_and(|(_, keys)| keys.contains(&key)),
            "[{section}] {key}"
        );
        settings.push((section.clone(), key.to_owned(), value.to_owned()));
    }
    settings
}

/// The value of a key, which must occur once.
fn value(unit: &[(String, String, String)], key: &str) -> String {
    let found: Vec<_> = unit.iter().filter(|setting| setting.1 == key).collect();
    assert_eq!(found.len(), 1, "{key}");
    found[0].2.clone()
}

/// The shell command of the service, with its working directory.
fn of_service() -> String {
    let service = unit("chime-bulk.service");
    assert_eq!(value(&service, "Type"), "oneshot");
    let statuses = value(&service, "SuccessExitStatus");
    assert!(
        statuses
            .split(' ')
            .all(|status| exit_codes().contains(status))
    );
    let start = value(&service, "ExecStart");
    let command = start
        .strip_prefix("/bin/sh -c '")
        .unwrap()
        .strip_suffix('\'')
        .unwrap();
    // systemd expands % and $, unless they are doubled.
    let bare = command.replace("%%", "").replace("$$", "");
    assert!(!bare.contains(['%', '$', '\'', '\\']), "{command}");
    let command = command.replace("%%", "%").replace("$$", "$");
    format!("cd {} && {command}", value(&service, "WorkingDirectory"))
}

/// The exit codes in the README's table.
fn exit_codes() -> BTreeSet<String> {
    let readme = repository("README.md");
    let rows = table(&readme, "code");
    rows.iter().skip(2).map(|row| row[0].to_owned()).collect()
}

/// The command of the container, which runs in its working directory.
fn of_kubernetes() -> String {
    let documents = YamlLoader::load_from_str(&sample("kubernetes.yaml")).unwrap();
    let [job] = &documents[..] else {
        panic!("{documents:#?}");
    };
    assert_eq!(job["apiVersion"].as_str(), Some("batch/v1"));
    assert_eq!(job["kind"].as_str(), Some("CronJob"));
    check_schedule(job["spec"]["schedule"].as_str().unwrap());
    let spec = &job["spec"]["jobTemplate"]["spec"];
    let codes = &spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"];
    let code = |code: &Yaml| code.as_i64().unwrap().to_string();
    assert!(
        codes
            .as_vec()
            .unwrap()
            .iter()
            .all(|it| exit_codes().contains(&code(it)))
    );
    let pod = &spec["template"]["spec"];
    // Kubernetes accepts a failure policy only with this.
    assert_eq!(pod["restartPolicy"].as_str(), Some("Never"));
    let container = &pod["containers"][0];
    let words = |key: &str| -> Vec<String> {
        let words = container[key].as_vec().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(words("command"), ["sh", "-c"]);
    let [command] = &words("args")[..] else {
        panic!("{container:#?}");
    };
    assert_eq!(
        container["volumeMounts"][0]["mountPath"].as_str(),
        container["workingDir"].as_str()
    );
    assert_eq!(
        container["volumeMounts"][0]["name"].as_str(),
        pod["volumes"][0]["name"].as_str()
    );
    format!("cd {HOME} && {command}")
}

/// The command of the container, which runs in its working directory.
fn of_ecs() -> String {
    let task: serde_json::Value = serde_json::from_str(&sample("ecs-task.json")).unwrap();
    let container = &task["containerDefinitions"][0];
    assert_eq!(container["entryPoint"], serde_json::json!(["sh", "-c"]));
    assert_eq!(
        container["mountPoints"][0]["containerPath"],
        container["workingDirectory"]
    );
    assert_eq!(
        container["mountPoints"][0]["sourceVolume"],
        task["volumes"][0]["name"]
    );
    let command = container["command"][0].as_str().unwrap();
    format!("cd {HOME} && {command}")
}

/// Runs a command of the samples in a directory of its own, as a scheduler would.
fn perform(work_dir: &WorkDir, sandbox: &Sandbox, command: &str) -> Output {
    let home = work_dir.path("");
    let command = command.replace(HOME, home.to_str().unwrap());
    let program = Path::new(env!("CARGO_BIN_EXE_chime-bulk"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut shell = sandbox.call(Command::new("/bin/sh"));
    shell
        .args(["-euc", &command])
        .env("PATH", path)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    Output::of(&mut shell)
}

#[test]
fn each_command_runs_the_job_once_a_day() {
    for (name, command) in [
        ("crontab", of_crontab()),
        ("service", of_service()),
        ("kubernetes", of_kubernetes()),
        ("ecs", of_ecs()),
    ] {
        let work_dir = WorkDir::with("members.csv", ids("u", 120));
        std::fs::write(work_dir.path("job.toml"), sample("job.toml")).unwrap();
        let sandbox = Sandbox::start(&work_dir, &[]);
        let output = perform(&work_dir, &sandbox, &command);
        assert_eq!(output.code, Some(0), "{name}: {output:#?}");
        let runs: Vec<_> = std::fs::read_dir(work_dir.path("runs")).unwrap().collect();
        let [run] = &runs[..] else {
            panic!("{name}: {runs:#?}");
        };
        let run = run.as_ref().unwrap().file_name().into_string().unwrap();
        assert_eq!(run.len(), "2024-05-06".len(), "{name}: {run}");
        let run = format!("runs/{run}");
        assert_eq!(work_dir.summary(&run).added, 120, "{name}");
        // The second start on the same day does nothing. (After midnight it would be a new run.)
        let again = perform(&work_dir, &sandbox, &command);
        assert_eq!(again.code, Some(0), "{name}: {again:#?}");
        assert_eq!(work_dir.summary(&run).calls, 2, "{name}");
    }
}

#[test]
fn the_timer_starts_the_service() {
    let timer = unit("chime-bulk.timer");
    assert_eq!(value(&timer, "OnCalendar"), "02:00");
    assert_eq!(value(&timer, "WantedBy"), "timers.target");
}

#[test]
fn the_policy_allows_the_call_on_the_bearer_and_the_channels() {
    let policy: serde_json::Value = serde_json::from_str(&sample("iam-policy.json")).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Effect"], "Allow");
    assert_eq!(statement["Action"], "chime:BatchCreateChannelMembership");
    let job: toml::Table = sample("job.toml").parse().unwrap();
    assert_eq!(statement["Resource"][0].as_str(), job["bearer"][0].as_str());
    let channels = statement["Resource"][1].as_str().unwrap();
    let channel = job["channel-arn"].as_str().unwrap();
    assert!(channel.starts_with(channels.strip_suffix('*').unwrap()));
    let quotas = &policy["Statement"][2];
    let actions = [
        "servicequotas:GetServiceQuota",
        "servicequotas:GetAWSDefaultServiceQuota",
    ];
    assert_eq!(quotas["Action"], serde_json::json!(actions));
    assert_eq!(quotas["Resource"], "*");
    let [read, remove] = [&policy["Statement"][1], &policy["Statement"][3]];
    let actions = [
        "chime:DescribeChannel",
        "chime:DescribeChannelMembership",
        "chime:ListChannelMemberships",
        "chime:ListChannelModerators",
        "chime:ListSubChannels",
    ];
    assert_eq!(read["Action"], serde_json::json!(actions));
    assert_eq!(remove["Action"], "chime:DeleteChannelMembership");
    for other in [read, remove] {
        assert_eq!(other["Resource"], statement["Resource"]);
    }
}

#[test]
fn the_table_has_exactly_the_files() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/deploy"));
    let files = folder.unwrap().map(|file| file.unwrap().file_name());
    let files: BTreeSet<_> = files.map(|name| name.into_string().unwrap()).collect();
    let readme = repository("samples/README.md");
    let (_, shards) = readme.split_once("\n### Shards\n").unwrap();
    let rows = [table(&readme, "file"), table(shards, "file")];
    let rows = rows.iter().flat_map(|rows| rows.iter().skip(2));
    let named = rows.flat_map(|row| row[0].split(", "));
    let named: BTreeSet<_> = named
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    assert_eq!(named, files);
}

#[test]
fn each_script_has_no_syntax_error() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/deploy");
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.map(|file| file.unwrap().path());
    let scripts: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "sh"))
        .collect();
    assert!(!scripts.is_empty());
    for script in scripts {
        let output = Output::of(Command::new("bash").arg("-n").arg(&script));
        assert_eq!(output.code, Some(0), "{}: {output:#?}", script.display());
    }
}
