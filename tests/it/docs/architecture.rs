//! The layers of the source: no module uses one above it.

use std::path::{Path, PathBuf};

/// The modules from the lowest layer up. A module uses only those before it.
const ORDER: [&str; 13] = [
    "model",
    "schedule",
    "limits",
    "chime",
    "sandbox",
    "roster",
    "store",
    "private_file",
    "file_system",
    "ledger",
    "report",
    "engine",
    "job",
];

/// A source file, without its tests and comments.
struct Source {
    /// The path below `src`, such as `model/arn.rs`.
    path: String,
    code: String,
}

impl Source {
    /// The module that the file belongs to, or `bin`.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    fn is_library(&self) -> bool {
        self.module() != "bin"
    }

    /// The modules of this crate that the file uses, as `crate::x`, `crate::{x, y}` or `super::x`.
    fn uses(&self) -> Vec<&str> {
        let root_by_super = if self.path.ends_with("/mod.rs") {
            "super::"
        } else {
            "super::super::"
        };
        ["crate::", root_by_super]
            .into_iter()
            .flat_map(|root| self.code.split(root).skip(1))
            .flat_map(first_names)
            .filter(|name| ORDER.contains(name))
            .collect()
    }
}

/// The first name of the path that the text begins with, or of each path of a group in braces.
fn first_names(rest: &str) -> Vec<&str> {
    let word = |text: &str| {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len())
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![&rest[..word(rest)]];
    };
    let (mut depth, mut begin, mut names) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (c == ',' && depth == 1) {
            let path = group[begin..at].trim();
            names.push(&path[..word(path)]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                // Folders `tests/` contain unit tests.
                if path.file_name().unwrap() != "tests" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let relative = path.strip_prefix(&root).unwrap();
                found.push(Source {
                    path: relative.to_str().unwrap().replace('\\', "/"),
                    code: code(&text),
                });
            }
        }
    }
    assert!(found.len() > 50);
    found
}

/// The text of a file without its unit tests and comments.
fn code(text: &str) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => &text[..tests],
        None => text,
    };
    let lines = text.lines().filter(|line| !line.trim().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether the code contains a name, and not only as the end of a longer one.
fn has(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The uses of these names in files that must not use them.
fn forbidden_uses(names: &[&str], forbidden: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found: Vec<String> = sources()
        .iter()
        .filter(|source| forbidden(source))
        .flat_map(|source| {
            let hits = names.iter().filter(|name| has(&source.code, name));
            hits.map(|name| format!("{} uses `{name}`", source.path))
        })
        .collect();
    found.sort();
    found
}

#[track_caller]
fn assert_none(uses: &[String]) {
    assert!(uses.is_empty(), "{uses:#?}");
}

#[test]
fn every_module_belongs_to_a_layer() {
    for source in sources() {
        let module = source.module();
        let known = ORDER.contains(&module) || ["lib", "bin"].contains(&module);
        assert!(known, "{} belongs to no layer", source.path);
    }
}

#[test]
fn no_module_uses_a_higher_one() {
    let rank = |name: &str| ORDER.iter().position(|module| *module == name);
    let mut upward = Vec::new();
    for source in sources() {
        let Some(own) = rank(source.module()) else {
            continue;
        };
        for name in source.uses() {
            if rank(name) > Some(own) {
                upward.push(format!("{} uses `{name}`", source.path));
            }
        }
    }
    assert_none(&upward);
}

#[test]
fn model_and_schedule_use_no_clock_and_no_io() {
    let names = [
        "tokio",
        "aws_",
        "csv::",
        "rusqlite",
        "Instant",
        "SystemTime",
        "fs::",
        "std::fs",
        "net::",
        "std::net",
        "jiff",
        "hyper",
        "thread::",
    ];
    assert_none(&forbidden_uses(&names, |source| {
        ["model", "schedule"].contains(&source.module())
    }));
}

/// So that calls are due at the same time even if somebody sets the system's clock.
#[test]
fn the_modules_that_pace_calls_use_no_wall_clock() {
    let names = ["SystemTime", "jiff", "Timestamp", "std::time::Instant"];
    assert_none(&forbidden_uses(&names, |source| {
        ["schedule", "limits", "ledger", "engine"].contains(&source.module())
    }));
}

#[test]
fn each_library_is_used_by_one_module() {
    let outside = |module: &'static str| move |source: &Source| source.module() != module;
    assert_none(&forbidden_uses(&["governor"], outside("limits")));
    assert_none(&forbidden_uses(&["aws_"], |source| {
        !["chime", "sandbox"].contains(&source.module())
    }));
    let of_clients = [
        "aws_config",
        "aws_credential_types",
        "aws_runtime",
        "aws_sdk",
        "aws_smithy",
        "aws_types",
    ];
    assert_none(&forbidden_uses(&of_clients, outside("chime")));
    assert_none(&forbidden_uses(&["aws_sigv4"], outside("sandbox")));
    assert_none(&forbidden_uses(&["object_store"], outside("store")));
    assert_none(&forbidden_uses(&["rusqlite"], outside("ledger")));
    assert_none(&forbidden_uses(&["rustix"], |source| {
        !["private_file", "file_system"].contains(&source.module())
            && source.path != "chime/credential_process.rs"
    }));
    let of_terminal = ["clap", "indicatif", "console", "toml"];
    assert_none(&forbidden_uses(&of_terminal, outside("bin")));
    assert_none(&forbidden_uses(&["backoff::"], |source| {
        source.path != "schedule/delay.rs"
    }));
}

#[test]
fn the_library_does_not_print_or_exit() {
    let names = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "process::exit",
        "process::abort",
        "stdout()",
        "stderr()",
    ];
    assert_none(&forbidden_uses(&names, Source::is_library));
}

#[test]
fn uses_are_found_in_every_form() {
    let source = |path: &str, code: &str| Source {
        path: path.to_owned(),
        code: code.to_owned(),
    };
    let one = source("model/x.rs", "use crate::job::Run; use super::engine;");
    assert_eq!(one.uses(), ["job"]);
    let group = "use crate::{limits::{CallLimits, job}, report};\nuse super::super::ledger;";
    let group = source("model/x.rs", group);
    assert_eq!(group.uses(), ["limits", "report", "ledger"]);
    assert_eq!(source("model/mod.rs", "use super::job;").uses(), ["job"]);
    assert!(!has("my_backoff::x", "backoff::") && has("(backoff::x", "backoff::"));
}
