//! A circuit breaker: whether the service works, judged by the calls' answers.
//!
//! A service in trouble is not to be pressed: retries are paid for out of a budget that accepted
//! calls fill. While it lasts, failed calls are sent again like any other; when it is spent, or
//! several calls in a row have failed, the service counts as down, and one call at a time probes
//! whether it is back.

use std::time::Duration;

use super::delay::Backoff;
use super::{Patience, RetryDelays};

/// Failed calls in a row, with none answered between, from which on the service counts as down.
pub(super) const OUTAGE_AFTER: u32 = 3;
/// Fewest refused calls before the usual patience can end.
pub(super) const OUTAGE_PROBES: u32 = 10;
/// How long nothing may be accepted, where something answered in this session.
pub(super) const USUAL_PATIENCE: Duration = Duration::from_mins(5);
/// Longest pause between two probes of a service that is down: it is found to be back so soon.
const LONGEST_PROBE: Duration = Duration::from_secs(3);
/// Pause between two calls that check whether expired credentials were renewed.
const RENEWAL: Duration = Duration::from_secs(15);
/// How long nothing may be accepted, where nothing answered in this session, or where the answers are
/// not the service's: a proxy is restarted in that time, a wrong address stays wrong.
pub(super) const SHORT_PATIENCE: Duration = Duration::from_secs(30);
/// Failed calls that are sent again whatever the others come to.
const BUDGET: f64 = 10.0;
/// Throttled calls in a row, none accepted between, and the time they cover, from which on the limits
/// do not explain them: others use the quota up, or the service takes nothing.
const SPELL_AFTER: u32 = 8;
const SPELL_TIME: Duration = Duration::from_millis(2_500);
/// Longest pause between two probes of a service that throttles everything.
const SPELL_PROBE: Duration = Duration::from_secs(2);
/// What an accepted call adds to the budget: one call in six may fail for good without its being
/// spent.
const EARNED: f64 = 0.2;

/// The best answer to a call so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum BestAnswer {
    /// None that may be the service's.
    None,
    /// That the service failed.
    Failed,
    /// A refusal.
    Refused,
    /// The call was accepted.
    Accepted,
}

/// A circuit breaker: whether the service works, judged by the calls' answers.
#[derive(Debug)]
pub(super) struct OutageDetector {
    /// How long nothing may be accepted, if the user has set it.
    patience: Option<Patience>,
    /// The best answer in this session.
    best: BestAnswer,
    /// Failed calls since the last one that was answered (throttled ones not counted).
    failed_in_row: u32,
    /// Failed calls that may be sent again.
    budget: f64,
    /// Failed probes in a row, while the service counts as down.
    probes: Backoff,
    /// Whether it counts as down.
    down: bool,
    /// Calls throttled since the last one that was answered otherwise.
    throttled_in_row: u32,
    /// When the first of those came back.
    throttled_since: Duration,
    /// Calls failed or throttled since the last one that was answered.
    refused_in_row: u32,
    /// When the first of those came back.
    refused_since: Option<Duration>,
    /// When the first came back of those answers in a row that are not the service's.
    astray_since: Option<Duration>,
    /// While it counts as down: when to probe next.
    probe_at: Duration,
}

impl OutageDetector {
    pub(super) fn new(patience: Option<Patience>) -> Self {
        Self {
            patience,
            best: BestAnswer::None,
            failed_in_row: 0,
            budget: BUDGET,
            probes: Backoff::new(),
            down: false,
            throttled_in_row: 0,
            throttled_since: Duration::ZERO,
            refused_in_row: 0,
            refused_since: None,
            astray_since: None,
            probe_at: Duration::ZERO,
        }
    }

    /// Whether the service counts as down.
    pub(super) fn is_down(&self) -> bool {
        self.down
    }

    /// While it counts as down: when to probe next.
    pub(super) fn probe_at(&self) -> Duration {
        self.probe_at
    }

    /// A call was refused for what was in it: the service works.
    pub(super) fn on_answer(&mut self) {
        self.failed_in_row = 0;
        self.throttled_in_row = 0;
        self.refused_in_row = 0;
        self.refused_since = None;
        self.astray_since = None;
        self.best = self.best.max(BestAnswer::Refused);
        self.probes.reset();
        self.down = false;
    }

    /// A call was accepted.
    pub(super) fn on_accepted(&mut self) {
        self.on_answer();
        self.best = BestAnswer::Accepted;
        self.budget = (self.budget + EARNED).min(BUDGET);
    }

    /// A call was throttled. True from when on all calls are throttled whatever their pace: one at a
    /// time probes whether that is over.
    pub(super) fn on_throttled(&mut self, now: Duration, delays: &mut RetryDelays) -> bool {
        if self.throttled_in_row == 0 {
            self.throttled_since = now;
        }
        self.throttled_in_row += 1;
        let lasts = now.saturating_sub(self.throttled_since);
        let is_spell = self.throttled_in_row >= SPELL_AFTER && lasts >= SPELL_TIME;
        if is_spell {
            self.down = true;
            let ceiling = self.probes.next_ceiling().min(SPELL_PROBE);
            self.probe_at = now + delays.below(ceiling);
        }
        is_spell
    }

    /// A call failed, or its answer was lost.
    pub(super) fn on_failed(&mut self, now: Duration, delays: &mut RetryDelays) {
        self.failed_in_row += 1;
        self.throttled_in_row = 0;
        self.budget = (self.budget - 1.0).max(0.0);
        self.down = self.down || self.budget < 1.0 || self.failed_in_row >= OUTAGE_AFTER;
        if self.down {
            self.probe_at = now + delays.below(self.probes.next_ceiling()).min(LONGEST_PROBE);
        }
    }

    /// The credentials were not accepted. True if they never were in this session: then waiting
    /// for others is of no use. Otherwise one call at a time checks whether they were renewed.
    pub(super) fn on_credentials_rejected(&mut self, now: Duration) -> bool {
        if self.best == BestAnswer::Accepted {
            self.down = true;
            self.probe_at = self.probe_at.max(now + RENEWAL);
        }
        self.best < BestAnswer::Accepted
    }

    /// The service answered a call that it is throttled or fails: there is a service.
    pub(super) fn on_reached(&mut self) {
        self.best = self.best.max(BestAnswer::Failed);
    }

    /// Counts a failed or throttled call. True if nothing was accepted for as long as patience
    /// lasts.
    pub(super) fn on_refused(&mut self, now: Duration) -> bool {
        self.astray_since = None;
        self.refused_in_row += 1;
        let since = *self.refused_since.get_or_insert(now);
        let (patience, fewest) = match self.patience {
            Some(patience) => (patience.time(), OUTAGE_AFTER),
            None if self.best > BestAnswer::None => (USUAL_PATIENCE, OUTAGE_PROBES),
            None => (SHORT_PATIENCE, OUTAGE_AFTER),
        };
        self.refused_in_row >= fewest && now.saturating_sub(since) >= patience
    }

    /// Counts an answer that is not the service's. True if there was no other for as long as
    /// patience lasts.
    pub(super) fn on_wrong_address(&mut self, now: Duration) -> bool {
        let since = *self.astray_since.get_or_insert(now);
        let patience = self.patience.map_or(SHORT_PATIENCE, Patience::time);
        now.saturating_sub(since) >= patience
    }

    /// Whether a call was accepted in this session.
    pub(super) fn has_accepted(&self) -> bool {
        self.best == BestAnswer::Accepted
    }

    /// Whether anything that may be the service answered in this session.
    pub(super) fn is_reached(&self) -> bool {
        self.best > BestAnswer::None
    }

    /// Whether the service answered a call in this session.
    pub(super) fn has_answered(&self) -> bool {
        self.best >= BestAnswer::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_few_failures_among_many_calls_are_no_outage() {
        let (mut outage, mut delays) = (OutageDetector::new(None), RetryDelays::new(1));
        for call in 0..10_000 {
            if call % 7 == 0 {
                outage.on_failed(SECOND * call, &mut delays);
            } else {
                outage.on_accepted();
            }
            assert!(!outage.is_down(), "call {call}");
        }
    }

    #[test]
    fn a_service_that_fails_half_of_the_calls_spends_the_budget() {
        let (mut outage, mut delays) = (OutageDetector::new(None), RetryDelays::new(1));
        let mut downs = 0;
        for call in 0..100 {
            if call % 2 == 0 {
                outage.on_failed(SECOND * call, &mut delays);
            } else {
                outage.on_accepted();
            }
            downs += u32::from(outage.is_down());
        }
        assert!(downs > 30, "{downs}");
    }

    #[test]
    fn throttling_of_everything_for_a_while_is_a_spell_and_one_accepted_call_ends_it() {
        let (mut outage, mut delays) = (OutageDetector::new(None), RetryDelays::new(1));
        for _ in 0..3 {
            for call in 0..100 {
                let now = SECOND / 10 * call;
                let is_spell = outage.on_throttled(now, &mut delays);
                assert_eq!(is_spell, now >= SPELL_TIME, "{now:?}");
                assert_eq!(is_spell, outage.is_down());
                assert!(!is_spell || outage.probe_at() <= now + SPELL_PROBE);
            }
            outage.on_accepted();
            assert!(!outage.is_down());
        }
        // Few calls show nothing, however long it takes.
        for call in 0..SPELL_AFTER - 1 {
            assert!(!outage.on_throttled(SECOND * 60 * call, &mut delays));
        }
    }

    #[test]
    fn probes_are_never_far_apart_and_one_accepted_call_ends_the_outage() {
        let (mut outage, mut delays) = (OutageDetector::new(None), RetryDelays::new(1));
        for call in 0..OUTAGE_AFTER {
            assert!(!outage.is_down());
            outage.on_failed(SECOND * call, &mut delays);
        }
        for call in 3..200 {
            assert!(outage.is_down());
            assert!(outage.probe_at() <= SECOND * (call - 1) + LONGEST_PROBE);
            outage.on_failed(SECOND * call, &mut delays);
        }
        outage.on_accepted();
        assert!(!outage.is_down());
    }

    #[test]
    fn the_first_probe_of_another_outage_is_as_soon_as_that_of_the_first() {
        for seed in 0..20 {
            let (mut outage, mut delays) = (OutageDetector::new(None), RetryDelays::new(seed));
            for _ in 0..2 {
                for _ in 0..OUTAGE_AFTER {
                    outage.on_failed(SECOND, &mut delays);
                }
                assert!(outage.probe_at() <= SECOND * 2, "seed {seed}");
                (0..10).for_each(|_| outage.on_failed(SECOND, &mut delays));
                (0..100).for_each(|_| outage.on_accepted());
            }
        }
    }
}
