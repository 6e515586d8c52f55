//! How much later than the limit's interval a channel's next call is sent, so that two calls do
//! not arrive closer than the limit.
//!
//! What counts is when calls arrive. A reply tells: the call before arrived at least the shortest
//! way before its reply was back. So after a quick reply little need be added, and never more than
//! the spread of one way. A little less than that is added, as the next call is hardly ever the
//! quickest of all: with both ways evenly spread, one call in so many then comes too early.

use std::collections::VecDeque;
use std::time::Duration;

/// Round trips remembered: some seconds' worth, so that a changed network is noticed.
const REMEMBERED: usize = 64;
/// Round trips from which on they are relied on.
const ENOUGH: usize = 8;
/// Share of the interval added until enough is known.
const AT_FIRST: f64 = 0.03;
/// Largest share of the interval that is ever added.
const AT_MOST: f64 = 0.15;
/// Chance of coming too early that is taken. A refused call costs the channel a whole interval, so
/// the balance of what is lost by refusals and by waiting is at about so few.
const CHANCE: f64 = 0.002;
/// How much a refusal adds to the share of the spread that is covered, and an accepted call takes
/// away: chosen so that about [`CHANCE`] is kept where ways are not evenly spread.
const GROWTH: f64 = 0.1;
const DECAY: f64 = 0.000_2;
/// Bounds of that share.
const COVERED: (f64, f64) = (0.7, 2.0);

/// The spread of the way to the service, as the round trips tell.
#[derive(Debug)]
pub(super) struct Jitter {
    /// That of a channel's limit, as configured.
    interval: Duration,
    recent: VecDeque<Duration>,
    /// The shortest of the recent round trips, and the longest but one: a single slow answer is
    /// no sign of jitter.
    shortest: Duration,
    longest: Duration,
    covered: f64,
}

impl Jitter {
    /// Nothing known yet; `interval` is that of a channel's limit.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            recent: VecDeque::with_capacity(REMEMBERED),
            shortest: Duration::ZERO,
            longest: Duration::ZERO,
            covered: 1.0,
        }
    }

    /// How much is added to the interval after a call that replied after this round trip, if it
    /// has replied.
    pub(super) fn guard(&self, round_trip: Option<Duration>) -> Duration {
        if self.recent.len() < ENOUGH {
            return self.interval.mul_f64(AT_FIRST);
        }
        let spread = self.longest.saturating_sub(self.shortest) / 2;
        let late = round_trip.map_or(spread * 2, |round_trip| {
            round_trip.saturating_sub(self.shortest)
        });
        // What is not known of when the call before arrived: nothing after the quickest reply and
        // the slowest, most in between.
        let unknown = late.min((spread * 2).saturating_sub(late));
        let risked = (2.0 * CHANCE * unknown.as_secs_f64() * spread.as_secs_f64()).sqrt();
        late.min(spread)
            .saturating_sub(Duration::from_secs_f64(risked))
            .mul_f64(self.covered)
            .min(self.interval.mul_f64(AT_MOST))
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
        self.shortest = sorted.first().copied().unwrap_or_default();
        self.longest = sorted.iter().rev().nth(1).copied().unwrap_or_default();
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

    fn after(round_trips: impl IntoIterator<Item = u32>) -> Jitter {
        let mut jitter = Jitter::new(MS * 1_000);
        for ms in round_trips {
            jitter.accepted(MS * ms);
        }
        jitter
    }

    #[test]
    fn covers_the_spread_of_one_way_and_less_after_a_quick_reply() {
        assert_eq!(
            Jitter::new(MS * 1_000).guard(None),
            MS * 30,
            "until enough is known"
        );
        let jitter = after([120, 180, 130, 150, 180, 160, 140, 170]);
        let share = jitter.covered;
        // After the slowest reply it is known when the call arrived: as late as can be.
        assert_eq!(jitter.guard(None), (MS * 30).mul_f64(share));
        assert_eq!(jitter.guard(Some(MS * 180)), jitter.guard(None));
        let less = |ms: u32, most: Duration| {
            let guard = jitter.guard(Some(MS * ms));
            assert!(guard < most && guard > most * 8 / 10, "{ms}: {guard:?}");
        };
        less(130, MS * 10);
        less(150, MS * 30);
        less(165, MS * 30);
        assert_eq!(jitter.guard(Some(MS * 120)), Duration::ZERO);
    }

    #[test]
    fn a_steady_way_needs_no_guard_and_one_slow_answer_makes_none() {
        assert_eq!(after([50; 20]).guard(None), Duration::ZERO);
        assert_eq!(
            after([50; 20].into_iter().chain([5_000])).guard(None),
            Duration::ZERO
        );
        assert_eq!(
            after([50, 5_000].repeat(10)).guard(None),
            MS * 150,
            "bounded"
        );
    }

    #[test]
    fn refusals_widen_it_and_accepted_calls_narrow_it() {
        let mut jitter = after([120, 180].repeat(4));
        let before = jitter.guard(None);
        jitter.refused();
        assert!(jitter.guard(None) > before);
        for _ in 0..600 {
            jitter.accepted(MS * 120);
            jitter.accepted(MS * 180);
        }
        assert!(jitter.guard(None) < before);
    }
}
