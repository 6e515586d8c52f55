//! Where the value of a flag comes from: the flag, the environment, the file of `--config`, or the
//! default, in this order.
//!
//! Values from the file are added to the command line, unless the command line or the environment sets
//! the flag. So they have the same meaning and are checked by the same rules.

mod address;
mod file;
mod places;
mod variables;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use chime_bulk::model::escape_control;
use chime_bulk::report::shell_value;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::screen::Mode;
use crate::value::ValueError;
use file::{File, OUTSIDE, Setting};
pub(crate) use places::Places;
pub(crate) use variables::{is_set, variable, warnings};

/// Why a command line is not executed.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// An error of clap, or its text for `--help` and `--version`.
    Clap(clap::Error),
    /// No error: `--print-config` asks for this text.
    Shown(String),
    /// An error in the file.
    File {
        /// What is wrong, and where.
        what: String,
        /// How to fix it.
        hint: String,
    },
}

impl From<clap::Error> for ReadError {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// A command line that cannot be read.
#[derive(Debug)]
pub(crate) struct NotRead {
    /// Why.
    pub(crate) error: ReadError,
    /// How the error is shown.
    pub(crate) mode: Mode,
}

/// Reads a command line and the file of `--config`. On failure, if the command line or the file asks
/// for JSON progress, the error is shown as JSON too.
pub(crate) fn read(
    command: &Command,
    mut line: Vec<OsString>,
) -> Result<(ArgMatches, Places), NotRead> {
    read_with_file(command, &mut line).map_err(|error| NotRead {
        error,
        mode: if asks_for_json(&line) {
            Mode::Json
        } else {
            Mode::Plain
        },
    })
}

/// Whether `--progress json` is in this command line or, if the flag is not, in the environment. Works
/// for command lines that clap rejects.
fn asks_for_json(line: &[OsString]) -> bool {
    let mut modes = line.iter().enumerate().filter_map(|(at, word)| {
        let mode = word.to_str()?.strip_prefix("--progress")?;
        match mode.strip_prefix('=') {
            Some(mode) => Some(mode),
            None if mode.is_empty() => line.get(at + 1)?.to_str(),
            None => None,
        }
    });
    match modes.next() {
        Some(mode) => mode == "json",
        None => std::env::var_os(variable("progress")).is_some_and(|mode| mode == "json"),
    }
}

/// Like [`read`]. Adds the values of the file to `line`.
fn read_with_file(
    command: &Command,
    line: &mut Vec<OsString>,
) -> Result<(ArgMatches, Places), ReadError> {
    let given = command.clone().try_get_matches_from(&*line)?;
    let Some((name, flags)) = given.subcommand() else {
        return Ok((given, Places::default()));
    };
    let Some(known) = command.find_subcommand(name) else {
        return Ok((given, Places::default()));
    };
    let Some(path) = file_of(flags) else {
        show_if_asked(known, flags, None)?;
        return Ok((given, Places::default()));
    };
    let mut file = File::read(command, &path)?;
    file.settings.retain(|setting| {
        let arg = flag(known, &setting.name);
        arg.is_some_and(|arg| !is_given(flags, arg) && !is_overridden(known, flags, arg))
    });
    let merged = with_settings(known, line, &file.settings);
    let own = std::mem::replace(line, merged);
    let matches = match command.clone().try_get_matches_from(&*line) {
        Ok(matches) => matches,
        Err(error) => return Err(error_in_file(&file, command, known, &own, &error)),
    };
    if let Some((_, flags)) = matches.subcommand() {
        show_if_asked(known, flags, Some(&file))?;
    }
    Ok((matches, Places::of(&file)))
}

/// The file of `--config`, if the command has that flag and it is set.
fn file_of(flags: &ArgMatches) -> Option<PathBuf> {
    flags.try_get_one::<PathBuf>("config").ok()?.cloned()
}

/// The argument of a flag.
fn flag<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))
}

fn is_given(flags: &ArgMatches, arg: &Arg) -> bool {
    let source = flags.value_source(arg.get_id().as_str());
    matches!(
        source,
        Some(ValueSource::CommandLine | ValueSource::EnvVariable)
    )
}

/// Whether a flag of the command line or the environment conflicts with this one. Then the value in
/// the file is ignored.
fn is_overridden(command: &Command, flags: &ArgMatches, arg: &Arg) -> bool {
    let given = || command.get_arguments().filter(|arg| is_given(flags, arg));
    let conflicts = |one: &Arg, other: &Arg| {
        let excluded = command.get_arg_conflicts_with(one);
        excluded.iter().any(|arg| arg.get_id() == other.get_id())
    };
    given().any(|other| conflicts(arg, other) || conflicts(other, arg))
}

/// Inserts settings into a command line, right after the command. Elsewhere, the flag before them could
/// take them as its values.
fn with_settings(command: &Command, line: &[OsString], settings: &[Setting]) -> Vec<OsString> {
    let mut rest = line.iter().skip(1);
    let command_at = rest.position(|word| word == command.get_name());
    let at = command_at.map_or(line.len(), |at| at + 2);
    let words = settings.iter().flat_map(|setting| {
        let arg = flag(command, &setting.name);
        words(setting, arg.map(Arg::get_action))
    });
    let mut merged = line[..at].to_vec();
    merged.extend(words.map(OsString::from));
    merged.extend_from_slice(&line[at..]);
    merged
}

/// The error for the first setting that is invalid after those before it, with its line in the file.
/// A setting can be valid alone and exclude an earlier one.
fn error_in_file(
    file: &File,
    command: &Command,
    known: &Command,
    line: &[OsString],
    error: &clap::Error,
) -> ReadError {
    let fails = |at: &usize| {
        let merged = with_settings(known, line, &file.settings[..=*at]);
        command.clone().try_get_matches_from(merged).is_err()
    };
    let settings = &file.settings;
    let invalid = (0..settings.len()).find(fails).map(|at| &settings[at]);
    let place = invalid.map_or_else(
        || file.path.display().to_string(),
        |setting| format!("{}, line {}", file.path.display(), setting.line),
    );
    let default_hint = "correct it there, or override it with a flag";
    if let Some(value) = ValueError::of(error) {
        return ReadError::File {
            what: format!("{place}: {value}"),
            hint: value.hint().unwrap_or(default_hint).to_owned(),
        };
    }
    let message = error.render().to_string();
    let message = message.trim_start_matches("error: ").lines().next();
    ReadError::File {
        what: format!("{place}: {}", message.unwrap_or_default()),
        hint: default_hint.to_owned(),
    }
}

/// A setting as words of a command line.
fn words(setting: &Setting, action: Option<&ArgAction>) -> Vec<String> {
    let flag = format!("--{}", setting.name);
    let number = |text: &String| text.parse().unwrap_or(usize::from(text == "true"));
    // These flags take no value: they are repeated, or left out.
    if let Some(ArgAction::SetTrue | ArgAction::Count) = action {
        let times = setting.values.first().map_or(0, number);
        return vec![flag; times.min(9)];
    }
    let each = setting.values.iter();
    each.map(|value| format!("{flag}={value}")).collect()
}

/// Returns the values of the flags as `ReadError::Shown` if `--print-config` is set.
fn show_if_asked(
    command: &Command,
    flags: &ArgMatches,
    file: Option<&File>,
) -> Result<(), ReadError> {
    match flags.try_get_one::<bool>("print_config") {
        Ok(Some(true)) => Err(ReadError::Shown(
            shown(command, flags, file) + &address::comment(command, flags),
        )),
        _ => Ok(()),
    }
}

/// The values of the flags and where each comes from, as a file for `--config`.
fn shown(command: &Command, flags: &ArgMatches, file: Option<&File>) -> String {
    let mut text = String::new();
    for arg in command.get_arguments() {
        let Some(name) = arg.get_long().filter(|name| !OUTSIDE.contains(name)) else {
            continue;
        };
        let id = arg.get_id().as_str();
        let set = file.and_then(|file| {
            let setting = file.settings.iter().find(|setting| setting.name == name)?;
            Some(format!("{}, line {}", file.path.display(), setting.line))
        });
        let origin = match (flags.value_source(id), set) {
            (_, Some(place)) => place,
            (Some(ValueSource::CommandLine), None) => format!("--{name}"),
            (Some(ValueSource::EnvVariable), None) => variable(name),
            (Some(_), None) => "default".to_owned(),
            (None, None) => {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "# {name}: not given");
                continue;
            }
        };
        let values = flags.get_raw(id).into_iter().flatten();
        let values: Vec<_> = values.collect();
        if let Some(value) = values.iter().find(|value| value.to_str().is_none()) {
            let (value, origin) = (shell_value(value), escape_control(&origin, usize::MAX));
            let why = "is not UTF-8, so it cannot be in a file";
            let _ = writeln!(text, "# {name}: {value} ({origin}) {why}");
            continue;
        }
        let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
        let value = match arg.get_action() {
            ArgAction::SetTrue => flags.get_flag(id).to_string(),
            ArgAction::Count => flags.get_count(id).to_string(),
            ArgAction::Append => {
                let each: Vec<_> = values.iter().map(|value| literal(value)).collect();
                format!("[{}]", each.join(", "))
            }
            _ => values
                .first()
                .map(|value| literal(value))
                .unwrap_or_default(),
        };
        let _ = writeln!(
            text,
            "{name} = {value} # {}",
            escape_control(&origin, usize::MAX)
        );
    }
    text
}

/// A value in TOML.
fn literal(value: &str) -> String {
    let number: Option<i64> = value.parse().ok();
    if number.is_some_and(|number| number.to_string() == value) {
        return value.to_owned();
    }
    toml::Value::String(value.to_owned()).to_string()
}
