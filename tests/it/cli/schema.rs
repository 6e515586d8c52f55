//! `schema`: the program's own output is valid, and nothing else is.

use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::cli::plan::list;
use crate::support::program::{APP, Ended, WorkDir, ids, repository};

/// A schema that the program prints.
struct Schema {
    printed: Value,
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// Compiling it validates it against draft 2020-12.
    fn of(output: &str) -> Self {
        let ended = WorkDir::new().run(["schema", output]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.stderr, "");
        let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
        let draft = "https://json-schema.org/draft/2020-12/schema";
        assert_eq!(printed["$schema"], draft);
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource(output, printed.clone()).unwrap();
        let index = compiler.compile(output, &mut schemas).unwrap();
        Self {
            printed,
            schemas,
            index,
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.index).is_ok()
    }

    /// Validates an output; then adds a field to each object in it, and removes each field.
    #[track_caller]
    fn check(&self, output: &str) -> Value {
        let value: Value = serde_json::from_str(output).unwrap();
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
                "one more in `{pointer}`: {value:#}"
            );
            for name in names.iter().filter(|name| *name != "dir_hex") {
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

/// Validates `summary.json` and what was printed with `--json`, which are the same.
#[track_caller]
fn check_summary(place: &WorkDir, ended: &Ended, state: &str) -> Value {
    let file = std::fs::read_to_string(place.path("run/summary.json")).unwrap();
    assert_eq!(ended.stdout, file, "{ended:#?}");
    let summary = Schema::of("summary").check(&file);
    assert_eq!(summary["state"], state, "{summary:#}");
    summary
}

#[test]
fn summaries_of_finished_interrupted_and_failed_runs_are_valid() {
    let channel = format!("{APP}/channel/c");
    let flags = [
        "--json",
        "--channel-arn",
        &channel,
        "--missing-users",
        "gone",
    ];
    let place = WorkDir::with("list.csv", ids("u", 1_500) + "u3\ngone1\nnot valid\n");
    let ended = place.run_fast("list.csv", &flags);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let summary = check_summary(&place, &ended, "finished");
    assert!(summary["lower_bound_ratio"].is_f64(), "{summary:#}");
    assert_eq!(summary["errors_by_code"]["NotFound"], 1);

    let place = WorkDir::new();
    let mut running = place.start_slow(&["--json"]);
    running.hear("bound:");
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    check_summary(&place, &ended, "interrupted");

    let place = WorkDir::with("list.csv", ids("gone", 300));
    let ended = place.run_fast("list.csv", &[&flags[..], &["--max-failures", "1"]].concat());
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let summary = check_summary(&place, &ended, "aborted");
    assert!(summary["lower_bound_ratio"].is_null(), "{summary:#}");
}

#[test]
fn plans_of_clean_and_dirty_lists_are_valid() {
    let schema = Schema::of("plan");
    let place = WorkDir::with("list.csv", list(APP, &[("large", 10_001), ("small", 3)]));
    std::fs::write(place.path("dirty.csv"), repository("samples/dirty.csv")).unwrap();
    std::fs::write(place.path("one.csv"), list(APP, &[("small", 1)])).unwrap();
    let plan = |list: &str, code| {
        let ended = place.run(["plan", list, "--json"]);
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        schema.check(&ended.stdout)
    };
    let clean = plan("list.csv", 0);
    assert_eq!(clean["over_capacity"]["channels"], 1);
    assert_eq!(clean["binding"], "channel");
    let dirty = plan("dirty.csv", 1);
    assert!(dirty["defects"].as_array().unwrap().len() > 20);
    assert!(dirty["duplicate_examples"][0].is_object());
    assert!(plan("one.csv", 0)["binding"].is_null());
}

#[test]
fn the_status_of_a_run_in_progress_and_after_is_valid() {
    let schema = Schema::of("status");
    let place = WorkDir::new();
    let status = |dir| {
        let ended = place.run(["status", dir, "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        schema.check(&ended.stdout)
    };
    let mut running = place.start_slow(&[]);
    running.hear("bound:");
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

    let channel = format!("{APP}/channel/c");
    std::fs::write(place.path("three.csv"), ids("u", 3)).unwrap();
    let run = ["run", "three.csv", "--sandbox", "--run-dir", "three"];
    let ended = place.run(run.iter().chain(&["--channel-arn", &channel]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let finished = status("three");
    assert_eq!(finished["state"], "finished");
    assert!(finished["next"].is_null(), "{finished:#}");

    let ended = place.run(["runs", ".", "--json"]);
    let runs: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(runs.len(), 2, "{ended:#?}");
    for run in runs {
        schema.check(&run.to_string());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_status_of_a_directory_that_is_not_utf_8_is_valid() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = WorkDir::with("list.csv", ids("u", 3));
    let channel = format!("{APP}/channel/c");
    let dir = OsStr::from_bytes(b"r\xff");
    let run = [
        "run",
        "list.csv",
        "--sandbox",
        "--channel-arn",
        &channel,
        "--run-dir",
    ];
    let ended = place.run(run.iter().map(OsStr::new).chain([dir]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let ended = place.run([OsStr::new("status"), OsStr::new("--json"), dir]);
    let schema = Schema::of("status");
    let mut status = schema.check(&ended.stdout);
    assert_eq!(status["dir_hex"], "72ff");
    status["dir_hex"] = Value::Null;
    assert!(!schema.accepts(&status));
}

#[test]
fn each_line_of_progress_in_json_is_valid_and_each_event_occurs() {
    let schema = Schema::of("events");
    let events = |ended: &Ended, code| -> BTreeSet<String> {
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        let lines = ended.stderr.lines();
        let lines = lines.filter(|line| !line.starts_with("chime-bulk resume "));
        let names = lines.map(|line| schema.check(line)["event"].as_str().unwrap().to_owned());
        names.collect()
    };
    let channel = format!("{APP}/channel/c");
    let flags = ["--progress", "json", "--channel-arn", &channel];

    let place = WorkDir::with("list.csv", ids("u", 1_500) + "gone1\nnot valid,1\n");
    let faults = ["call-throttled=0.2", "member-throttled=0.02", "reset=0.1"];
    let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
    let faults: Vec<&str> = faults.chain(["--missing-users", "gone"]).collect();
    let retried = place.run_fast("list.csv", &[&flags[..], &faults].concat());
    let mut seen = events(&retried, 1);

    let place = WorkDir::with("list.csv", ids("u", 300));
    let bearers = ["admin0", "admin1"].map(|id| format!("{APP}/user/{id}"));
    let storm = ["--storm", "ForbiddenException=0..,bearer=admin0"];
    let pool = ["--bearer", &bearers[0], "--bearer", &bearers[1]];
    let denied = place.run_fast("list.csv", &[&flags[..], &storm, &pool].concat());
    seen.extend(events(&denied, 0));

    let place = WorkDir::with("list.csv", ids("u", 3));
    let flawed = place.run_fast("list.csv", &["--progress", "json", "--bearer", "x"]);
    seen.extend(events(&flawed, 2));

    let place = WorkDir::new();
    let mut running = place.start_slow(&["--progress", "json"]);
    running.hear(r#"{"event":"call_sent""#);
    running.interrupt();
    seen.extend(events(&running.end(), 130));

    let variants = schema.printed["oneOf"].as_array().unwrap();
    let names = variants
        .iter()
        .map(|it| &it["properties"]["event"]["const"]);
    let names: BTreeSet<String> = names.map(|it| it.as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, names);
}

/// Each description of a schema; each property without one, by name.
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
    for output in ["summary", "plan", "status", "events"] {
        let printed = Schema::of(output).printed;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        find_descriptions(&printed, &mut found, &mut missing);
        assert_eq!(missing, [""; 0], "{output}");
        assert!(found.len() > 20, "{output}");
        for text in found {
            assert!(text.ends_with('.'), "{output}: {text}");
            assert!(
                !text.contains("  ") && !text.contains(['\n', '[']),
                "{output}: {text}"
            );
        }
    }
}
