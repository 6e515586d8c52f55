//! The command line once more, for a command that continues when it is repeated.

use std::path::Path;

use chime_bulk::report::{shell_value, shell_word};

/// The command line as it was given, with this run directory if it named none.
pub(crate) fn same_command(run_dir: Option<&Path>) -> String {
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| shell_value(&word));
    let run_dir = run_dir.map(|dir| format!("--run-dir={}", shell_word(dir)));
    let words = ["chime-bulk".to_owned()].into_iter().chain(words);
    let words: Vec<String> = words.chain(run_dir).collect();
    words.join(" ")
}
