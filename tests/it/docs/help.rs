//! The README held to the program: what it names is there, and what is there is named.

use std::collections::BTreeSet;

use chime_bulk::model::Outcome;
use chime_bulk::report::Summary;
use rusqlite::Connection;

use crate::support::program::{APP, Ended, WorkDir, ids, repository, table};

const COMMANDS: [&str; 12] = [
    "plan",
    "run",
    "resume",
    "retry",
    "status",
    "runs",
    "report",
    "sandbox",
    "explain",
    "schema",
    "completions",
    "man",
];

/// What `--help` says of the program and of each command.
fn helps() -> Vec<String> {
    let place = WorkDir::new();
    let of = |command: Option<&str>| {
        let ended = place.run(command.into_iter().chain(["--help"]));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.stderr, "");
        ended.stdout
    };
    let commands = COMMANDS.into_iter().map(Some);
    [None].into_iter().chain(commands).map(of).collect()
}

/// The flags in a text, without their dashes.
fn flags(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect()
}

/// Flags of cargo, in commands that the README gives.
fn of_cargo(name: &str) -> bool {
    ["release", "bench"].contains(&name)
}

#[test]
fn the_readme_names_every_flag_and_no_other() {
    let mut readme = flags(&repository("README.md"));
    readme.retain(|name| !of_cargo(name));
    let program: BTreeSet<_> = helps().iter().flat_map(|help| flags(help)).collect();
    assert!(program.len() > 30, "{program:?}");
    assert_eq!(readme, program);
}

#[test]
fn the_readme_names_every_command_and_no_other() {
    let help = &helps()[0];
    let listed = help.split_once("Commands:\n").unwrap().1;
    let program: BTreeSet<&str> = listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let readme = repository("README.md");
    let named: BTreeSet<&str> = readme
        .split("chime-bulk ")
        .skip(1)
        .zip(readme.split("chime-bulk "))
        .filter(|(_, before)| before.ends_with('`') || before.ends_with('\n'))
        .map(|(after, _)| {
            let end = after.find(|c: char| !c.is_ascii_lowercase());
            &after[..end.unwrap_or(after.len())]
        })
        .collect();
    assert_eq!(named, program);
    let known = COMMANDS.into_iter().chain(["help"]).collect();
    assert_eq!(program, known);
}

#[test]
fn help_fits_80_columns() {
    for line in helps().iter().flat_map(|help| help.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn each_help_gives_an_example_and_groups_its_flags() {
    for help in &helps()[1..] {
        assert!(
            help.contains("\nExample:\n") || help.contains("\nExamples:\n"),
            "{help}"
        );
    }
    let run = &helps()[1 + COMMANDS.iter().position(|name| *name == "run").unwrap()];
    let topics = [
        "What to add",
        "Limits",
        "AWS",
        "Sandbox",
        "Output",
        "Configuration",
    ];
    for topic in topics {
        assert!(run.contains(&format!("\n{topic}:\n")), "{topic}: {run}");
    }
}

/// Each flag, the sandbox's too, takes its value from the variable of its name: a value that it
/// does not take is refused in the flag's name. Help never shows what a variable holds.
#[test]
fn each_flag_can_be_a_variable_as_the_readme_says() {
    assert!(repository("README.md").contains("Each flag can also be an environment variable"));
    let place = WorkDir::new();
    for flag in [
        "channel-rate",
        "max-in-flight",
        "latency",
        "outage",
        "encoding",
        "type",
        "no-header",
    ] {
        let variable = format!("CHIME_BULK_{}", flag.replace('-', "_").to_uppercase());
        let mut command = place.command(["run", "list.csv", "--sandbox"]);
        let ended = Ended::of(command.env(&variable, "out of place"));
        assert_eq!(ended.code, Some(2), "{flag}");
        assert!(
            ended.stderr.contains(&format!("--{flag}")),
            "{flag}: {}",
            ended.stderr
        );
        let mut command = place.command(["run", "--help"]);
        let help = Ended::of(command.env(&variable, "out of place")).stdout;
        assert!(!help.contains("out of place"), "{flag}");
    }
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let code = repository("src/bin/chime-bulk/exit.rs");
    let table_of_codes = code.split_once("fn code(").unwrap().1;
    let table_of_codes = table_of_codes.split_once("\n    }\n").unwrap().0;
    let program: Vec<&str> = table_of_codes
        .lines()
        .filter_map(|line| line.split_once(" => "))
        .map(|(_, code)| code.trim_end_matches(','))
        .collect();
    let readme = repository("README.md");
    let named: Vec<&str> = table(&readme, "code")
        .iter()
        .skip(2)
        .map(|row| row[0])
        .collect();
    assert_eq!(named, program);
}

#[test]
fn outcomes_are_those_of_the_program() {
    let readme = repository("README.md");
    let rows = table(&readme, "outcome");
    let named: Vec<_> = rows.iter().skip(2).map(|row| row[0]).collect();
    let program = Outcome::ALL.map(|outcome| format!("`{outcome}`"));
    assert_eq!(named, program);
}

/// A run of 20 rows, two of which fail.
fn finished_run() -> WorkDir {
    let list = ids("u", 18) + "gone1\ngone2\n";
    let list = list.lines().map(|id| format!("{APP}/channel/c,{id}\n"));
    let list: String = list.collect();
    let list = list.replacen(
        &format!("{APP}/channel/c,user_id"),
        "channel_arn,user_id",
        1,
    );
    let place = WorkDir::with("list.csv", list);
    let ended = place.run_fast("list.csv", &["--missing-users", "gone", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let printed: Summary = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed, place.summary("run"));
    place
}

#[test]
fn reports_have_the_columns_and_fields_of_the_readme() {
    let readme = repository("README.md");
    let place = finished_run();
    let results = std::fs::read_to_string(place.path("run/results.csv")).unwrap();
    assert!(readme.contains(&format!("`{}`", results.lines().next().unwrap())));

    let summary = std::fs::read_to_string(place.path("run/summary.json")).unwrap();
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&summary).unwrap();
    let fields: BTreeSet<_> = fields.keys().map(|name| format!("`{name}`")).collect();
    let rows = table(&readme, "field");
    let named: BTreeSet<_> = rows.iter().skip(2).map(|row| row[0].to_owned()).collect();
    assert_eq!(named, fields);

    let files = std::fs::read_dir(place.path("run")).unwrap();
    let files: BTreeSet<_> = files
        .map(|file| format!("`{}`", file.unwrap().file_name().to_str().unwrap()))
        .collect();
    let rows = table(&readme, "file");
    let named: BTreeSet<_> = rows.iter().skip(2).map(|row| row[0].to_owned()).collect();
    assert_eq!(named, files);
}

#[test]
fn a_plan_has_the_fields_of_the_readme() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    let channel = format!("{APP}/channel/c");
    let plan = ["plan", "list.csv", "--json", "--channel-arn", &channel];
    let ended = place.run(plan);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&ended.stdout).unwrap();
    let fields: BTreeSet<_> = fields.keys().map(|name| format!("`{name}`")).collect();
    let readme = repository("README.md");
    let rows = table(&readme, "in a plan");
    let named: BTreeSet<_> = rows.iter().skip(2).map(|row| row[0].to_owned()).collect();
    assert_eq!(named, fields);
}

/// The plan that the README shows is the one that its command gives.
#[test]
fn the_plan_of_the_readme_is_what_is_printed() {
    let readme = repository("README.md");
    let begin = "cargo run --release -- plan ";
    let command = readme.lines().find_map(|line| line.strip_prefix(begin));
    let place = WorkDir::new();
    let mut plan = place.command(["plan"].into_iter().chain(command.unwrap().split(' ')));
    let ended = Ended::of(plan.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let shown = format!("```text\n{}```\n", ended.stdout);
    assert!(readme.contains(&shown), "{}", ended.stdout);
}

#[test]
fn the_queries_of_the_readme_answer() {
    let readme = repository("README.md");
    let queries: Vec<&str> = readme
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    let place = finished_run();
    let ledger = Connection::open(place.path("run/ledger.db")).unwrap();
    let answers: Vec<Vec<String>> = queries
        .iter()
        .map(|query| {
            let mut query = ledger.prepare(query).unwrap();
            let row = |row: &rusqlite::Row<'_>| {
                let value = row.get::<_, rusqlite::types::Value>(1)?;
                Ok(format!(
                    "{:?} {value:?}",
                    row.get::<_, rusqlite::types::Value>(0)?
                ))
            };
            query
                .query_map([], row)
                .unwrap()
                .map(Result::unwrap)
                .collect()
        })
        .collect();
    assert_eq!(answers.len(), 3);
    let outcomes = [
        r#"Text("added") Text("")"#,
        r#"Text("failed") Text("NotFound")"#,
    ];
    assert_eq!(answers[0], outcomes);
    let failed = [
        r#"Integer(19) Text("gone1")"#,
        r#"Integer(20) Text("gone2")"#,
    ];
    assert_eq!(answers[1], failed);
    assert_eq!(answers[2].len(), 1, "{answers:?}");
}
