//! What goes wrong by chance or by rule.
//!
//! Promises: the same seed and order of calls return the same faults. Must not: touch the state.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::storm::CodeShare;

/// A kind of fault that happens to a share of the calls (or members).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The call is refused with 429, within its quotas all the same.
    CallThrottled,
    /// The call is refused with 503.
    CallUnavailable,
    /// One member of a batch call is answered `Throttled`, and not added.
    MemberThrottled,
    /// The call is applied, its answer never comes.
    Lost,
    /// The connection is closed before the call is applied.
    Reset,
    /// The answer comes later, by [`super::SandboxConfig::slow_by`].
    Slow,
}

impl Fault {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::CallThrottled,
        Self::CallUnavailable,
        Self::MemberThrottled,
        Self::Lost,
        Self::Reset,
        Self::Slow,
    ];

    /// The name it is asked for by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallThrottled => "call-throttled",
            Self::CallUnavailable => "call-unavailable",
            Self::MemberThrottled => "member-throttled",
            Self::Lost => "lost",
            Self::Reset => "reset",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no fault, or not the answer for a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No such fault.
    #[error(
        "no fault `{0}` (call-throttled, call-unavailable, member-throttled, lost, reset, slow, or \
         a code of a refused call: see `chime-bulk explain`)"
    )]
    Unknown(String),
    /// The share is not between 0 and 1.
    #[error("the share `{0}` is not a number from 0 to 1")]
    Share(String),
    /// No `=` in it, or nothing on one side.
    #[error("`{0}` is not of the form {1}")]
    Form(String, &'static str),
}

impl FromStr for Fault {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let named = |fault: &Self| fault.as_str() == text;
        let found = Self::ALL.into_iter().find(named);
        found.ok_or_else(|| FaultError::Unknown(text.to_owned()))
    }
}

/// How often a fault happens: `NAME=SHARE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultShare {
    /// Which.
    pub fault: Fault,
    /// Of all calls (for [`Fault::MemberThrottled`]: of all members), 0 to 1.
    pub share: f64,
}

impl FromStr for FaultShare {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, share) = split_sides(text, "NAME=SHARE")?;
        Ok(Self {
            fault: name.parse()?,
            share: parse_share(share)?,
        })
    }
}

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

/// A fixed answer for members whose id begins with a prefix: `PREFIX=CODE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRule {
    /// Beginning of the user's (or bot's) id, not of the ARN.
    pub prefix: String,
    /// The member-level error code, any text.
    pub code: String,
}

impl FromStr for MemberRule {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (prefix, code) = split_sides(text, "PREFIX=CODE")?;
        Ok(Self {
            prefix: prefix.to_owned(),
            code: code.to_owned(),
        })
    }
}

fn parse_share(text: &str) -> Result<f64, FaultError> {
    let share = text.parse().ok().filter(|n| (0.0..=1.0).contains(n));
    share.ok_or_else(|| FaultError::Share(text.to_owned()))
}

/// Splits at the last `=`, neither side empty.
fn split_sides<'a>(text: &'a str, form: &'static str) -> Result<(&'a str, &'a str), FaultError> {
    text.rsplit_once('=')
        .filter(|(left, right)| !left.is_empty() && !right.is_empty())
        .ok_or_else(|| FaultError::Form(text.to_owned(), form))
}

/// Chance, from a seed.
#[derive(Debug)]
pub(super) struct FaultRng {
    rng: StdRng,
    shares: [f64; Fault::ALL.len()],
}

impl FaultRng {
    /// Dice that roll each fault with its share; a fault named twice has its last share.
    pub(super) fn new(seed: u64, faults: &[FaultShare]) -> Self {
        let mut shares = [0.0; Fault::ALL.len()];
        for one in faults {
            shares[one.fault as usize] = one.share;
        }
        Self {
            rng: StdRng::seed_from_u64(seed),
            shares,
        }
    }

    /// Whether the fault happens this time.
    pub(super) fn happens(&mut self, fault: Fault) -> bool {
        self.hits(self.shares[fault as usize])
    }

    /// Whether it is one of this share.
    pub(super) fn hits(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.random::<f64>() < share
    }

    /// The time, more or less by up to this share of it.
    pub(super) fn jitter(&mut self, time: Duration, share: f64) -> Duration {
        if share <= 0.0 || time.is_zero() {
            return time;
        }
        let factor = 1.0 + share.min(1.0) * (self.rng.random::<f64>() * 2.0 - 1.0);
        time.mul_f64(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_with_their_share() {
        for fault in Fault::ALL {
            let share: FaultShare = format!("{fault}=0.25").parse().unwrap();
            assert_eq!(share, FaultShare { fault, share: 0.25 });
        }
        for (text, reason) in [
            ("lots=0.1", "no fault `lots`"),
            ("lost=2", "the share `2`"),
            ("lost=NaN", "the share `NaN`"),
            ("lost", "NAME=SHARE"),
        ] {
            let error = text.parse::<FaultShare>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let answer: MemberRule = "gone-=NotFound".parse().unwrap();
        assert_eq!((&*answer.prefix, &*answer.code), ("gone-", "NotFound"));
        assert!("=NotFound".parse::<MemberRule>().is_err());
    }

    #[test]
    fn the_same_seed_rolls_the_same() {
        let roll = |seed| {
            let faults = [FaultShare {
                fault: Fault::Lost,
                share: 0.3,
            }];
            let mut rng = FaultRng::new(seed, &faults);
            (0..1000)
                .map(|_| rng.happens(Fault::Lost))
                .collect::<Vec<_>>()
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
        let hits = roll(7).into_iter().filter(|hit| *hit).count();
        assert!(
            (230..370).contains(&hits),
            "{hits} of 1000 at a share of 0.3"
        );
    }
}
