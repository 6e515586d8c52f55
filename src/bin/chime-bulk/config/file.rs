//! The file of `--config`: TOML with a line for each flag.

use std::path::{Path, PathBuf};

use chime_bulk::model::{closest_match, escape_control};
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ReadError;

/// Flags about the file itself, which it cannot contain.
pub(super) const OUTSIDE: [&str; 4] = ["config", "print-config", "help", "version"];

/// A file of settings.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) settings: Vec<Setting>,
}

/// A flag and its value in the file.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) values: Vec<String>,
}

impl File {
    /// Reads the file. Checks that each flag exists, but not that its value is valid: clap does that
    /// later.
    pub(super) fn read(command: &Command, path: &Path) -> Result<Self, ReadError> {
        let file_error = |what: String, hint: &str| ReadError::File {
            what: format!("{}{}", path.display(), what),
            hint: hint.to_owned(),
        };
        let bytes = std::fs::read(path).map_err(|error| {
            let hint = "--config names a file with a line such as: max-rate = 5";
            file_error(format!(": {error}"), hint)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            file_error(
                format!(", line {line}: not UTF-8"),
                "save the file as UTF-8",
            )
        })?;
        let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(&text).map_err(|error| {
            let line = line_of(error.span().map_or(0, |span| span.start));
            let hint =
                "the file is TOML: name = \"text\", name = 5, name = true, name = [\"a\", \"b\"]";
            file_error(format!(", line {line}: {}", error.message()), hint)
        })?;
        let mut settings = Vec::new();
        for (key, value) in table.get_ref() {
            let (name, line) = (key.get_ref().as_ref(), line_of(key.span().start));
            let place = format!(", line {line}: `{}`", escape_control(name, 60));
            if !names(command).any(|known| known == name) {
                let alike = closest_match(name, names(command));
                let hint = alike.map_or_else(
                    || "the names are those of the flags: see chime-bulk run --help".to_owned(),
                    |alike| format!("did you mean {alike}?"),
                );
                return Err(file_error(format!("{place} is not a flag"), &hint));
            }
            let values = texts(value).ok_or_else(|| {
                let what = format!("{place} is {}", value.get_ref().type_str());
                file_error(
                    what,
                    "write a text, a number, true or false, or an array of these",
                )
            })?;
            let is_switch = all(command)
                .filter(|arg| arg.get_long() == Some(name))
                .any(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
            if is_switch && !matches!(&*values, [value] if value == "true" || value == "false") {
                let hint = "write true or false, without quotes";
                return Err(file_error(format!("{place} is true or false"), hint));
            }
            settings.push(Setting {
                name: name.to_owned(),
                line,
                values,
            });
        }
        settings.sort_by_key(|setting| setting.line);
        let path = path.to_owned();
        Ok(Self { path, settings })
    }
}

/// The names that a file may contain: the flags of every command, because several commands can share
/// one file.
fn names(command: &Command) -> impl Iterator<Item = &str> {
    all(command)
        .filter_map(Arg::get_long)
        .filter(|name| !OUTSIDE.contains(name))
}

/// The arguments of every command.
fn all(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_subcommands().flat_map(Command::get_arguments)
}

/// A value as it is written on a command line. `None` for dates, tables and nested arrays.
fn texts(value: &Spanned<DeValue<'_>>) -> Option<Vec<String>> {
    let text = |value: &DeValue<'_>| {
        Some(match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(yes) => yes.to_string(),
            _ => return None,
        })
    };
    match value.get_ref() {
        DeValue::Array(values) => values.iter().map(|value| text(value.get_ref())).collect(),
        value => text(value).map(|text| vec![text]),
    }
}
