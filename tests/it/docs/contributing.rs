//! `CONTRIBUTING.md`, compared with the source, the tests and `.ci/run`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::program::{repository, table};

/// The names in a folder of the repository.
fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                format!("{name}/")
            } else {
                name
            }
        })
        .collect()
}

/// The first column, without backquotes, of the table whose first header is this.
fn column(first: &str) -> BTreeSet<String> {
    let document = repository("CONTRIBUTING.md");
    let rows = table(&document, first);
    let cells = rows.iter().skip(2).flat_map(|row| row[0].split(", "));
    cells
        .map(|cell| cell.trim_matches('`').to_owned())
        .collect()
}

#[test]
fn the_map_has_exactly_the_folders_of_src() {
    let mut source = names("src");
    source.remove("lib.rs");
    assert!(source.remove("bin/"));
    source.extend(
        names("src/bin")
            .into_iter()
            .map(|name| format!("bin/{name}")),
    );
    assert_eq!(column("folder"), source);
}

#[test]
fn the_test_table_has_exactly_the_folders_of_tests() {
    let mut folders = names("tests/it");
    folders.remove("main.rs");
    assert_eq!(column("folder in `tests/it/`"), folders);
}

#[test]
fn ci_runs_exactly_the_commands_of_the_document() {
    let document = repository("CONTRIBUTING.md");
    let (_, checks) = document.split_once("## Checks\n").unwrap();
    let checks = checks.split_once("```sh\n").unwrap().1;
    let mut checks: BTreeSet<&str> = checks.split_once("```").unwrap().0.lines().collect();
    // CI reads this one from the README.
    let readme = repository("README.md");
    let main = readme
        .lines()
        .find(|line| line.starts_with("cargo run --release -- run "));
    assert!(checks.remove(main.unwrap()));
    let script = repository(".ci/run");
    let is_command = |line: &&str| line.starts_with("cargo ") || line.contains("\" cargo ");
    let commands = script.lines().filter(is_command);
    let commands = commands.map(|line| line.split(" 2>&1").next().unwrap());
    assert_eq!(commands.collect::<BTreeSet<_>>(), checks);
}

/// The content of all Rust files below a folder.
fn sources(folder: PathBuf) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn the_tests_read_every_variable_of_the_document() {
    let tests = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    let of_libraries = ["INSTA_UPDATE", "PROPTEST_CASES"];
    for variable in column("variable") {
        let is_read = tests.contains(&format!("\"{variable}\""));
        assert!(
            is_read || of_libraries.contains(&variable.as_str()),
            "{variable}"
        );
    }
}
