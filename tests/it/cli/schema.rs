//! `schema`: the output of the program is valid, and variations of it are not.

use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::cli::plan::list;
use crate::support::program::{APP, CHANNEL, Output, WorkDir, ids, repository};

/// Fields that are not always there.
const OPTIONAL: [&str; 2] = ["dir_hex", "_aws"];

/// A schema that the program prints.
pub(super) struct Schema {
    printed: Value,
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// Prints a schema and compiles it, which validates it against draft 2020-12.
    pub(super) fn of(name: &str) -> Self {
        let output = WorkDir::new().run(["schema", name]);
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(output.stderr, "");
        let printed: Value = serde_json::from_str(&output.stdout).unwrap();
        let draft = "https://json-schema.org/draft/2020-12/schema";
        assert_eq!(printed["$schema"], draft);
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource(name, printed.clone()).unwrap();
        let index = compiler.compile(name, &mut schemas).unwrap();
        Self {
            printed,
            schemas,
            index,
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.index).is_ok()
    }

    /// Checks that an output is valid, and that it is not with a field added or removed.
    #[track_caller]
    pub(super) fn check(&self, json: &str) -> Value {
        let value: Value = serde_json::from_str(json).unwrap();
        if let Err(error) = self.schemas.validate(&value, self.index) {
            panic!("{error:#}\n{value:#}");
        }
        let mut objects = Vec::new();
        find_objects(&value, String::new(), &mut objects);
        for pointer in objects {
            let mut changed = value.clone();
            let object = changed.pointer_mut(&pointer).unwrap();
            let names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
            object["surprise"] = 1.into();
            assert!(
                !self.accepts(&changed),
                "a field added to `{pointer}`: {value:#}"
            );
            for name in names
                .iter()
                .filter(|name| !OPTIONAL.contains(&name.as_str()))
            {
                let mut changed = value.clone();
                let object = changed.pointer_mut(&pointer).unwrap();
                object.as_object_mut().unwrap().remove(name);
                assert!(!self.accepts(&changed), "without {name}: {value:#}");
            }
        }
        value
    }
}

/// The JSON pointer of each object whose fields have fixed names.
fn find_objects(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields
                .iter()
                .filter(|(name, _)| !name.ends_with("_by_code"))
            {
                find_objects(field, format!("{pointer}/{name}"), found);
            }
            found.push(pointer);
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                find_objects(item, format!("{pointer}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// Checks that `summary.json` is valid and the same as the output of `--json`.
#[track_caller]
fn check_summary(work_dir: &WorkDir, output: &Output, state: &str) -> Value {
    let file = std::fs::read_to_string(work_dir.path("run/summary.json")).unwrap();
    assert_eq!(output.stdout, file, "{output:#?}");
    let summary = Schema::of("summary").check(&file);
    assert_eq!(summary["state"], state, "{summary:#}");
    summary
}

#[test]
fn summaries_of_finished_interrupted_and_failed_runs_are_valid() {
    let flags = [
        "--json",
        "--channel-arn",
        CHANNEL,
        "--missing-users",
        "gone",
    ];
    let work_dir = WorkDir::with("list.csv", ids("u", 1_500) + "u3\ngone1\nnot valid\n");
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let summary = check_summary(&work_dir, &output, "finished");
    assert!(summary["lower_bound_ratio"].is_f64(), "{summary:#}");
    assert_eq!(summary["errors_by_code"]["NotFound"], 1);

    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&["--json"]);
    running.wait_for_line("bound:");
    running.interrupt();
    let output = running.end();
    assert_eq!(output.code, Some(130), "{output:#?}");
    check_summary(&work_dir, &output, "interrupted");

    let work_dir = WorkDir::with("list.csv", ids("gone", 300));
    let output = work_dir.run_fast("list.csv", &[&flags[..], &["--max-failures", "1"]].concat());
    assert_eq!(output.code, Some(4), "{output:#?}");
    let summary = check_summary(&work_dir, &output, "aborted");
    assert!(summary["lower_bound_ratio"].is_null(), "{summary:#}");
}

#[test]
fn plans_of_clean_and_dirty_lists_are_valid() {
    let schema = Schema::of("plan");
    let work_dir = WorkDir::with("list.csv", list(APP, &[("large", 10_001), ("small", 3)]));
    std::fs::write(work_dir.path("dirty.csv"), repository("samples/dirty.csv")).unwrap();
    std::fs::write(work_dir.path("one.csv"), list(APP, &[("small", 1)])).unwrap();
    let plan = |list: &str, code| {
        let output = work_dir.run(["plan", list, "--json"]);
        assert_eq!(output.code, Some(code), "{output:#?}");
        schema.check(&output.stdout)
    };
    let clean = plan("list.csv", 1);
    assert_eq!(clean["over_capacity"]["channels"], 1);
    assert_eq!(clean["binding"], "channel");
    let dirty = plan("dirty.csv", 1);
    assert!(dirty["defects"].as_array().unwrap().len() > 20);
    assert!(dirty["duplicate_examples"][0].is_object());
    let one = plan("one.csv", 0);
    assert!(one["binding"].is_null() && one["channels_now"].is_null());

    let online = ["plan", "list.csv", "--json", "--online", "--sandbox"];
    let channels = ["--missing-channels", "small", "--elastic-channels", "large"];
    let output = work_dir.run(online.iter().chain(&channels));
    assert_eq!(output.code, Some(1), "{output:#?}");
    let now = &schema.check(&output.stdout)["channels_now"];
    assert_eq!(now["problems"][0]["kind"], "not_described", "{now:#}");
    assert_eq!(now["channels"][0]["members_now"], 0, "{now:#}");
}

#[test]
fn the_status_of_running_killed_and_finished_runs_is_valid() {
    let schema = Schema::of("status");
    let work_dir = WorkDir::new();
    let status = |dir| {
        let output = work_dir.run(["status", dir, "--json"]);
        assert_eq!(output.code, Some(0), "{output:#?}");
        schema.check(&output.stdout)
    };
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    while status("run")["seconds_left"].is_null() {}
    let now = status("run");
    assert_eq!(now["state"], "running");
    assert!(now["owner"].is_string(), "{now:#}");
    running.signal(&["KILL"]);
    assert_eq!(running.end().code, None);
    let killed = status("run");
    assert_eq!(
        (&killed["state"], &killed["reports"]),
        (&"interrupted".into(), &"none".into())
    );

    std::fs::write(work_dir.path("three.csv"), ids("u", 3)).unwrap();
    let run = ["run", "three.csv", "--sandbox", "--run-dir", "three"];
    let output = work_dir.run(run.iter().chain(&["--channel-arn", CHANNEL]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let finished = status("three");
    assert_eq!(finished["state"], "finished");
    assert!(finished["next"].is_null(), "{finished:#}");

    let output = work_dir.run(["runs", ".", "--json"]);
    let runs: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(runs.len(), 2, "{output:#?}");
    for run in runs {
        schema.check(&run.to_string());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_status_of_a_directory_that_is_not_utf_8_is_valid() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let dir = OsStr::from_bytes(b"r\xff");
    let run = [
        "run",
        "list.csv",
        "--sandbox",
        "--channel-arn",
        CHANNEL,
        "--run-dir",
    ];
    let output = work_dir.run(run.iter().map(OsStr::new).chain([dir]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let output = work_dir.run([OsStr::new("status"), OsStr::new("--json"), dir]);
    let schema = Schema::of("status");
    let mut status = schema.check(&output.stdout);
    assert_eq!(status["dir_hex"], "72ff");
    status["dir_hex"] = Value::Null;
    assert!(!schema.accepts(&status));
}

#[test]
fn each_line_of_progress_in_json_is_valid_and_each_event_occurs() {
    let schema = Schema::of("events");
    let events = |output: &Output, code| -> BTreeSet<String> {
        assert_eq!(output.code, Some(code), "{output:#?}");
        let lines = output.stderr.lines();
        let lines = lines.filter(|line| !line.starts_with("chime-bulk resume "));
        let names = lines.map(|line| schema.check(line)["event"].as_str().unwrap().to_owned());
        names.collect()
    };
    let flags = ["--progress", "json", "--channel-arn", CHANNEL];

    let work_dir = WorkDir::with("list.csv", ids("u", 1_500) + "gone1\nnot valid,1\n");
    let faults = ["call-throttled=0.2", "member-throttled=0.02", "reset=0.1"];
    let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
    let faults: Vec<&str> = faults.chain(["--missing-users", "gone"]).collect();
    let retried = work_dir.run_fast("list.csv", &[&flags[..], &faults].concat());
    let mut seen = events(&retried, 1);

    let work_dir = WorkDir::with("list.csv", ids("u", 300));
    let bearers = ["admin0", "admin1"].map(|id| format!("{APP}/user/{id}"));
    let storm = ["--storm", "ForbiddenException=0..,bearer=admin0"];
    let pool = ["--bearer", &bearers[0], "--bearer", &bearers[1]];
    let denied = work_dir.run_fast("list.csv", &[&flags[..], &storm, &pool].concat());
    seen.extend(events(&denied, 0));

    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let skip = ["--skip-existing", "always", "--missing-channels", "c"];
    let unlisted = work_dir.run_fast("list.csv", &[&flags[..], &skip].concat());
    seen.extend(events(&unlisted, 1));

    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let flawed = work_dir.run_fast("list.csv", &["--progress", "json", "--bearer", "x"]);
    seen.extend(events(&flawed, 2));

    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&["--progress", "json"]);
    running.wait_for_line(r#"{"event":"call_sent""#);
    running.interrupt();
    seen.extend(events(&running.end(), 130));

    let variants = schema.printed["oneOf"].as_array().unwrap();
    let names = variants
        .iter()
        .map(|it| &it["properties"]["event"]["const"]);
    let names: BTreeSet<String> = names.map(|it| it.as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, names);
}

/// Finds the descriptions in a schema, and the names of properties without one.
fn find_descriptions<'a>(schema: &'a Value, found: &mut Vec<&'a str>, missing: &mut Vec<&'a str>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get("description") {
                found.push(text);
            }
            if let Some(Value::Object(properties)) = fields.get("properties") {
                for (name, property) in properties {
                    if property
                        .get("description")
                        .or(property.get("const"))
                        .is_none()
                    {
                        missing.push(name);
                    }
                }
            }
            for field in fields.values() {
                find_descriptions(field, found, missing);
            }
        }
        Value::Array(items) => {
            for item in items {
                find_descriptions(item, found, missing);
            }
        }
        _ => {}
    }
}

#[test]
fn each_field_has_a_description_in_plain_text() {
    for name in ["summary", "plan", "status", "events"] {
        let printed = Schema::of(name).printed;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        find_descriptions(&printed, &mut found, &mut missing);
        assert_eq!(missing, [""; 0], "{name}");
        assert!(found.len() > 20, "{name}");
        for text in found {
            assert!(text.ends_with('.'), "{name}: {text}");
            assert!(
                !text.contains("  ") && !text.contains(['\n', '[']),
                "{name}: {text}"
            );
        }
    }
}
