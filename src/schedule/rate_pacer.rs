//! The pace that a limit allows: a call each interval, and the interval found by what is refused.
//!
//! It begins as configured. Refusals stretch it, once per episode; accepted calls shrink it again:
//! fast while it is far from where it was refused, slowly near there, and faster and faster once
//! that is long past, so that a limit that lifts is found. Every figure is in calls, not seconds,
//! so that slow limits and fast ones are treated alike.
//!
//! Each of them can be halved or doubled without moving the mean ratio of the scenarios with lower limits
//! by more than 0.01 (`benches/makespan`), but for [`STEP`] and [`LIFTED`]: a smaller step, or a limit
//! that is never believed to have lifted, cost up to 0.08 where limits are halved; and [`MOST`], below
//! which no pace can be learned.

use std::collections::VecDeque;
use std::time::Duration;

/// Calls at once where a burst was refused: a late call is made up for by one.
const EVEN: usize = 2;
/// How many calls are foreseen at least.
const FORESEEN: u32 = 10;
/// A first refusal stretches the interval by this share: little, as the place is nearly right.
const STEP: f64 = 0.05;
/// Refused again so soon, the step was too short: the next is twice as long.
const SOON: u32 = 8;
/// The longest step.
const LONGEST_STEP: f64 = 0.4;
/// Longest interval, in configured ones.
const MOST: f64 = 64.0;
/// Within this share of the place where it was refused, the interval shrinks slowly.
const NEAR: f64 = 0.04;
/// Share of the way back there that each accepted call takes, after a step that was too long.
const RETURN: f64 = 0.15;
/// What each accepted call takes off near there. With [`STEP`], one call in about fifty is refused.
const CREEP: f64 = 0.001;
/// Accepted calls in a row after which the limit may have lifted: from then on the creep doubles
/// with every [`DOUBLING`] more of them, up to [`FASTEST`].
const LONG: u32 = 48;
const DOUBLING: f64 = 16.0;
const FASTEST: f64 = 0.03;
/// So far below the place where it was refused, the limit has lifted.
const LIFTED: f64 = 0.85;

/// The calls of one limit.
///
/// At most `burst` of them leave within the time that so many take at the limit's rate: within any
/// second, for a limit per second. That passes every way to count that a quota allows (AWS does not
/// document its own), but one that takes no two calls at once: once one is refused, the calls are
/// spread evenly.
#[derive(Debug, Clone)]
pub(super) struct RatePacer {
    /// As configured.
    interval: Duration,
    /// How many calls may leave at once.
    burst: usize,
    /// When the last calls left, at most `burst`.
    sent: VecDeque<Duration>,
    /// The one before those, until the next call.
    before: Option<Duration>,
    /// Not to be called before.
    not_before: Duration,
    /// How many times the configured interval lies between two calls; at least 1.
    stretch: f64,
    /// The stretch at which it was refused last.
    refused_at: f64,
    step: f64,
    /// Accepted calls since it was stretched.
    quiet: u32,
    /// When it was stretched last: refusals of calls sent before belong to the same episode.
    stretched: Option<Duration>,
    /// Burst and stretch when the last call was accepted.
    proven: (usize, f64),
}

impl RatePacer {
    pub(super) fn new(rate: f64, burst: u32) -> Self {
        let burst = burst.max(1) as usize;
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            burst,
            sent: VecDeque::new(),
            before: None,
            not_before: Duration::ZERO,
            stretch: 1.0,
            refused_at: 1.0,
            step: STEP,
            quiet: 0,
            stretched: None,
            proven: (burst, 1.0),
        }
    }

    /// When the next call is due.
    pub(super) fn next(&self) -> Duration {
        self.slots().next().unwrap_or(self.not_before)
    }

    /// When calls may leave, in order, each at the first moment for it: the next [`FORESEEN`] or more.
    pub(super) fn slots(&self) -> impl Iterator<Item = Duration> {
        let is_even = self.stretch > 1.0;
        let window = if is_even {
            self.interval()
        } else {
            self.interval * u32::try_from(self.burst).unwrap_or(u32::MAX)
        };
        let (counting, free) = if is_even {
            let last = self.sent.len().saturating_sub(1);
            (self.sent.range(last..), 1 - self.sent.len().min(1))
        } else {
            (self.sent.range(..), self.burst - self.sent.len())
        };
        let first = std::iter::repeat_n(Duration::ZERO, free);
        let first = first.chain(counting.map(move |at| *at + window));
        let not_before = self.not_before;
        let first = first.map(move |at| at.max(not_before));
        (0..FORESEEN).flat_map(move |round| first.clone().map(move |at| at + window * round))
    }

    /// Whether the limit is known to be lower than configured.
    pub(super) fn is_tight(&self) -> bool {
        self.stretch > 1.0
    }

    /// The time from one call to the next, at the rate of now.
    pub(super) fn interval(&self) -> Duration {
        self.interval.mul_f64(self.stretch)
    }

    /// The calls per second, at the rate of now.
    pub(super) fn rate(&self) -> f64 {
        1.0 / self.interval().as_secs_f64()
    }

    /// A call is made.
    pub(super) fn spend(&mut self, now: Duration) {
        self.sent.push_back(now);
        self.before = None;
        self.forget_old();
    }

    /// The call that was planned for then leaves this much later.
    pub(super) fn delay(&mut self, planned: Duration, by: Duration) {
        if let Some(sent) = self.sent.iter_mut().rev().find(|sent| **sent == planned) {
            *sent += by;
        }
    }

    /// A call that left then was not carried out: it does not count.
    pub(super) fn refund(&mut self, sent_at: Duration) {
        let place = self.sent.iter().rposition(|sent| *sent == sent_at);
        place.and_then(|place| self.sent.remove(place));
    }

    /// The call that was planned last is not made.
    pub(super) fn take_back(&mut self) {
        self.sent.pop_back();
        if let Some(before) = self.before.take() {
            self.sent.push_front(before);
        }
    }

    /// Not before then.
    pub(super) fn postpone(&mut self, until: Duration) {
        self.not_before = self.not_before.max(until);
    }

    fn forget_old(&mut self) {
        while self.sent.len() > self.burst {
            self.before = self.sent.pop_front();
        }
    }

    /// What was refused since a call was last accepted shows nothing of the limit.
    pub(super) fn forget_refusals(&mut self) {
        (self.burst, self.stretch) = self.proven;
        self.refused_at = self.stretch;
        self.step = STEP;
        self.not_before = Duration::ZERO;
    }

    /// A call sent then was refused for coming too early.
    pub(super) fn refused(&mut self, sent_at: Duration, now: Duration) {
        if self.stretched.is_some_and(|began| sent_at < began) {
            return;
        }
        let again = self.stretched.is_some() && self.quiet < SOON;
        self.step = if again {
            (self.step * 2.0).min(LONGEST_STEP)
        } else {
            STEP
        };
        self.refused_at = self.stretch;
        self.stretch = (self.stretch * (1.0 + self.step)).min(MOST);
        self.quiet = 0;
        self.stretched = Some(now);
        self.burst = self.burst.min(EVEN);
        self.forget_old();
        self.postpone(now + self.interval.mul_f64(self.stretch));
    }

    /// A call sent then was accepted. True if by this one the limit is found to have lifted.
    pub(super) fn accepted(&mut self, sent_at: Duration) -> bool {
        if self.stretched.is_some_and(|began| sent_at < began) {
            return false;
        }
        let lifted = self.shrink();
        self.proven = (self.burst, self.stretch);
        lifted
    }

    fn shrink(&mut self) -> bool {
        if self.stretch <= 1.0 {
            return false;
        }
        self.quiet += 1;
        let near = self.refused_at * (1.0 + NEAR);
        let before = self.stretch;
        if self.quiet >= SOON {
            self.stretch -= (self.stretch - near).max(0.0) * RETURN;
        }
        let long = f64::from(self.quiet.saturating_sub(LONG)) / DOUBLING;
        self.stretch *= 1.0 - (CREEP * long.exp2()).min(FASTEST);
        self.stretch = self.stretch.max(1.0);
        let lifted = self.refused_at * LIFTED;
        self.stretch <= lifted && lifted < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A token bucket: milliseconds between calls, and its size in calls.
    struct Limit {
        interval: Duration,
        burst: u32,
        full_at: Duration,
    }

    impl Limit {
        fn takes(&mut self, now: Duration) -> bool {
            let lead = self.interval * (self.burst - 1);
            let takes = now + lead >= self.full_at;
            if takes {
                self.full_at = self.full_at.max(now) + self.interval;
            }
            takes
        }
    }

    /// Plays calls at the pace, each answered at once; returns the time taken and how many of them
    /// were refused.
    fn play(
        pace: &mut RatePacer,
        limit: &mut Limit,
        begin: Duration,
        calls: u32,
    ) -> (Duration, u32) {
        let (mut now, mut refused) = (begin, 0);
        for _ in 0..calls {
            now = now.max(pace.next());
            pace.spend(now);
            if limit.takes(now) {
                pace.accepted(now);
            } else {
                refused += 1;
                pace.refused(now, now);
            }
            now += MS / 10;
        }
        (now.saturating_sub(begin), refused)
    }

    #[test]
    fn no_second_has_more_calls_than_the_limit() {
        let mut pace = RatePacer::new(10.0, 10);
        let mut sent = Vec::new();
        for call in 0..100 {
            // Now and then no call is there when one may leave.
            let pause = if call % 17 == 0 { 130 } else { 0 };
            let last = sent.last().copied().unwrap_or_default();
            let at = pace.next().max(last) + MS * pause;
            pace.spend(at);
            sent.push(at);
        }
        for calls in sent.windows(11) {
            assert!(calls[10] >= calls[0] + MS * 1_000, "{calls:?}");
        }
        assert_eq!(sent[..10], [MS * 130; 10][..], "the first leave at once");
    }

    #[test]
    fn after_a_refused_burst_calls_are_even_and_one_late_call_is_made_up_for() {
        let mut pace = RatePacer::new(10.0, 10);
        pace.spend(Duration::ZERO);
        pace.refused(Duration::ZERO, Duration::ZERO);
        pace.stretch = 1.0;
        let foreseen: Vec<Duration> = pace.slots().take(3).collect();
        assert_eq!(foreseen, [MS * 105, MS * 200, MS * 305]);
        for at in [950, 950, 1_150] {
            assert!(pace.next() <= MS * at, "{pace:?}");
            pace.spend(MS * at);
        }
        assert_eq!(pace.next(), MS * 1_150, "the two before left 200 ms ago");
    }

    #[test]
    fn a_lower_limit_is_found_and_kept_with_few_refusals() {
        for (interval, burst) in [(200, 5), (200, 1), (300, 3), (1_000, 1)] {
            let mut pace = RatePacer::new(10.0, 10);
            let mut limit = Limit {
                interval: MS * interval,
                burst,
                full_at: Duration::ZERO,
            };
            let (took, refused) = play(&mut pace, &mut limit, Duration::ZERO, 2_000);
            let least = MS * interval * (2_000 - refused);
            let ratio = took.as_secs_f64() / least.as_secs_f64();
            assert!(ratio < 1.06, "{ratio} at {interval} ms, burst {burst}");
            assert!(refused <= 60, "{refused} at {interval} ms, burst {burst}");
        }
    }

    #[test]
    fn a_limit_that_lifts_is_found() {
        let mut pace = RatePacer::new(10.0, 10);
        let mut limit = Limit {
            interval: MS * 200,
            burst: 5,
            full_at: Duration::ZERO,
        };
        let (took, _) = play(&mut pace, &mut limit, Duration::ZERO, 500);
        limit.interval = MS * 100;
        let mut lifted = false;
        let mut calls = 0;
        while !lifted {
            let now = took.max(pace.next());
            pace.spend(now);
            lifted = pace.accepted(now);
            calls += 1;
            assert!(calls < 120, "never found");
        }
        let begin = pace.next();
        let (_, refused) = play(&mut pace, &mut limit, begin, 200);
        assert!(pace.stretch <= 1.0 && refused == 0, "{pace:?}");
    }

    #[test]
    fn refusals_of_calls_sent_before_belong_to_the_episode() {
        let mut pace = RatePacer::new(10.0, 10);
        for sent in 0..10 {
            pace.refused(MS * sent, MS * 150);
        }
        assert!((pace.stretch - 1.0 - STEP).abs() < 1e-9, "{pace:?}");
        assert!(!pace.accepted(MS * 20), "sent before, it tells nothing");
        pace.refused(MS * 300, MS * 450);
        assert!(pace.stretch > (1.0 + STEP) * (1.0 + STEP), "{pace:?}");
    }

    #[test]
    fn however_often_it_is_refused_it_stays_within_bounds() {
        let mut pace = RatePacer::new(10.0, 10);
        for call in 0..1_000 {
            pace.refused(MS * 1_000 * call, MS * 1_000 * call);
        }
        assert!(pace.stretch <= MOST);
        for call in 1_000..3_000 {
            pace.accepted(MS * 1_000 * call);
        }
        assert!(pace.stretch <= 1.0, "{pace:?}");
    }
}
