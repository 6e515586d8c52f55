//! The samples that run a job in shards: each is valid, all have the same shards, and a shard is started again
//! after the exit codes that a resume can help, and after no others.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::program::{WorkDir, repository, table};

/// The number of shards in each sample.
const SHARDS: i64 = 4;
/// The flags of a shard that all samples share.
const FLAGS: &str = "--run-dir onboarding --if-exists resume";
const MERGE: &str = "chime-bulk merge onboarding";

fn sample(name: &str) -> String {
    repository(&format!("samples/deploy/{name}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&sample(name)).unwrap()
}

/// The exit codes in the README's table: after which the same command resumes, and the others but 0.
fn exit_codes() -> (BTreeSet<i64>, BTreeSet<i64>) {
    let readme = repository("README.md");
    let rows = table(&readme, "code");
    let codes = rows
        .iter()
        .skip(2)
        .map(|row| (row[0].parse().unwrap(), row[1]));
    let codes = codes.filter(|(code, _)| *code != 0);
    let is_resumed =
        |meaning: &str| meaning.starts_with("stopped: ") || meaning.starts_with("interrupted");
    let (resumed, ended): (Vec<_>, Vec<_>) = codes.partition(|(_, meaning)| is_resumed(meaning));
    let numbers = |codes: Vec<(i64, &str)>| codes.into_iter().map(|(code, _)| code).collect();
    (numbers(resumed), numbers(ended))
}

#[test]
fn the_table_says_which_exit_codes_a_resume_can_help() {
    let (resumed, ended) = exit_codes();
    assert_eq!(resumed, BTreeSet::from([3, 130]));
    assert_eq!(ended, BTreeSet::from([1, 2, 4]));
}

#[test]
fn batch_retries_stopped_and_interrupted_shards_only() {
    let job = json("batch-job.json");
    let rules = job["retryStrategy"]["evaluateOnExit"].as_array().unwrap();
    let (last, retries) = rules.split_last().unwrap();
    assert_eq!(
        (&last["onExitCode"], &last["action"]),
        (&"*".into(), &"EXIT".into())
    );
    let codes = retries.iter().map(|rule| {
        assert_eq!(rule["action"], "RETRY");
        rule["onExitCode"].as_str().unwrap().parse().unwrap()
    });
    assert_eq!(codes.collect::<BTreeSet<i64>>(), exit_codes().0);
    // What AWS Batch allows.
    let attempts = job["retryStrategy"]["attempts"].as_i64().unwrap();
    assert!((1..=10).contains(&attempts) && rules.len() <= 5);
    let container = &job["containerProperties"];
    let command = container["command"][2].as_str().unwrap();
    assert!(
        command.contains(&format!("--shard batch {FLAGS};")),
        "{command}"
    );
    assert_eq!(
        container["mountPoints"][0]["sourceVolume"],
        container["volumes"][0]["name"]
    );
    let submit = sample("batch-submit.sh");
    assert!(submit.contains(&format!("--array-properties size={SHARDS} ")));
    assert!(submit.contains("--depends-on \"jobId=$shards\"") && submit.contains(MERGE));
    let name = job["jobDefinitionName"].as_str().unwrap();
    assert_eq!(
        submit.matches(&format!("--job-definition {name} ")).count(),
        2
    );
}

#[test]
fn the_command_of_batch_succeeds_if_only_rows_are_missing() {
    let job = json("batch-job.json");
    let command = job["containerProperties"]["command"][2].as_str().unwrap();
    let command = command.replace("cd /job && ", "");
    for (code, expected) in [(0, 0), (1, 0), (2, 2), (3, 3), (4, 4), (130, 130)] {
        let work_dir = WorkDir::new();
        stand_in(&work_dir, "chime-bulk", &format!("exit {code}"));
        let status = shell(&work_dir, &["-c", &command], &[]);
        assert_eq!(status, Some(expected));
    }
}

#[test]
fn kubernetes_resumes_stopped_and_interrupted_shards_only() {
    let documents = YamlLoader::load_from_str(&sample("kubernetes-shards.yaml")).unwrap();
    let [shards, merge] = &documents[..] else {
        panic!("{documents:#?}");
    };
    for job in [shards, merge] {
        assert_eq!(job["apiVersion"].as_str(), Some("batch/v1"));
        assert_eq!(job["kind"].as_str(), Some("Job"));
    }
    let spec = &shards["spec"];
    assert_eq!(spec["completionMode"].as_str(), Some("Indexed"));
    assert_eq!(spec["completions"].as_i64(), Some(SHARDS));
    assert!(spec["backoffLimitPerIndex"].as_i64() > Some(0));
    // Kubernetes accepts a failure policy only with this.
    assert_eq!(
        spec["template"]["spec"]["restartPolicy"].as_str(),
        Some("Never")
    );
    let rules = spec["podFailurePolicy"]["rules"].as_vec().unwrap();
    let condition = &rules[0]["onPodConditions"][0]["type"];
    let action = |rule: &Yaml| rule["action"].as_str().unwrap().to_owned();
    assert_eq!(
        (action(&rules[0]).as_str(), condition.as_str()),
        ("Ignore", Some("DisruptionTarget"))
    );
    let codes = |rule: &Yaml| -> BTreeSet<i64> {
        assert_eq!(rule["onExitCodes"]["operator"].as_str(), Some("In"));
        let values = rule["onExitCodes"]["values"].as_vec().unwrap();
        values.iter().map(|code| code.as_i64().unwrap()).collect()
    };
    let by_action: BTreeMap<_, _> = rules[1..]
        .iter()
        .map(|rule| (action(rule), codes(rule)))
        .collect();
    let (resumed, ended) = exit_codes();
    assert_eq!(
        by_action,
        BTreeMap::from([
            ("Count".to_owned(), resumed),
            ("FailIndex".to_owned(), ended)
        ])
    );
    let words = |job: &Yaml| {
        let words = job["spec"]["template"]["spec"]["containers"][0]["args"]
            .as_vec()
            .unwrap()
            .iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let flags = FLAGS
        .replace("-dir ", "-dir=")
        .replace("exists ", "exists=");
    assert!(words(shards).ends_with(&format!("--shard=kubernetes/{SHARDS} {flags}")));
    assert_eq!(format!("chime-bulk {}", words(merge)), MERGE);
    let script = sample("kubernetes-shards.sh");
    for job in [shards, merge] {
        let part = job["metadata"]["labels"]["part"].as_str().unwrap();
        assert!(
            script.contains(&format!("--selector part={part}\n")),
            "{part}"
        );
    }
    let name = shards["metadata"]["name"].as_str().unwrap();
    assert!(script.contains(&format!("kubectl get job {name} ")));
}

#[test]
fn step_functions_resumes_stopped_and_interrupted_shards_only() {
    let machine = json("step-functions.json");
    check_states(&machine);
    let states = &machine["States"];
    assert_eq!(
        states["Shards"]["Result"]["shards"],
        serde_json::json!([1, 2, 3, 4])
    );
    let shard = &states["EachShard"]["ItemProcessor"];
    check_states(shard);
    assert_eq!(states["EachShard"]["Next"], "Merge");
    let choices = shard["States"]["IsToBeResumed"]["Choices"]
        .as_array()
        .unwrap();
    let resumed = choices.iter().filter(|choice| choice["Next"] == "Pause");
    let codes = resumed.filter_map(|choice| choice["NumericEquals"].as_i64());
    assert_eq!(codes.collect::<BTreeSet<_>>(), exit_codes().0);
    let overrides =
        |state: &Value| state["Parameters"]["Overrides"]["ContainerOverrides"][0].clone();
    let run = overrides(&shard["States"]["Run"])["Command.$"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        run.contains(&format!("--shard {{}}/{SHARDS} {FLAGS}', $.shard)")),
        "{run}"
    );
    let merge = overrides(&states["Merge"]);
    assert_eq!(
        merge["Command"][0].as_str().unwrap(),
        format!("exec {MERGE}")
    );
    let task = json("ecs-task.json");
    for state in [&shard["States"]["Run"], &states["Merge"]] {
        assert_eq!(state["Parameters"]["TaskDefinition"], task["family"]);
        assert_eq!(
            overrides(state)["Name"],
            task["containerDefinitions"][0]["name"]
        );
    }
}

/// Checks that each state is reached, and that each leads to one that is there or ends.
fn check_states(machine: &Value) {
    let states = machine["States"].as_object().unwrap();
    let mut reached = BTreeSet::from([machine["StartAt"].as_str().unwrap()]);
    for (name, state) in states {
        let choices = ["Choices", "Catch"]
            .iter()
            .filter_map(|key| state[key].as_array());
        let next = choices.flatten().map(|choice| &choice["Next"]);
        let next: Vec<_> = next.chain([&state["Next"], &state["Default"]]).collect();
        let next: Vec<_> = next.into_iter().filter_map(Value::as_str).collect();
        let ends = state["End"] == true || state["Type"] == "Succeed";
        assert!(ends || !next.is_empty(), "{name}");
        reached.extend(next);
    }
    let names: BTreeSet<_> = states.keys().map(String::as_str).collect();
    assert_eq!(reached, names);
}

/// Puts a program in the directory that does this.
fn stand_in(work_dir: &WorkDir, name: &str, script: &str) {
    let path = work_dir.path(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Runs the shell with the programs of the directory before others, and returns its exit code.
fn shell(work_dir: &WorkDir, arguments: &[&str], variables: &[(&str, &str)]) -> Option<i32> {
    let mut command = Command::new("/bin/sh");
    command.args(arguments).current_dir(work_dir.path(""));
    command.env(
        "PATH",
        format!("{}:/usr/bin:/bin", work_dir.path("").display()),
    );
    command
        .envs(variables.iter().copied())
        .status()
        .unwrap()
        .code()
}

fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples/deploy")
        .join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn each_script_is_valid() {
    for name in ["batch-submit.sh", "kubernetes-shards.sh"] {
        let work_dir = WorkDir::new();
        assert_eq!(
            shell(&work_dir, &["-n", &script(name)], &[]),
            Some(0),
            "{name}"
        );
        assert!(sample(name).starts_with("#!/bin/sh\n"));
    }
}
