//! The state of the channels, sent from time to time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{OpenChannel, Standing};
use crate::ledger::{LedgerError, LedgerReader};
use crate::model::{Outcome, Refusal};
use crate::schedule::{Scheduler, Settlement};

/// Time between two `Standing` events. Each looks at every channel, too slow for each turn.
const INTERVAL: Duration = Duration::from_secs(1);
/// At most this many channels are listed one by one.
const MAX_NAMED: usize = 5;

/// When the last `Standing` event was sent.
#[derive(Debug, Default)]
pub(super) struct StandingTimer(Option<Duration>);

impl StandingTimer {
    /// Whether the next one is due now. If so, restarts the interval.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self
            .0
            .is_none_or(|last| now.saturating_sub(last) >= INTERVAL);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// The state of the channels now.
pub(super) fn standing(
    scheduler: &Scheduler,
    ledger: &LedgerReader,
    now: Duration,
) -> Result<Standing, LedgerError> {
    let overview = scheduler.overview(now, MAX_NAMED);
    let named = |left: &crate::schedule::ChannelLeft| {
        let arn = ledger.channel_arn(left.channel)?;
        let id = arn.as_str().rsplit('/').next().unwrap_or_default();
        Ok(OpenChannel {
            id: id.to_owned(),
            members_left: left.members,
            calls_left: left.calls,
        })
    };
    Ok(Standing {
        open: overview.open,
        cooling: overview.cooling,
        calls_left: overview.calls_left,
        largest: overview
            .largest
            .iter()
            .map(named)
            .collect::<Result<_, LedgerError>>()?,
    })
}

/// The rows that failed in a settlement, by error code.
pub(super) fn failed(settlement: &Settlement) -> Vec<(String, u64)> {
    let mut failed = BTreeMap::<&str, u64>::new();
    for ruling in settlement.rulings.iter().chain(&settlement.others) {
        if let Some(Outcome::Failed | Outcome::Unconfirmed) = ruling.outcome {
            *failed
                .entry(ruling.code.as_deref().unwrap_or_default())
                .or_default() += 1;
        }
    }
    if let Some((_, Refusal { code, .. })) = settlement.closed.first() {
        *failed.entry(code).or_default() += settlement.unsent;
    }
    failed
        .into_iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(code, rows)| (code.to_owned(), rows))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_once_and_then_once_a_second() {
        let mut timer = StandingTimer::default();
        let due = [0, 1, 999, 1_000, 1_001, 1_999, 2_500, 3_499].map(Duration::from_millis);
        let results = due.map(|now| timer.is_due(now));
        assert_eq!(
            results,
            [true, false, false, true, false, false, true, false]
        );
    }
}
