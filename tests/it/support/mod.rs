//! What tests share: the program in a directory of its own, the core on virtual time, and the
//! services that both call.

pub(crate) mod backends;
#[cfg(unix)]
pub(crate) mod expected;
pub(crate) mod harness;
pub(crate) mod interruption;
pub(crate) mod program;
pub(crate) mod recorder;
pub(crate) mod server;

use std::fmt::Display;
use std::str::FromStr;

/// The number in an environment variable, if it is set.
pub(crate) fn number<T: FromStr<Err: Display>>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|error| panic!("{variable} is `{text}`: {error}")))
}
