//! When one channel may be called next, by what its calls showed of its limit.

use std::time::Duration;

use super::delay::Backoff;
use super::learned_interval::{Learned, LearnedInterval};

/// A channel called no longer ago than this many of its intervals may be over its limit.
const RECENT: f64 = 1.5;
/// Throttled more often than this in a row, the channel is at its limit however long ago it was
/// called: others share the limit.
const OFTEN: u32 = 2;

/// What follows from a call that met the channel's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoolDown {
    /// It is the first in a row: it came slightly early, as a rule.
    First,
    /// It was sent again at once after the first, and refused again.
    SentAgain,
    /// One more in a row: the channel waits, at most so long.
    Again(Duration),
}

/// Throttled calls in a row that met the channel's own limit.
#[derive(Debug, Default)]
struct CoolDowns {
    count: u32,
    backoff: Backoff,
    /// When the first of them was sent, and the last.
    first_sent_at: Duration,
    sent_at: Duration,
}

/// When a channel may be called next. `configured` is the interval of its limit as configured,
/// `lifts` how many times a limit was found to have lifted so far.
#[derive(Debug, Default)]
pub(super) struct ChannelPace {
    /// Not to be called before.
    next: Duration,
    /// When it was called last.
    called_at: Duration,
    /// When the last call that was not throttled was sent, if there was one.
    accepted_at: Option<Duration>,
    /// When that call arrived at the latest, ways apart.
    arrived_by: Duration,
    /// Throttled calls in a row, one an episode.
    throttled_in_row: u32,
    /// Those of them that met the channel's own limit, if there are any.
    cool_downs: Option<Box<CoolDowns>>,
    /// When the last episode began: refusals of calls sent before belong to it.
    episode_began: Option<Duration>,
    /// What refusals showed of its limit, if they showed anything.
    learned: Option<Box<LearnedInterval>>,
}

impl ChannelPace {
    /// When it may be called next.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// Whether it waits because it was throttled.
    pub(super) fn is_cooling(&self, now: Duration) -> bool {
        self.cool_downs.is_some() && self.next > now
    }

    #[cfg(test)]
    pub(super) fn cool_downs(&self) -> u32 {
        self.cool_downs.as_ref().map_or(0, |known| known.count)
    }

    /// A call is made; `margin` is added to the interval.
    pub(super) fn on_sent(
        &mut self,
        now: Duration,
        configured: Duration,
        lifts: u32,
        margin: Duration,
    ) {
        self.called_at = now;
        self.next = now + self.interval(configured, lifts) + margin;
    }

    /// The last call was not made after all: the next one is due then.
    pub(super) fn reset(&mut self, next: Duration) {
        self.next = next;
    }

    /// The last call was not carried out: the next one comes now, or when none can be too early after
    /// the last accepted one, and the margin.
    pub(super) fn send_again(&mut self, now: Duration, configured: Duration, margin: Duration) {
        self.next = now.max(self.arrived_by + configured + margin);
    }

    /// What was refused since a call was last accepted shows nothing of the channel's limit.
    pub(super) fn forget_refusals(&mut self, configured: Duration, lifts: u32) {
        if self.cool_downs.take().is_some() {
            self.next = self
                .next
                .min(self.called_at + self.interval(configured, lifts));
        }
        self.throttled_in_row = 0;
        // From here on no refusal can be a matter of the pace before.
        self.accepted_at = None;
    }

    /// The next call comes two intervals after the last accepted one, and one after the first refused
    /// one.
    pub(super) fn wait_longer(&mut self, now: Duration, configured: Duration, margin: Duration) {
        if let Some(accepted_at) = self.accepted_at {
            let refused_at = self.cool_downs.as_ref().map(|known| known.first_sent_at);
            let after_refused = refused_at.unwrap_or_default() + configured + margin * 2;
            let after_accepted = accepted_at + configured * 2 + margin;
            self.next = now.max(after_accepted).max(after_refused);
        }
    }

    /// Not before then.
    pub(super) fn postpone(&mut self, until: Duration) {
        self.next = self.next.max(until);
    }

    /// The last call leaves this much later, at `sent_at`.
    pub(super) fn delay(&mut self, sent_at: Duration, by: Duration) {
        self.called_at = self.called_at.max(sent_at);
        self.next += by;
    }

    /// A call sent then was throttled. Returns whether that begins an episode.
    pub(super) fn begins_episode(&mut self, sent_at: Duration, now: Duration) -> bool {
        if self.episode_began.is_some_and(|began| sent_at < began) {
            return false;
        }
        self.episode_began = Some(now);
        self.throttled_in_row += 1;
        true
    }

    /// Whether a throttled call sent then may have met the channel's own limit: the channel was
    /// called shortly before, or is throttled time and again.
    pub(super) fn may_be_at_limit(
        &self,
        sent_at: Duration,
        configured: Duration,
        lifts: u32,
    ) -> bool {
        let recent = self.interval(configured, lifts).mul_f64(RECENT);
        self.since_accepted(sent_at)
            .is_some_and(|since| since < recent)
            || self.cool_downs.is_some()
            || self.throttled_in_row > OFTEN
    }

    /// A call sent then met the channel's limit. Returns whether it was sent early on purpose, to
    /// find out whether the limit has lifted: then the next one is due when it would have been.
    pub(super) fn refused_early(
        &mut self,
        sent_at: Duration,
        configured: Duration,
        lifts: u32,
        margin: Duration,
    ) -> bool {
        let since = self.since_accepted(sent_at);
        let (Some(learned), Some(since)) = (&mut self.learned, since) else {
            return false;
        };
        if !learned.is_early(since) {
            return false;
        }
        learned.refused_early(since, lifts);
        let due = self.accepted_at.unwrap_or_default() + learned.interval(lifts) + margin;
        self.next = due.max(sent_at + configured);
        true
    }

    /// A call sent then met the channel's limit: it cools down.
    pub(super) fn cool_down(&mut self, sent_at: Duration, configured: Duration) -> CoolDown {
        let known = self.cool_downs.get_or_insert_default();
        let is_first = known.count == 0;
        if is_first {
            // A first delay would be a slot, which the channel waits anyway.
            known.backoff.next_ceiling();
            known.first_sent_at = sent_at;
        }
        let is_again = known.count == 1 && sent_at.saturating_sub(known.sent_at) < configured;
        known.count += 1;
        known.sent_at = sent_at;
        if is_first {
            CoolDown::First
        } else if is_again {
            CoolDown::SentAgain
        } else {
            CoolDown::Again(known.backoff.next_ceiling())
        }
    }

    /// A call sent then was accepted; its way may have taken so much longer than the quickest. Returns
    /// whether the limit is found to have lifted.
    pub(super) fn on_accepted(
        &mut self,
        sent_at: Duration,
        late: Duration,
        configured: Duration,
        lifts: u32,
    ) -> bool {
        let lifted = self.learn(sent_at, configured, lifts);
        self.accepted_at = self.accepted_at.max(Some(sent_at));
        self.arrived_by = self.arrived_by.max(sent_at + late);
        self.throttled_in_row = 0;
        self.cool_downs = None;
        lifted
    }

    /// The answer to a call sent then shows how much is to be added to the interval after it: the
    /// next call may come sooner than was planned without that answer.
    pub(super) fn answered(
        &mut self,
        sent_at: Duration,
        configured: Duration,
        lifts: u32,
        margin: Duration,
    ) {
        if self.called_at == sent_at {
            let due = sent_at + self.interval(configured, lifts) + margin;
            self.next = self.next.min(due);
        }
    }

    /// The same of an accepted call, unless the channel waits for a refusal that came after it was sent.
    pub(super) fn shorten(
        &mut self,
        sent_at: Duration,
        configured: Duration,
        lifts: u32,
        margin: Duration,
    ) {
        if self.episode_began.is_none_or(|began| began <= sent_at) {
            self.answered(sent_at, configured, lifts, margin);
        }
    }

    /// How long before a call sent then the last call was sent that was not throttled.
    fn since_accepted(&self, sent_at: Duration) -> Option<Duration> {
        self.accepted_at.map(|at| sent_at.saturating_sub(at))
    }

    /// How long after an accepted call the next one is due, jitter apart.
    fn interval(&self, configured: Duration, lifts: u32) -> Duration {
        self.learned
            .as_ref()
            .map_or(configured, |learned| learned.interval(lifts))
    }

    /// Learns from an accepted call how far apart calls must be. Returns whether the limit is found
    /// to have lifted.
    fn learn(&mut self, sent_at: Duration, configured: Duration, lifts: u32) -> bool {
        let refused = self.cool_downs.as_ref().map_or(0, |known| known.count);
        let was_refused = refused > 0;
        let Some(since) = self.since_accepted(sent_at) else {
            return false;
        };
        let result = match self.learned.take() {
            Some(learned) => learned.accepted(since, was_refused, lifts),
            None if was_refused => {
                let learned = LearnedInterval::new(configured, lifts);
                if refused > 1 {
                    learned.accepted(since, was_refused, lifts)
                } else {
                    Learned::Interval(learned)
                }
            }
            None => return false,
        };
        if let Learned::Interval(learned) = result {
            self.learned = Some(Box::new(learned));
        }
        matches!(result, Learned::Lifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn cool_downs_in_a_row_grow_and_an_accepted_call_ends_them() {
        let mut pace = ChannelPace::default();
        for _ in 0..2 {
            let found = [0, 1, 2, 3].map(|call| pace.cool_down(SECOND * call, SECOND));
            let again = |seconds| CoolDown::Again(SECOND * seconds);
            assert_eq!(found, [CoolDown::First, again(2), again(4), again(8)]);
            pace.on_accepted(SECOND * 4, Duration::ZERO, SECOND, 0);
        }
    }

    #[test]
    fn a_call_that_was_sent_again_at_once_is_known() {
        let mut pace = ChannelPace::default();
        let found =
            [1_000, 1_150, 2_150].map(|ms| pace.cool_down(Duration::from_millis(ms), SECOND));
        let again = CoolDown::Again(SECOND * 2);
        assert_eq!(found, [CoolDown::First, CoolDown::SentAgain, again]);
    }
}
