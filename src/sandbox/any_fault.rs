//! A fault or a code, as a user asks for either by name.

use std::str::FromStr;

use super::fault::{FaultError, FaultShare, parse_share, split_sides};
use super::storm::CodeShare;

/// A fault or a code, and its share of the calls: `NAME=SHARE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AnyFault {
    /// A fault.
    Fault(FaultShare),
    /// Calls refused with a code.
    Refusal(CodeShare),
}

impl FromStr for AnyFault {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let unknown = match text.parse() {
            Ok(fault) => return Ok(Self::Fault(fault)),
            Err(FaultError::Unknown(unknown)) => unknown,
            Err(error) => return Err(error),
        };
        let (_, share) = split_sides(text, "NAME=SHARE")?;
        Ok(Self::Refusal(CodeShare {
            code: unknown.parse()?,
            share: parse_share(share)?,
        }))
    }
}
