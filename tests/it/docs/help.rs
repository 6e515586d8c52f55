//! The README and `--help`, compared with each other and with the program.

use std::collections::BTreeSet;
use std::path::Path;

use chime_bulk::model::Outcome;

use super::finished_run;
use crate::support::program::{COMMANDS, Output, WorkDir, repository, table};

/// The help texts of the program and of each command.
fn helps() -> Vec<String> {
    let work_dir = WorkDir::new();
    let of = |command: Option<&str>| {
        let output = work_dir.run(command.into_iter().chain(["--help"]));
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(output.stderr, "");
        output.stdout
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

/// Flags of other programs in the documents: cargo, docker, jq and systemctl.
const OTHER_FLAGS: [&str; 10] = [
    "build-arg",
    "file",
    "health-cmd",
    "no-deps",
    "now",
    "open",
    "path",
    "release",
    "slurpfile",
    "tag",
];

/// The program's commands, as `--help` lists them.
fn commands(help: &str) -> BTreeSet<&str> {
    let listed = help.split_once("Commands:\n").unwrap().1;
    listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn the_readme_has_at_most_220_lines() {
    let lines = repository("README.md").lines().count();
    assert!(lines <= 220, "{lines}");
}

#[test]
fn the_documents_name_only_flags_that_exist() {
    let program: BTreeSet<_> = helps().iter().flat_map(|help| flags(help)).collect();
    assert!(program.len() > 30, "{program:?}");
    for document in [
        "README.md",
        "samples/README.md",
        "src/lib.rs",
        "src/roster/mod.rs",
        "src/sandbox/mod.rs",
    ] {
        let mut named = flags(&repository(document));
        assert!(named.len() > 3, "{document}");
        named.retain(|name| !program.contains(name) && !OTHER_FLAGS.contains(&name.as_str()));
        assert!(named.is_empty(), "{document}: {named:?}");
    }
}

#[test]
fn the_command_table_has_exactly_the_commands() {
    let help = &helps()[0];
    let mut program = commands(help);
    assert_eq!(program, COMMANDS.into_iter().chain(["help"]).collect());
    program.remove("help");
    let readme = repository("README.md");
    let rows = table(&readme, "command");
    let named = rows.iter().skip(2).map(|row| {
        let usage = row[0].trim_matches('`');
        usage.split(' ').next().unwrap()
    });
    assert_eq!(named.collect::<BTreeSet<_>>(), program);
}

#[test]
fn the_readme_names_only_commands_that_exist() {
    let help = &helps()[0];
    let program = commands(help);
    let readme = repository("README.md");
    let parts: Vec<&str> = readme.split("chime-bulk ").collect();
    for pair in parts.windows(2) {
        if pair[0].ends_with('`') || pair[0].ends_with([' ', '\n']) {
            let end = pair[1].find(|c: char| !c.is_ascii_lowercase());
            let name = &pair[1][..end.unwrap_or(pair[1].len())];
            assert!(program.contains(name), "{name}");
        }
    }
}

/// The anchor of a Markdown heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn links_between_documents_have_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "samples/README.md",
        "benches/README.md",
    ];
    for document in documents {
        let text = repository(document);
        let targets = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.starts_with("https://")) {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                root.join(document)
            } else {
                root.join(document).parent().unwrap().join(file)
            };
            assert!(path.exists(), "{document}: {target}");
            if !section.is_empty() {
                let text = std::fs::read_to_string(path).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_there =
                    headings.any(|line| anchor(line.trim_start_matches(['#', ' '])) == section);
                assert!(is_there, "{document}: {target}");
            }
        }
    }
}

#[test]
fn help_fits_80_columns() {
    for line in helps().iter().flat_map(|help| help.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn each_help_has_an_example_and_groups_its_flags() {
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

/// An invalid value in a variable is an error that names the flag, for flags of the sandbox too. Help
/// never shows the value of a variable.
#[test]
fn each_flag_can_be_a_variable() {
    assert!(repository("README.md").contains("Each flag can also be an environment variable"));
    let work_dir = WorkDir::new();
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
        let mut command = work_dir.command(["run", "list.csv", "--sandbox"]);
        let output = Output::of(command.env(&variable, "out of place"));
        assert_eq!(output.code, Some(2), "{flag}");
        assert!(
            output.stderr.contains(&format!("--{flag}")),
            "{flag}: {}",
            output.stderr
        );
        let mut command = work_dir.command(["run", "--help"]);
        let help = Output::of(command.env(&variable, "out of place")).stdout;
        assert!(!help.contains("out of place"), "{flag}");
    }
}

#[test]
fn the_readme_has_the_exit_codes_of_the_program() {
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
fn the_readme_has_the_outcomes_of_the_program() {
    let readme = repository("README.md");
    let rows = table(&readme, "outcome");
    let named: Vec<_> = rows.iter().skip(2).map(|row| row[0]).collect();
    let program = Outcome::ALL.map(|outcome| format!("`{outcome}`"));
    assert_eq!(named, program);
}

#[test]
fn the_readme_has_the_files_and_columns_of_a_run() {
    let readme = repository("README.md");
    let work_dir = finished_run();
    let results = std::fs::read_to_string(work_dir.path("run/results.csv")).unwrap();
    assert!(readme.contains(&format!("`{}`", results.lines().next().unwrap())));
    let files = std::fs::read_dir(work_dir.path("run")).unwrap();
    let files: BTreeSet<_> = files
        .map(|file| format!("`{}`", file.unwrap().file_name().to_str().unwrap()))
        .collect();
    let rows = table(&readme, "file");
    let named: BTreeSet<_> = rows.iter().skip(2).map(|row| row[0].to_owned()).collect();
    assert_eq!(named, files);
}

#[test]
fn the_help_of_every_command_has_its_exit_codes() {
    for help in helps() {
        assert!(
            help.contains("Exit codes: 0 ") && help.contains(" 2 "),
            "{help}"
        );
    }
}
