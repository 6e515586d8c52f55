//! How long nothing may be accepted before a run stops.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest time, in seconds: a week.
const MAX_SECONDS: u32 = 7 * 24 * 3_600;

/// `--patience`: how long nothing may be accepted before the run stops, 1 second to a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Patience(u32);

/// A number that is no patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a whole number of seconds from 1 to {MAX_SECONDS}")]
pub struct PatienceError;

impl Patience {
    /// The time.
    #[must_use]
    pub fn time(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl TryFrom<u32> for Patience {
    type Error = PatienceError;
    fn try_from(seconds: u32) -> Result<Self, PatienceError> {
        if (1..=MAX_SECONDS).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(PatienceError)
        }
    }
}

impl From<Patience> for u32 {
    fn from(patience: Patience) -> Self {
        patience.0
    }
}

impl FromStr for Patience {
    type Err = PatienceError;
    fn from_str(text: &str) -> Result<Self, PatienceError> {
        let seconds: u32 = text.parse().map_err(|_| PatienceError)?;
        seconds.try_into()
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_a_number_of_seconds() {
        for (text, seconds) in [("1", Some(1)), ("604800", Some(604_800))] {
            let patience: Option<Patience> = text.parse().ok();
            assert_eq!(patience.map(|it| it.time().as_secs()), seconds, "{text}");
            let stored = serde_json::to_string(&patience).unwrap();
            assert_eq!(
                (stored.as_str(), serde_json::from_str(&stored).ok()),
                (text, Some(patience))
            );
        }
        for text in ["0", "-1", "604801", "1.5", "", "30s"] {
            assert_eq!(text.parse::<Patience>(), Err(PatienceError), "{text}");
        }
        assert!(serde_json::from_str::<Patience>("0").is_err());
    }
}
