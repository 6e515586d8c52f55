//! How many failures are too many.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Rows that must be settled before a percentage is judged: one bad row of the first ten is no
/// sign of anything.
const SAMPLE: u64 = 100;

/// `--max-failures`: a number of rows, or a share of the rows settled so far.
///
/// Counted are rows that were sent and ended `failed` or `unconfirmed`. Defects of the list
/// (`invalid`, `duplicate`) cost no call and are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FailureThreshold {
    /// More than this many rows.
    Rows(u64),
    /// More than this share, in percent.
    Percent(f64),
}

/// A text that is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a number of rows (100) nor a share of them (5%)")]
pub struct ThresholdError(String);

impl FailureThreshold {
    /// Whether `failures` among `settled` rows are too many.
    #[must_use]
    pub fn is_passed(self, failures: u64, settled: u64) -> bool {
        match self {
            Self::Rows(most) => failures > most,
            #[expect(
                clippy::cast_precision_loss,
                reason = "a share of row counts far below 2^52"
            )]
            Self::Percent(most) => {
                settled >= SAMPLE && failures as f64 * 100.0 > most * settled as f64
            }
        }
    }
}

impl FromStr for FailureThreshold {
    type Err = ThresholdError;
    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let wrong = || ThresholdError(text.to_owned());
        if let Some(share) = text.strip_suffix('%') {
            let share: f64 = share.trim().parse().map_err(|_| wrong())?;
            return if (0.0..=100.0).contains(&share) {
                Ok(Self::Percent(share))
            } else {
                Err(wrong())
            };
        }
        text.parse().map(Self::Rows).map_err(|_| wrong())
    }
}

impl TryFrom<String> for FailureThreshold {
    type Error = ThresholdError;
    fn try_from(text: String) -> Result<Self, ThresholdError> {
        text.parse()
    }
}

impl From<FailureThreshold> for String {
    fn from(threshold: FailureThreshold) -> Self {
        threshold.to_string()
    }
}

impl fmt::Display for FailureThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_and_shares_and_nothing_else() {
        assert_eq!("5".parse(), Ok(FailureThreshold::Rows(5)));
        assert_eq!("2.5%".parse(), Ok(FailureThreshold::Percent(2.5)));
        for wrong in ["", "%", "-1", "101%", "NaN%", "many"] {
            assert!(wrong.parse::<FailureThreshold>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn passed_means_more_than_said() {
        assert!(!FailureThreshold::Rows(5).is_passed(5, 10));
        assert!(FailureThreshold::Rows(5).is_passed(6, 10));
        assert!(!FailureThreshold::Percent(10.0).is_passed(99, 99));
        assert!(!FailureThreshold::Percent(10.0).is_passed(10, 100));
        assert!(FailureThreshold::Percent(10.0).is_passed(11, 100));
    }
}
