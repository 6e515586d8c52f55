//! What the service has seen.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::operation::Operation;
use super::slot_map::SlotMap;
use super::window::RateWindow;

/// What the service has seen: the body of `GET /_sandbox/stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Calls by operation, whatever became of them; one refused before its channel was known
    /// (bad signature or path) is not among them.
    pub calls: BTreeMap<String, u64>,
    /// `BatchCreateChannelMembership` calls among them.
    pub batch_calls: u64,
    /// `CreateChannelMembership` calls among them.
    #[serde(default)]
    pub single_calls: u64,
    /// Calls answered 429.
    pub throttled_calls: u64,
    /// Calls answered with any other error.
    pub refused_calls: u64,
    /// Calls that got no answer, applied or not.
    pub unanswered_calls: u64,
    /// Members added, not counting those added again.
    pub members_added: u64,
    /// Members by channel, now.
    pub members: BTreeMap<String, u64>,
    /// Most calls in any one second, all together.
    pub busiest_second: u64,
    /// Most batch calls in any one second on one channel.
    pub busiest_channel_second: u64,
    /// Most calls in any one second by one bearer.
    pub busiest_bearer_second: u64,
    /// Most batch calls in any one second, by channel.
    pub busiest_seconds_of_channels: BTreeMap<String, u64>,
    /// Most calls in any one second, by bearer.
    pub busiest_seconds_of_bearers: BTreeMap<String, u64>,
    /// Most calls that add or remove a single member in any one second, by channel.
    #[serde(default)]
    pub busiest_single_seconds_of_channels: BTreeMap<String, u64>,
}

/// How a call ended, for the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallEnding {
    /// With a success.
    Answered,
    /// With an error of this status.
    Refused(u16),
    /// Without an answer.
    Unanswered,
}

/// Counts while the service runs.
#[derive(Debug)]
pub(super) struct CallTally {
    totals: Stats,
    all: RateWindow,
    channels: SlotMap<RateWindow>,
    channels_single: SlotMap<RateWindow>,
    bearers: SlotMap<RateWindow>,
}

impl CallTally {
    /// Nothing seen yet.
    pub(super) fn new() -> Self {
        Self {
            totals: Stats::default(),
            all: RateWindow::default(),
            channels: SlotMap::new(),
            channels_single: SlotMap::new(),
            bearers: SlotMap::new(),
        }
    }

    /// A call has come in.
    pub(super) fn arrived(&mut self, operation: Operation, at: Address<'_>, now: Duration) {
        match self.totals.calls.get_mut(operation.as_str()) {
            Some(calls) => *calls += 1,
            None => drop(self.totals.calls.insert(operation.as_str().to_owned(), 1)),
        }
        self.all.count(now);
        let bearer = self.bearers.get_or_insert(at.bearer.as_str());
        self.bearers[bearer].count(now);
        let channels = match operation {
            Operation::BatchCreate => {
                self.totals.batch_calls += 1;
                &mut self.channels
            }
            Operation::Create => {
                self.totals.single_calls += 1;
                &mut self.channels_single
            }
            Operation::Delete => &mut self.channels_single,
            Operation::Describe
            | Operation::List
            | Operation::DescribeChannel
            | Operation::ListModerators
            | Operation::ListSubChannels => return,
        };
        let channel = channels.get_or_insert(at.channel.as_str());
        channels[channel].count(now);
    }

    /// So many members were added.
    pub(super) fn added(&mut self, members: u64) {
        self.totals.members_added += members;
    }

    /// A call has ended.
    pub(super) fn ended(&mut self, ending: CallEnding) {
        match ending {
            CallEnding::Answered => {}
            CallEnding::Refused(429) => self.totals.throttled_calls += 1,
            CallEnding::Refused(_) => self.totals.refused_calls += 1,
            CallEnding::Unanswered => self.totals.unanswered_calls += 1,
        }
    }

    /// All counts, with the members of each channel.
    pub(super) fn stats(&self, members: BTreeMap<String, u64>) -> Stats {
        let peaks = |map: &SlotMap<RateWindow>| -> BTreeMap<String, u64> {
            let one = |(key, window): (&str, &RateWindow)| (key.to_owned(), window.peak());
            map.iter().map(one).collect()
        };
        let (channels, bearers) = (peaks(&self.channels), peaks(&self.bearers));
        Stats {
            members,
            busiest_second: self.all.peak(),
            busiest_channel_second: channels.values().copied().max().unwrap_or_default(),
            busiest_bearer_second: bearers.values().copied().max().unwrap_or_default(),
            busiest_seconds_of_channels: channels,
            busiest_single_seconds_of_channels: peaks(&self.channels_single),
            busiest_seconds_of_bearers: bearers,
            ..self.totals.clone()
        }
    }
}
