//! Fuzz targets for all bytes that come from outside: lists, options, answers and ledgers. The tests run
//! each target on its corpus, and on mutations of it.
//!
//! To fuzz them with libFuzzer, use the package in `tests/fuzz`, which is not part of the build. With
//! `cargo install cargo-fuzz`, a C++ compiler, and the stable Rust compiler:
//!
//! ```sh
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none list \
//!     /tmp/list tests/corpus/list -- -max_total_time=3600
//! ```
//!
//! The other targets are `columns`, `answer` and `ledger`. Add what the fuzzer finds to `tests/corpus/`.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

mod answer;
mod columns;
mod ledger;
mod list;

/// Runs a target on every file of its corpus, and on a number of mutations of each.
fn corpus(name: &str, target: fn(&[u8]), mutations: usize) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(name);
    let mut inputs = files(&dir);
    assert!(inputs.len() > 5, "the corpus of {name} is missing");
    if name == "list" {
        // Lists from the field, into one channel, and by position.
        let lists = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists"));
        for (file, list) in lists {
            inputs.push((file.clone(), [b"\x02", &list[..]].concat()));
            inputs.push((file, [b"\x06", &list[..]].concat()));
        }
    }
    let mut random = StdRng::seed_from_u64(4);
    for (file, input) in &inputs {
        let check = |bytes: &[u8]| {
            let caught = std::panic::catch_unwind(|| target(bytes));
            assert!(
                caught.is_ok(),
                "{}: {}",
                file.display(),
                bytes.escape_ascii()
            );
        };
        check(input);
        for _ in 0..mutations {
            let (_, other) = &inputs[random.random_range(0..inputs.len())];
            check(&mutated(input, other, &mut random));
        }
    }
}

/// The files of a directory, by name, with their content.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// An input with some bytes changed, inserted or removed, or with a piece of another input.
fn mutated(input: &[u8], other: &[u8], random: &mut StdRng) -> Vec<u8> {
    const SPECIAL: &[u8] = b"\0\x01\"\r\n,;\t|{}[]:\\-=@+\xEF\xFF\xFE\xE4\x1F\x8B";
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..9)).min(bytes.len());
        let special = SPECIAL[random.random_range(0..SPECIAL.len())];
        match random.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = special,
            2 => bytes.insert(at, special),
            3 => bytes.drain(at..end).for_each(drop),
            4 => bytes.truncate(at),
            _ => {
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..40)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn any_list_is_read_or_refused() {
    corpus("list", list::run, 60);
}

#[test]
fn any_options_find_columns_or_are_refused() {
    corpus("columns", columns::run, 60);
}

#[test]
fn any_answer_is_decoded_or_refused() {
    corpus("answer", answer::run, 20);
}

#[test]
fn any_ledger_is_opened_or_refused() {
    corpus("ledger", ledger::run, 20);
}
