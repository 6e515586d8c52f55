//! Which channels to list before members are added to them.
//!
//! A call adds 100 members and a page of a listing has 50, so a listing never saves calls. It saves time
//! where the rate of a channel sets the time of the job and the bearers have calls to spare: an add
//! takes a channel's second for 100 rows, and a page a bearer's tenth of a second for 50 members. All
//! times are computed for the whole job: while one large channel is not listed, a listing of the
//! others saves nothing.
//!
//! Must not: call, or read a ledger.

use std::time::Duration;

use crate::model::{Limits, quota};

/// What a listing of a channel takes, and what it leaves to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListingOutlook {
    /// Calls that its rows take without the listing.
    pub calls: u64,
    /// Pages to read.
    pub pages: u64,
    /// Calls that are left after it.
    pub calls_left: f64,
}

impl ListingOutlook {
    /// The best case: the channel has as many members as the list has rows, and they are the same.
    /// `listings` is the number of listings: one for each type and sub-channel.
    #[must_use]
    pub fn best(calls: u64, members: u64, listings: u64) -> Self {
        Self {
            calls,
            pages: members.div_ceil(quota::MEMBERS_PER_PAGE).max(listings),
            calls_left: 0.0,
        }
    }
}

/// The rates of adds and pages.
#[derive(Debug, Clone, Copy)]
pub struct ListingFirst {
    /// Calls per second that add to one channel.
    adds: f64,
    /// Pages per second of one channel.
    pages: f64,
    /// Calls of any kind per second, by all bearers together.
    pool: f64,
}

impl ListingFirst {
    /// The rates of these limits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    pub fn new(limits: &Limits, bearers: usize) -> Self {
        let pool = limits.bearer_rate * bearers.max(1) as f64;
        Self {
            adds: limits.channel_rate,
            pages: quota::LIST_RATE,
            pool: limits.max_rate.map_or(pool, |rate| rate.min(pool)),
        }
    }

    /// With this time from request to answer of a page: the pages of a listing come one after the other.
    #[must_use]
    pub fn with_round_trip(self, round_trip: Duration) -> Self {
        let seconds = round_trip.as_secs_f64();
        let pages = self.pages.min(seconds.recip());
        Self { pages, ..self }
    }

    /// The pages after which a listing has taken as long as these calls.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "positive, and the cast saturates"
    )]
    pub fn max_pages(&self, calls: u64) -> u64 {
        let pages = calls as f64 / self.adds * self.pages.min(self.pool);
        (pages as u64).max(1)
    }

    /// How many of these channels, those with the most calls first, may be worth a listing: the first
    /// pages of each decide. Their own rates take longer than the bearers take for all calls and all
    /// pages.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "call counts are far below 2^52")]
    pub fn candidates(&self, all_calls: u64, channels: &[ListingOutlook]) -> usize {
        let mut pool_calls = all_calls;
        let binding = channels.iter().take_while(|channel| {
            pool_calls += channel.pages;
            let own = channel.calls.saturating_sub(1) as f64 / self.adds;
            own > pool_calls as f64 / self.pool
        });
        let binding = binding.count();
        let next = channels.get(binding).map_or(0, |channel| channel.calls);
        self.worthwhile(all_calls, &channels[..binding], next)
    }

    /// How many of these channels, those with the most calls first, to list so that the job takes the
    /// least time. `next_calls` is the number of calls on the largest channel that is not among them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "call counts are far below 2^52")]
    pub fn worthwhile(
        &self,
        all_calls: u64,
        channels: &[ListingOutlook],
        next_calls: u64,
    ) -> usize {
        let (mut pages, mut most_pages) = (0.0, 0.0_f64);
        let (mut calls_left, mut most_left) = (all_calls as f64, 0.0_f64);
        let mut best = (0, f64::INFINITY);
        for count in 0..=channels.len() {
            if let Some(listed) = count.checked_sub(1).map(|last| channels[last]) {
                pages += listed.pages as f64;
                most_pages = most_pages.max(listed.pages as f64);
                calls_left -= listed.calls as f64 - listed.calls_left;
                most_left = most_left.max(listed.calls_left);
            }
            let next = channels.get(count).map_or(next_calls, |next| next.calls) as f64;
            let listing = (pages / self.pool).max(most_pages / self.pages);
            let adding = most_left.max(next) / self.adds;
            let time = listing + adding.max(calls_left / self.pool);
            if time < best.1 {
                best = (count, time);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(bearers: usize) -> ListingFirst {
        ListingFirst::new(&Limits::of_region("us-east-1"), bearers)
    }

    /// A channel of this many rows, as many of them members as the share of its members.
    fn channel(rows: u64, share: f64) -> ListingOutlook {
        let best = ListingOutlook::best(rows.div_ceil(100), rows, 1);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let calls_left = best.calls as f64 * (1.0 - share);
        ListingOutlook { calls_left, ..best }
    }

    #[test]
    fn a_fifth_of_the_members_must_be_on_the_list_with_one_bearer_and_less_with_more() {
        for (bearers, threshold) in [(1, 0.2), (2, 2.0 / 15.0), (9, 2.0 / 15.0)] {
            let worthwhile = |share| rates(bearers).worthwhile(100, &[channel(10_000, share)], 0);
            assert_eq!(worthwhile(threshold + 0.01), 1);
            assert_eq!(worthwhile(threshold - 0.01), 0);
        }
        // At two pages a second, more must be there than one run can skip.
        let slow = rates(1).with_round_trip(Duration::from_millis(500));
        assert_eq!(slow.worthwhile(100, &[channel(10_000, 0.99)], 0), 0);
        let slow = rates(1).with_round_trip(Duration::from_millis(200));
        assert_eq!(slow.worthwhile(100, &[channel(10_000, 0.41)], 0), 1);
        assert_eq!(slow.worthwhile(100, &[channel(10_000, 0.39)], 0), 0);
    }

    #[test]
    fn only_channels_whose_own_rate_sets_the_time_are_candidates() {
        let candidates = |bearers, channels: &[ListingOutlook]| {
            let calls = channels.iter().map(|channel| channel.calls).sum();
            rates(bearers).candidates(calls, channels)
        };
        let large = channel(10_000, 1.0);
        assert_eq!(candidates(1, &[large]), 1);
        assert_eq!(candidates(1, &[large; 3]), 3);
        // The bearers take as long as the channels, or as long as all pages would.
        assert_eq!(candidates(1, &[large; 4]), 0);
        assert_eq!(candidates(2, &[large; 4]), 4);
        assert_eq!(candidates(1, &[large, channel(1_000, 1.0)]), 1);
        // One call comes at once.
        assert_eq!(candidates(1, &[channel(100, 1.0)]), 0);
        assert_eq!(candidates(1, &[]), 0);
    }

    #[test]
    fn a_large_channel_that_is_not_listed_makes_the_listings_of_others_useless() {
        let few = channel(10_000, 0.05);
        let many = channel(9_000, 0.9);
        assert_eq!(rates(1).worthwhile(190, &[few, many], 0), 0);
        assert_eq!(
            rates(1).worthwhile(190, &[many, channel(8_900, 0.05)], 0),
            0
        );
        assert_eq!(rates(1).worthwhile(100, &[many], 10), 1);
        assert_eq!(rates(1).worthwhile(180, &[many], 89), 0);
        assert_eq!(rates(1).max_pages(100), 1_000);
    }
}
