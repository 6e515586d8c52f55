//! How much later than the limit's interval a channel's next call is sent, so that two calls do
//! not arrive closer than the limit.
//!
//! What counts is when calls arrive. A reply shows it: the call before arrived at least the shortest
//! way before its reply was back. So after a quick reply little need be added, and never more than
//! the spread of one way. A little less than that is added, as the next call is hardly ever the
//! quickest of all: with both ways evenly spread, one call in N then comes too early.

use std::collections::VecDeque;
use std::time::Duration;

/// Round trips remembered: a minute or two on one channel, so that a changed network is noticed.
const REMEMBERED: usize = 128;
/// Round trips from which on they alone are relied on.
const ENOUGH: usize = 12;
/// Share of the interval that is added at least, until enough is known.
const AT_FIRST: f64 = 0.03;
/// And share of the longest round trip: a long way as a rule varies more.
const OF_THE_WAY: f64 = 0.2;
/// Few round trips show less than the whole spread: what is seen of it is widened by this over
/// the root of their number, which holds for evenly spread ways, with room.
const UNSEEN: f64 = 4.0;
/// And the quickest of them is not the quickest there is: likewise, in widths of the spread.
const QUICKER: f64 = 2.0;
/// Tokio's timer and the round trips go by the millisecond.
const GRAIN: Duration = Duration::from_millis(1);
/// Largest share of the interval that is ever added.
const AT_MOST: f64 = 0.15;
/// Chance of coming too early that is taken. A refused call costs the channel a whole interval, so
/// the balance of what is lost by refusals and by waiting is at about so few.
const CHANCE: f64 = 0.001;
/// How much a refusal adds to the share of the spread that is covered, and an accepted call takes
/// away: chosen so that few are refused where ways are not evenly spread.
const GROWTH: f64 = 0.1;
const DECAY: f64 = 0.000_2;
/// Bounds of that share.
const COVERED: (f64, f64) = (0.7, 2.0);

/// The spread of the way to the service, learned from the round trips.
#[derive(Debug)]
pub(super) struct ArrivalMargin {
    /// That of a channel's limit, as configured.
    interval: Duration,
    recent: VecDeque<Duration>,
    /// The longest of the recent round trips but one: a single slow answer is no sign of jitter.
    longest: Duration,
    /// How quick a round trip can be, by the recent ones.
    quickest: Duration,
    /// By how much one way varies, by the recent round trips.
    spread: Duration,
    covered: f64,
}

impl ArrivalMargin {
    /// Nothing known yet; `interval` is that of a channel's limit.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            recent: VecDeque::with_capacity(REMEMBERED),
            longest: Duration::ZERO,
            quickest: Duration::ZERO,
            spread: Duration::ZERO,
            covered: 1.0,
        }
    }

    /// How much is added to the interval after a call that replied after this round trip, if it
    /// has replied.
    pub(super) fn margin(&self, round_trip: Option<Duration>) -> Duration {
        let at_first = self.interval.mul_f64(AT_FIRST);
        if self.recent.len() < 2 {
            return at_first;
        }
        let spread = self.spread;
        let late = round_trip.map_or(spread * 2, |round_trip| {
            round_trip.saturating_sub(self.quickest)
        });
        // What is not known of when the call before arrived: nothing after the quickest reply and
        // the slowest, most in between.
        let unknown = late.min((spread * 2).saturating_sub(late));
        let risked = (2.0 * CHANCE * unknown.as_secs_f64() * spread.as_secs_f64()).sqrt();
        let guard = late
            .min(spread)
            .saturating_sub(Duration::from_secs_f64(risked))
            .mul_f64(self.covered)
            + GRAIN;
        let least = if self.recent.len() < ENOUGH {
            at_first.max(self.longest.mul_f64(OF_THE_WAY))
        } else {
            Duration::ZERO
        };
        guard.max(least).min(self.interval.mul_f64(AT_MOST))
    }

    /// The longest of the recent round trips but one, once enough of them are known.
    pub(super) fn longest(&self) -> Option<Duration> {
        (self.recent.len() >= ENOUGH).then_some(self.longest)
    }

    /// A call was accepted after this round trip.
    pub(super) fn accepted(&mut self, round_trip: Duration) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(round_trip);
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let shortest = sorted.first().copied().unwrap_or_default();
        self.longest = sorted.iter().rev().nth(1).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let root = (sorted.len() as f64).sqrt();
        let seen = self.longest.saturating_sub(shortest) / 2;
        self.spread = seen.mul_f64(1.0 + UNSEEN / root);
        self.quickest = shortest.saturating_sub(self.spread.mul_f64(QUICKER / root));
        self.covered = (self.covered - DECAY).max(COVERED.0);
    }

    /// A call was refused for coming too early.
    pub(super) fn refused(&mut self) {
        self.covered = (self.covered + GROWTH).min(COVERED.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(round_trips: impl IntoIterator<Item = u32>) -> ArrivalMargin {
        let mut jitter = ArrivalMargin::new(MS * 1_000);
        for ms in round_trips {
            jitter.accepted(MS * ms);
        }
        jitter
    }

    /// Round trips of two ways, each of 60 to 90 ms.
    fn ways() -> impl Iterator<Item = u32> + Clone {
        (0..128).map(|n| 120 + n * 7 % 31 + n * 11 % 31)
    }

    #[test]
    fn covers_about_the_spread_of_one_way_and_less_after_a_quick_reply() {
        let jitter = after(ways());
        let most = jitter.margin(None);
        assert!(most > MS * 30 && most < MS * 42, "{most:?}");
        assert_eq!(jitter.margin(Some(MS * 900)), most);
        let guard = |ms| jitter.margin(Some(MS * ms));
        assert!(
            guard(125) > MS * 5 && guard(125) < MS * 14,
            "{:?}",
            guard(125)
        );
        assert!(guard(140) > guard(130) && guard(130) > guard(121));
        assert!(guard(150) < most);
    }

    #[test]
    fn few_round_trips_are_trusted_less_than_many() {
        let few = after(ways().take(20));
        let many = after(ways());
        assert!(few.margin(None) > many.margin(None));
        assert_eq!(after([]).margin(None), MS * 30, "nothing known");
        assert_eq!(after([50; 5]).margin(None), MS * 30, "little known");
    }

    #[test]
    fn a_steady_way_needs_no_guard_and_one_slow_answer_makes_none() {
        assert_eq!(after([50; 20]).margin(None), GRAIN);
        assert_eq!(
            after([50; 20].into_iter().chain([5_000])).margin(None),
            GRAIN
        );
        assert_eq!(
            after([50, 5_000].repeat(10)).margin(None),
            MS * 150,
            "bounded"
        );
    }

    #[test]
    fn refusals_widen_it_and_accepted_calls_narrow_it() {
        let mut jitter = after(ways());
        let before = jitter.margin(None);
        jitter.refused();
        let after = jitter.margin(None);
        assert!(after > before);
        ways()
            .cycle()
            .take(1_280)
            .for_each(|ms| jitter.accepted(MS * ms));
        assert!(jitter.margin(None) < before);
    }
}
