//! How far apart the calls on one channel must be, where that turns out to be more than
//! configured.
//!
//! A channel's limit has no burst (assumed; undocumented), so each single call shows it: accepted,
//! the limit is no longer than the time since the accepted call before; refused, it is longer. A
//! refusal at the configured interval may be mere jitter; two in near succession, each followed by
//! an accepted call, are believed. From then on one call in N is sent earlier, now at the
//! configured interval, now half-way, to find whether the limit has lifted. Refused, it costs the
//! channel nothing: the call after it comes when it would have come anyway.
//!
//! A bearer's limit has a burst and takes many more calls, so its pace is found in steps instead
//! (`rate_pacer`). Steps for channels as well were tried: a channel with half of its limit then takes 1.18
//! to 1.39 times the bound instead of 1.06, and 6 to 7 % of its calls are refused instead of 5: each step
//! costs the channel an interval, and a limit that lifts is found late.

use std::time::Duration;

/// Accepted calls from one early call to the next: twice as many after each that is refused, as
/// what has been so for long will hardly change soon. In the end one call in thirty is refused.
const SOON: u32 = 8;
const LATE: u32 = 32;
/// Two lessons within this many accepted calls are believed.
const SUCCESSION: u32 = 8;
/// Closer to what was refused than this share, what is believed is good enough.
const CLOSE: f64 = 0.1;
/// A call this share earlier than believed is an early one, whatever the jitter.
const EARLY: f64 = 0.97;

/// Longest spacing believed in, in configured ones: refusals by chance teach twice of what is
/// believed each time, and nothing else would end that.
const MOST: u32 = 64;

/// What a channel's refusals have taught.
#[derive(Debug, Clone, Copy)]
pub(super) struct LearnedInterval {
    /// As configured.
    configured: Duration,
    /// The shortest spacing known to be accepted; none while nothing but jitter is known.
    believed: Option<Duration>,
    /// The longest spacing known to be refused.
    refused: Duration,
    /// Accepted calls since the last lesson or early call.
    quiet: u32,
    /// Accepted calls before the next early one.
    wait: u32,
    /// Whether the next early call is half-way.
    half_way: bool,
    /// How many times limits had lifted elsewhere when this channel was last taught.
    lifts: u32,
}

impl LearnedInterval {
    /// After a first lesson: refused at the configured spacing, accepted later.
    pub(super) fn new(configured: Duration, lifts: u32) -> Self {
        Self {
            configured,
            believed: None,
            refused: configured,
            quiet: 0,
            wait: 0,
            half_way: false,
            lifts,
        }
    }

    /// How long after the last accepted call the next one is due.
    pub(super) fn interval(&self, lifts: u32) -> Duration {
        let Some(believed) = self.believed else {
            return self.configured;
        };
        if lifts != self.lifts {
            return self.configured;
        }
        if self.quiet < self.wait {
            return believed;
        }
        if !self.half_way {
            return self.configured;
        }
        let from = if self.is_close() {
            self.configured
        } else {
            self.refused
        };
        from + believed.saturating_sub(from) / 2
    }

    /// The longest spacing to be believed in.
    fn longest(&self) -> Duration {
        self.configured * MOST
    }

    /// Whether what is believed is close to what was refused.
    fn is_close(&self) -> bool {
        self.believed
            .is_none_or(|believed| believed.saturating_sub(self.refused) < believed.mul_f64(CLOSE))
    }

    /// Whether a call so long after the accepted one before was earlier than is believed to do.
    pub(super) fn is_early(&self, apart: Duration) -> bool {
        self.believed
            .is_some_and(|believed| apart < believed.mul_f64(EARLY))
    }

    /// An early call was refused.
    pub(super) fn refused_early(&mut self, apart: Duration, lifts: u32) {
        self.half_way = apart < self.configured.mul_f64(1.0 + CLOSE);
        if !self.half_way {
            self.refused = apart;
        }
        self.quiet = 0;
        self.wait = (self.wait + SOON).min(LATE);
        self.lifts = lifts;
    }

    /// A call was accepted, so long after the accepted one before; `was_refused` if a call between
    /// was refused, and not for being early. Tells what to keep of this.
    pub(super) fn accepted(mut self, apart: Duration, was_refused: bool, lifts: u32) -> Learned {
        match self.believed {
            None if was_refused && self.quiet < SUCCESSION => {
                // The first early call comes at once: it was perhaps mere jitter after all.
                self.believed = Some(apart.max(self.configured).min(self.longest()));
                (self.wait, self.lifts) = (0, lifts);
            }
            Some(believed) if was_refused => {
                // The limit is longer than it was; how much, the next early calls show.
                self.refused = believed;
                self.believed = Some(apart.max(believed).min(self.longest()));
                (self.wait, self.half_way) = (0, true);
            }
            Some(_) if apart < self.configured.mul_f64(1.0 + CLOSE) => return Learned::Lifted,
            Some(believed) if self.is_early(apart) => {
                // The next call may be earlier still.
                (self.believed, self.lifts) = (Some(apart.min(believed)), lifts);
                self.wait = 0;
                if apart <= self.refused {
                    self.refused = self.configured;
                }
                self.half_way = !self.is_close();
            }
            Some(_) => self.quiet = self.quiet.saturating_add(1),
            None if was_refused => self.quiet = 0,
            None => {
                self.quiet += 1;
                if self.quiet > SUCCESSION {
                    return Learned::Nothing;
                }
            }
        }
        Learned::Interval(self)
    }
}

/// What remains of a lesson.
#[derive(Debug, Clone, Copy)]
pub(super) enum Learned {
    /// The spacing as it is now.
    Interval(LearnedInterval),
    /// Nothing: it was mere jitter.
    Nothing,
    /// Nothing: the limit is as configured again.
    Lifted,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const CONFIGURED: Duration = Duration::from_secs(1);

    /// Plays a channel with this limit; returns how many of the calls were refused, and the mean
    /// time between accepted ones.
    fn play(
        spacing: &mut Option<LearnedInterval>,
        limit: Duration,
        accepted: u32,
    ) -> (u32, Duration) {
        let (mut refused, mut total) = (0, Duration::ZERO);
        for _ in 0..accepted {
            let interval = |spacing: &Option<LearnedInterval>| {
                spacing
                    .as_ref()
                    .map_or(CONFIGURED, |spacing| spacing.interval(0))
            };
            let mut apart = interval(spacing);
            let mut was_refused = false;
            while apart < limit {
                refused += 1;
                match spacing {
                    Some(known) if known.is_early(apart) => known.refused_early(apart, 0),
                    _ => was_refused = true,
                }
                // A refused call is paid for like any other.
                apart = (apart + CONFIGURED).max(interval(spacing));
            }
            total += apart;
            let known = match spacing {
                Some(spacing) => *spacing,
                None if was_refused => {
                    *spacing = Some(LearnedInterval::new(CONFIGURED, 0));
                    continue;
                }
                None => continue,
            };
            *spacing = match known.accepted(apart, was_refused, 0) {
                Learned::Interval(kept) => Some(kept),
                Learned::Nothing | Learned::Lifted => None,
            };
        }
        (refused, total / accepted)
    }

    #[test]
    fn a_longer_limit_is_believed_after_two_lessons_and_few_calls_are_refused() {
        for limit in [1_300, 1_500, 2_000, 3_700] {
            let mut spacing = None;
            play(&mut spacing, MS * limit, 20);
            let (refused, mean) = play(&mut spacing, MS * limit, 400);
            assert!(refused <= 21, "{refused} of 421 at {limit} ms");
            let ratio = mean.as_secs_f64() * 1_000.0 / f64::from(limit);
            assert!(ratio < 1.13, "{ratio} at {limit} ms");
        }
    }

    #[test]
    fn refusals_by_chance_do_not_add_up_to_hours() {
        // One call in four is refused whenever it comes, as where others share the limit.
        let limit = CONFIGURED * 10;
        let mut known = LearnedInterval::new(CONFIGURED, 0);
        let mut state = 1_u64;
        let mut by_chance = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33).is_multiple_of(4)
        };
        for _ in 0..1_000 {
            let (mut apart, mut was_refused) = (known.interval(0), false);
            while apart < limit || by_chance() {
                if known.is_early(apart) {
                    known.refused_early(apart, 0);
                    apart = (apart + CONFIGURED).max(known.interval(0));
                } else {
                    was_refused = true;
                    apart += known.interval(0);
                }
            }
            match known.accepted(apart, was_refused, 0) {
                Learned::Interval(kept) => known = kept,
                Learned::Nothing | Learned::Lifted => panic!("the limit is tight"),
            }
            let longest = known.interval(0);
            assert!(longest <= CONFIGURED * MOST, "{longest:?}");
        }
    }

    #[test]
    fn one_refusal_is_mere_jitter() {
        let spacing = LearnedInterval::new(CONFIGURED, 0);
        assert_eq!(spacing.interval(0), CONFIGURED);
        let mut kept = Learned::Interval(spacing);
        let mut calls = 0;
        while let Learned::Interval(spacing) = kept {
            kept = spacing.accepted(CONFIGURED, false, 0);
            calls += 1;
            assert!(calls < 20);
        }
        assert!(matches!(kept, Learned::Nothing));
    }

    #[test]
    fn a_limit_that_lifts_is_found_within_twenty_calls_and_at_once_if_another_did() {
        for another in [false, true] {
            let mut spacing = None;
            play(&mut spacing, MS * 2_000, 50);
            let mut known = spacing.expect("learned");
            let lifts = u32::from(another);
            let mut calls = 0;
            loop {
                let apart = known.interval(lifts).max(CONFIGURED);
                calls += 1;
                match known.accepted(apart, false, lifts) {
                    Learned::Interval(kept) => known = kept,
                    Learned::Lifted => break,
                    Learned::Nothing => panic!("forgotten"),
                }
            }
            assert!(calls <= if another { 1 } else { 26 }, "{calls} calls");
        }
    }
}
