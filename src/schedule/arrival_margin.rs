//! How much later than the limit's interval a channel's next call is sent, so that two calls do
//! not arrive closer than the limit.
//!
//! What counts is when calls arrive. A reply shows it: the call before arrived at least the shortest
//! way before its reply was back, so after a quick reply little need be added. How likely a refusal
//! is after each margin is computed from the recent round trips, and the margin is the one that costs
//! least: the time added, and a refusal as often as it is to be expected.

use std::collections::VecDeque;
use std::time::Duration;

/// Round trips remembered: half a minute or more on one channel, so that a changed network is noticed.
const REMEMBERED: usize = 64;
/// Round trips from which on they alone are relied on.
const ENOUGH: usize = 12;
/// Share of the interval that is added at least, until enough is known: round trips do not show how
/// much the time from the plan of a call to its departure varies.
const AT_FIRST: f64 = 0.03;
/// Share of the round trip by which one way is taken to vary, until enough is known.
const OF_THE_WAY: f64 = 0.2;
/// Few round trips show less than the whole spread: what is seen of it is widened by this over the
/// root of their number.
const UNSEEN: f64 = 1.0;
/// Of the sum of two ways that are evenly spread, nine in ten are within this many widths of one: the
/// one in ten that are quickest and slowest left out.
const MIDDLE: f64 = 1.106;
/// So many round trips in a row, each longer than all but one before: the network has changed.
const CHANGED: usize = 4;
/// And the quickest of them is not the quickest there is: likewise, in widths of the spread, and by as
/// much more over their number.
const QUICKER: f64 = 2.0;
const MOST_QUICKER: f64 = 1.9;
/// What clocks and timers may differ by, tokio's timer rounding up to the millisecond.
const GRAIN: Duration = Duration::from_micros(500);
/// Largest share of the interval that is ever added.
const AT_MOST: f64 = 0.35;
/// What a refused call costs, in intervals. Most are sent again at once, at the cost of a round trip;
/// but where refused calls count, it is a whole interval.
const COST: f64 = 0.4;
/// Margins that are compared, and round trips that each is judged by.
const COMPARED: u32 = 16;
const JUDGES: usize = 12;

/// The spread of the way to the service, learned from the round trips. Times are in seconds.
#[derive(Debug)]
pub(super) struct ArrivalMargin {
    /// That of a channel's limit, as configured.
    interval: Duration,
    recent: VecDeque<Duration>,
    /// The longest of the recent round trips but one: a single slow answer is no sign of jitter.
    longest: Duration,
    /// How quick a round trip can be, by the recent ones.
    quickest: f64,
    /// By how much one way varies, by the recent round trips.
    spread: f64,
    /// Some of the recent round trips: how much longer than the quickest they took.
    excesses: Vec<f64>,
    /// The margin after an answer of the usual time.
    usual: Duration,
}

impl ArrivalMargin {
    /// Nothing known yet; `interval` is that of a channel's limit.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            recent: VecDeque::with_capacity(REMEMBERED),
            longest: Duration::ZERO,
            quickest: 0.0,
            spread: 0.0,
            excesses: Vec::new(),
            usual: interval.mul_f64(AT_FIRST),
        }
    }

    /// How much is added to the interval after a call that was answered after this round trip. `None`: it
    /// is not answered. As a rule it will be before the next one is due, and as long as it is not, it
    /// may be late.
    pub(super) fn margin(&self, round_trip: Option<Duration>) -> Duration {
        let at_most = self.interval.mul_f64(AT_MOST);
        if self.recent.is_empty() {
            return at_most;
        }
        let excess = match round_trip {
            Some(round_trip) => (round_trip.as_secs_f64() - self.quickest).max(0.0),
            None if self.longest < self.interval => return at_most,
            None => self.spread,
        };
        let interval = self.interval.as_secs_f64();
        let mut margin = self.cheapest(excess, interval * COST);
        if self.recent.len() < ENOUGH {
            let of_the_way = self.longest.as_secs_f64() * OF_THE_WAY;
            margin = margin.max(interval * AT_FIRST).max(of_the_way);
        }
        let margin = Duration::from_secs_f64(margin) + GRAIN;
        margin.min(at_most)
    }

    /// How much later than the quickest way a call that was answered after this round trip can have
    /// arrived.
    pub(super) fn latest(&self, round_trip: Duration) -> Duration {
        Duration::from_secs_f64((round_trip.as_secs_f64() - self.quickest).max(0.0))
    }

    /// The margin after an answer of the usual time.
    pub(super) fn usual(&self) -> Duration {
        self.usual
    }

    /// The margin that costs least after a round trip that took this much longer than the quickest,
    /// where a refused call costs so much.
    fn cheapest(&self, excess: f64, cost: f64) -> f64 {
        if excess > 2.0 * self.spread {
            // Longer than two slow ways: one of them was slow for a reason of its own, and if it was the
            // way there, all of it counts.
            return excess;
        }
        let before = one_way(excess, self.spread);
        // A refused call is sent again when none can be too early any more.
        let cost = cost + before.1;
        let expected = |margin: f64| {
            let refused =
                |after: &f64| comes_too_early(before, one_way(*after, self.spread), margin);
            let judges = self.excesses.iter();
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let share = judges.map(refused).sum::<f64>() / self.excesses.len() as f64;
            margin + share * cost
        };
        let margins = (0..=COMPARED).map(|n| before.1 * f64::from(n) / f64::from(COMPARED));
        let costs = margins.map(|margin| (expected(margin), margin));
        costs
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .map_or(0.0, |(_, margin)| margin)
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
        self.forget_other_network();
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let count = sorted.len();
        let shortest = sorted[0].as_secs_f64();
        let median = sorted[count / 2];
        self.longest = sorted[count.saturating_sub(2)];
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let (number, root) = (count as f64, (count as f64).sqrt());
        let tenth = count / 10;
        let middle = sorted[count - 1 - tenth].saturating_sub(sorted[tenth]);
        let seen = middle.as_secs_f64() / MIDDLE;
        self.spread = seen * (1.0 + UNSEEN / root);
        if count < ENOUGH {
            self.spread = self.spread.max(median.as_secs_f64() * OF_THE_WAY);
        }
        let quicker = (1.0 / root + QUICKER / number).min(MOST_QUICKER);
        self.quickest = (shortest - self.spread * quicker).max(0.0);
        let judges = sorted.iter().step_by(count.div_ceil(JUDGES));
        let excess = |one: &Duration| (one.as_secs_f64() - self.quickest).max(0.0);
        self.excesses = judges.map(excess).collect();
        self.usual = self.margin(Some(median));
    }
}

impl ArrivalMargin {
    /// Forgets what was seen before the network has become slower.
    fn forget_other_network(&mut self) {
        let before = self.recent.len().saturating_sub(CHANGED);
        let (Some(least), true) = (self.recent.range(before..).min(), before >= CHANGED) else {
            return;
        };
        if self
            .recent
            .range(..before)
            .filter(|one| *one >= least)
            .count()
            < 2
        {
            self.recent.drain(..before);
        }
    }
}

/// How much longer than the quickest one way of a round trip took that took so much longer than the
/// quickest, where one way varies by the spread: at least and at most. Anything between is as likely.
fn one_way(excess: f64, spread: f64) -> (f64, f64) {
    let excess = excess.min(2.0 * spread);
    ((excess - spread).max(0.0), excess.min(spread))
}

/// How likely a call comes too early after this margin, if the way of the call before and its own are
/// evenly spread over these times.
fn comes_too_early(before: (f64, f64), own: (f64, f64), margin: f64) -> f64 {
    /// So narrow, it is one time.
    const POINT: f64 = 1e-6;
    let (before, own) = (
        (before.0, before.1.max(before.0 + POINT)),
        (own.0, own.1.max(own.0 + POINT)),
    );
    // The area of the rectangle of both in which the one is longer than the other by the margin.
    let corner = |before: f64, own: f64| (before - own - margin).max(0.0).powi(2) / 2.0;
    let area = corner(before.1, own.0) - corner(before.0, own.0) - corner(before.1, own.1)
        + corner(before.0, own.1);
    (area / ((before.1 - before.0) * (own.1 - own.0))).clamp(0.0, 1.0)
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
        let guard = |ms| jitter.margin(Some(MS * ms));
        assert!(
            guard(155) > MS * 24 && guard(155) < MS * 36,
            "{:?}",
            guard(155)
        );
        assert!(
            guard(125) > MS * 5 && guard(125) < MS * 14,
            "{:?}",
            guard(125)
        );
        assert!(guard(140) > guard(130) && guard(130) > guard(121));
        assert!(guard(150) < MS * 36);
    }

    #[test]
    fn few_round_trips_are_trusted_less_than_many() {
        let few = after(ways().take(20));
        let many = after(ways());
        let reply = Some(MS * 140);
        assert!(few.margin(reply) > many.margin(reply));
        assert_eq!(after([]).margin(None), MS * 350, "nothing known");
        assert!(after([50; 2]).margin(None) > MS * 10, "little known");
    }

    #[test]
    fn a_steady_way_needs_no_guard_and_one_slow_answer_makes_none() {
        let reply = Some(MS * 50);
        assert_eq!(after([50; 20]).margin(reply), GRAIN);
        let slow_once = after([50; 20].into_iter().chain([5_000]));
        assert_eq!(slow_once.margin(reply), GRAIN);
        assert_eq!(after(ways()).margin(Some(MS * 5_000)), MS * 350, "bounded");
    }

    #[test]
    fn an_answer_that_is_late_for_once_is_waited_for() {
        let late = after(ways()).margin(Some(MS * 250));
        assert!(late > MS * 110 && late < MS * 140, "{late:?}");
    }

    #[test]
    fn a_network_that_has_become_slower_is_learned_anew() {
        let mut margin = after(ways());
        for ms in [300, 310, 325, 305, 315, 320] {
            margin.accepted(MS * ms);
        }
        let usual = margin.margin(Some(MS * 312));
        assert!(usual < MS * 70, "{usual:?}");
    }
}
