//! The environment variables of this program.

use std::ffi::OsString;

use chime_bulk::model::closest_match;
use clap::{Arg, Command};

/// What all of them begin with.
const PREFIX: &str = "CHIME_BULK_";

/// The variable for a flag.
pub(crate) fn variable(flag: &str) -> String {
    format!("{PREFIX}{}", flag.to_uppercase().replace('-', "_"))
}

/// Whether a variable is set. An empty one counts as unset: in scripts and unit files, that is how a
/// variable is left out.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// A warning for each variable with this program's prefix that is not a flag of any command. Never
/// with its value, which may be a secret.
pub(crate) fn warnings(command: &Command) -> Vec<String> {
    warnings_of(command, std::env::vars_os().map(|(name, _)| name))
}

fn warnings_of(command: &Command, names: impl Iterator<Item = OsString>) -> Vec<String> {
    let commands = command.get_subcommands();
    let flags: Vec<&str> = commands
        .flat_map(|command| command.get_arguments().filter_map(Arg::get_long))
        .collect();
    let warning = |name: OsString| {
        let name = name.to_string_lossy().into_owned();
        let rest = name.strip_prefix(PREFIX)?;
        if flags.iter().any(|flag| variable(flag) == name) {
            return None;
        }
        let alike = closest_match(
            &rest.to_lowercase().replace('_', "-"),
            flags.iter().copied(),
        );
        let hint = alike.map(|flag| format!(": did you mean {}?", variable(flag)));
        let hint = hint.unwrap_or_default();
        Some(format!(
            "warning: the variable {name} is not one of this program{hint}"
        ))
    };
    let mut warnings: Vec<String> = names.filter_map(warning).collect();
    warnings.sort();
    warnings
}
