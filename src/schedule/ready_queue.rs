//! Which channel is served next.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::ChannelId;

/// What a channel has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChannelWork {
    /// When it may be called next.
    pub(super) at: Duration,
    /// When it may be called next with rows tried before; none if it has no such rows.
    pub(super) again_at: Option<Duration>,
    /// Calls it still needs.
    pub(super) calls_left: u64,
    /// Pages that were read of its listings that go on. A listing is expected to go on for as long again
    /// as it did, as nothing else is known of its length; and its pages come one after the other.
    pub(super) pages: u64,
}

impl ChannelWork {
    /// Whose turn is first: listings that go on, the longest first; then who has most calls left.
    fn rank(&self) -> Reverse<(u64, u64)> {
        Reverse((self.pages, self.calls_left))
    }
}

/// Channels among which any one is chosen.
const MOST_TRIED: usize = 1_000;

/// The channels that have something to do: those that may be called, listings that go on before others and
/// most calls left first (longest remaining first keeps the makespan at its lower bound), and those that may
/// be later.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    places: Vec<Option<(ChannelWork, bool)>>,
    ready: BTreeSet<(Reverse<(u64, u64)>, ChannelId)>,
    later: BTreeSet<(Duration, ChannelId)>,
    /// Calls that all of them still need.
    calls_left: u64,
    retries: BTreeSet<(Duration, ChannelId)>,
}

impl ReadyQueue {
    /// Puts a channel where its work belongs, or takes it off.
    pub(super) fn update(&mut self, channel: ChannelId, work: Option<ChannelWork>) {
        if self.places.len() <= channel.index() {
            self.places.resize(channel.index() + 1, None);
        }
        if let Some((old, is_ready)) = self.places[channel.index()].take() {
            self.calls_left -= old.calls_left;
            if is_ready {
                self.ready.remove(&(old.rank(), channel));
            } else {
                self.later.remove(&(old.at, channel));
            }
            if let Some(at) = old.again_at {
                self.retries.remove(&(at, channel));
            }
        }
        if let Some(work) = work {
            self.calls_left += work.calls_left;
            self.later.insert((work.at, channel));
            if let Some(at) = work.again_at {
                self.retries.insert((at, channel));
            }
            self.places[channel.index()] = Some((work, false));
        }
    }

    /// Any channel that may be called now, by a share from 0 to 1 of their order; from there on the
    /// first that is preferred, if one is.
    pub(super) fn any(
        &mut self,
        now: Duration,
        share: f64,
        is_preferred: impl Fn(ChannelId) -> bool,
    ) -> Option<ChannelId> {
        self.longest_ready(now)?;
        let among = self.ready.len().min(MOST_TRIED);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a place among few"
        )]
        let place = (share * among as f64) as usize;
        let first = self.ready.iter().map(|(_, channel)| *channel).take(among);
        let from_place = first.clone().cycle().skip(place).take(among);
        from_place
            .clone()
            .find(|channel| is_preferred(*channel))
            .or_else(|| from_place.clone().next())
    }

    /// The channel to call now: the one whose listing goes on, or else the one with most calls left.
    pub(super) fn longest_ready(&mut self, now: Duration) -> Option<ChannelId> {
        while let Some((at, channel)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, channel));
            if let Some((work, is_ready)) = &mut self.places[channel.index()] {
                *is_ready = true;
                self.ready.insert((work.rank(), channel));
            }
        }
        self.ready.first().map(|(_, channel)| *channel)
    }

    /// The channel to call now with rows tried before: the one that waits longest.
    pub(super) fn longest_retrying(&self, now: Duration) -> Option<ChannelId> {
        self.retries
            .first()
            .filter(|(at, _)| *at <= now)
            .map(|(_, channel)| *channel)
    }

    /// Calls that all channels still need.
    pub(super) fn calls_left(&self) -> u64 {
        self.calls_left
    }

    /// Whether a listing of this channel goes on.
    pub(super) fn goes_on(&self, channel: ChannelId) -> bool {
        let place = self.places.get(channel.index()).and_then(Option::as_ref);
        place.is_some_and(|(work, _)| work.pages > 0)
    }

    /// Calls that a channel still needs.
    pub(super) fn calls_left_on(&self, channel: ChannelId) -> u64 {
        let place = self.places.get(channel.index()).and_then(Option::as_ref);
        place.map_or(0, |(work, _)| work.calls_left)
    }

    /// The channels that become due before then: when, and calls left, in this order.
    pub(super) fn due_before(&self, then: Duration) -> impl Iterator<Item = (Duration, u64)> {
        let due = self.later.iter().take_while(move |(at, _)| *at < then);
        due.map(|(at, channel)| (*at, self.calls_left_on(*channel)))
    }

    /// Of the channels that become due before then the one with most calls left, if that is several.
    pub(super) fn longest_due_before(&self, then: Duration) -> Option<(ChannelId, u64)> {
        let due = self.later.iter().take_while(|(at, _)| *at < then);
        due.map(|(_, channel)| (*channel, self.calls_left_on(*channel)))
            .filter(|(_, calls)| *calls > 1)
            .max_by_key(|(_, calls)| *calls)
    }

    /// When the next channel may be called that may not be now.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.later.first().map(|(at, _)| *at)
    }

    /// When the next channel may be called with rows tried before.
    pub(super) fn next_again(&self) -> Option<Duration> {
        self.retries.first().map(|(at, _)| *at)
    }

    /// Whether no channel has anything to do.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_the_longest_remaining_that_may_be_called() {
        let mut ready = ReadyQueue::default();
        let work = |at, calls_left| {
            Some(ChannelWork {
                at: Duration::from_secs(at),
                again_at: None,
                calls_left,
                pages: 0,
            })
        };
        ready.update(ChannelId(0), work(0, 1));
        ready.update(ChannelId(1), work(0, 5));
        ready.update(ChannelId(2), work(3, 9));
        assert_eq!(ready.longest_ready(Duration::ZERO), Some(ChannelId(1)));
        ready.update(ChannelId(1), None);
        assert_eq!(ready.longest_ready(Duration::ZERO), Some(ChannelId(0)));
        assert_eq!(ready.next_due(), Some(Duration::from_secs(3)));
        assert_eq!(
            ready.longest_ready(Duration::from_secs(3)),
            Some(ChannelId(2))
        );
        ready.update(ChannelId(0), None);
        ready.update(ChannelId(2), None);
        assert!(ready.is_empty());
    }
}
