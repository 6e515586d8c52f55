//! The layers: nothing names what is above it.

use std::path::{Path, PathBuf};

/// From the ground up: a module uses only those before it.
const ORDER: [&str; 11] = [
    "model",
    "schedule",
    "limits",
    "chime",
    "sandbox",
    "roster",
    "private_file",
    "ledger",
    "report",
    "engine",
    "job",
];

/// A source file of the crate, without its tests and comments.
struct Source {
    /// From `src` on, such as `model/arn.rs`.
    path: String,
    code: String,
}

impl Source {
    /// The module it belongs to, or the binary's folder.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    fn is_library(&self) -> bool {
        self.module() != "bin"
    }

    /// The modules of this crate that it names, whatever the form: `crate::x`, `crate::{x, y}`,
    /// or up through `super`.
    fn names(&self) -> Vec<&str> {
        let root_by_super = if self.path.ends_with("/mod.rs") {
            "super::"
        } else {
            "super::super::"
        };
        ["crate::", root_by_super]
            .into_iter()
            .flat_map(|root| self.code.split(root).skip(1))
            .flat_map(heads)
            .filter(|name| ORDER.contains(name))
            .collect()
    }
}

/// The first names of the paths that follow in a `use` or path.
fn heads(rest: &str) -> Vec<&str> {
    let word = |text: &str| {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len())
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![&rest[..word(rest)]];
    };
    let (mut depth, mut begin, mut heads) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (c == ',' && depth == 1) {
            let path = group[begin..at].trim();
            heads.push(&path[..word(path)]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                // `tests/` folders are unit tests too long for the foot of a file.
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

/// A file's text without its unit tests and without comments.
fn code(text: &str) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => &text[..tests],
        None => text,
    };
    let lines = text.lines().filter(|line| !line.trim().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether the code has this, not as the end of a longer name.
fn has(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The files that have one of these names, among those where they must not be.
fn offenders(names: &[&str], forbidden: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found: Vec<String> = sources()
        .iter()
        .filter(|source| forbidden(source))
        .flat_map(|source| {
            let hits = names.iter().filter(|name| has(&source.code, name));
            hits.map(|name| format!("{} names `{name}`", source.path))
        })
        .collect();
    found.sort();
    found
}

#[track_caller]
fn none(offenders: &[String]) {
    assert!(offenders.is_empty(), "{offenders:#?}");
}

#[test]
fn every_module_has_its_place() {
    for source in sources() {
        let module = source.module();
        let known = ORDER.contains(&module) || ["lib", "bin"].contains(&module);
        assert!(known, "{} is in no order", source.path);
    }
}

#[test]
fn no_module_names_a_later_one() {
    let place = |name: &str| ORDER.iter().position(|module| *module == name);
    let mut upward = Vec::new();
    for source in sources() {
        let Some(own) = place(source.module()) else {
            continue;
        };
        for name in source.names() {
            if place(name) > Some(own) {
                upward.push(format!("{} names `{name}`", source.path));
            }
        }
    }
    none(&upward);
}

#[test]
fn values_and_decisions_know_no_world() {
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
    none(&offenders(&names, |source| {
        ["model", "schedule"].contains(&source.module())
    }));
}

/// A clock that is set, or a machine that sleeps, changes nothing about when calls are due.
#[test]
fn what_paces_calls_knows_no_calendar() {
    let names = ["SystemTime", "jiff", "Timestamp", "std::time::Instant"];
    none(&offenders(&names, |source| {
        ["schedule", "limits", "ledger", "engine"].contains(&source.module())
    }));
}

#[test]
fn each_library_is_named_where_it_belongs_alone() {
    let outside = |module: &'static str| move |source: &Source| source.module() != module;
    none(&offenders(&["governor"], outside("limits")));
    none(&offenders(&["aws_"], |source| {
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
    none(&offenders(&of_clients, outside("chime")));
    none(&offenders(&["aws_sigv4"], outside("sandbox")));
    none(&offenders(&["rusqlite"], outside("ledger")));
    none(&offenders(&["rustix"], |source| {
        source.module() != "private_file" && source.path != "chime/credential_process.rs"
    }));
    let of_terminal = ["clap", "indicatif", "console", "toml"];
    none(&offenders(&of_terminal, outside("bin")));
    none(&offenders(&["backoff::"], |source| {
        source.path != "schedule/delay.rs"
    }));
}

#[test]
fn the_library_neither_prints_nor_exits() {
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
    none(&offenders(&names, Source::is_library));
}

#[test]
fn paths_are_understood_in_every_form() {
    let source = |path: &str, code: &str| Source {
        path: path.to_owned(),
        code: code.to_owned(),
    };
    let one = source("model/x.rs", "use crate::job::Run; use super::engine;");
    assert_eq!(one.names(), ["job"]);
    let group = "use crate::{limits::{CallLimits, job}, report};\nuse super::super::ledger;";
    let group = source("model/x.rs", group);
    assert_eq!(group.names(), ["limits", "report", "ledger"]);
    assert_eq!(source("model/mod.rs", "use super::job;").names(), ["job"]);
    assert!(!has("my_backoff::x", "backoff::") && has("(backoff::x", "backoff::"));
}
