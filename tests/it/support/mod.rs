//! What tests share: the program in a directory of its own, the core on virtual time, and the
//! services that both call.

pub(crate) mod backends;
#[cfg(all(unix, feature = "s3"))]
pub(crate) mod cutting_proxy;
#[cfg(unix)]
pub(crate) mod expected;
#[cfg(unix)]
pub(crate) mod exposition;
pub(crate) mod harness;
pub(crate) mod interruption;
pub(crate) mod program;
#[cfg(target_os = "linux")]
pub(crate) mod proxied;
pub(crate) mod quota_server;
pub(crate) mod recorder;
#[cfg(all(unix, feature = "s3"))]
pub(crate) mod s3_server;
pub(crate) mod server;

use std::fmt::Display;
use std::str::FromStr;

/// Whether the cases that take long are tested as well. CI sets `CHIME_BULK_LARGE=1`.
pub(crate) fn is_large() -> bool {
    std::env::var_os("CHIME_BULK_LARGE").is_some_and(|value| value == "1")
}

/// The number in an environment variable, if it is set.
pub(crate) fn number<T: FromStr<Err: Display>>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|error| panic!("{variable} is `{text}`: {error}")))
}
