//! Which channels are under examination, and how many calls that took.

use std::collections::BTreeSet;

use super::bearers::PROBES;
use crate::model::ChannelId;

/// Calls refused one after the other, none accepted between, by which nobody gets through: a call
/// of a hundred is bisected in eight, on several channels at a time.
const REFUSED_IN_ROW: u32 = 4 * PROBES;

/// The channels under examination.
#[derive(Debug, Default)]
pub(super) struct Examined {
    channels: BTreeSet<ChannelId>,
    /// Channels on which calls were accepted: control calls can be made there.
    control_channels: [Option<ChannelId>; 2],
    /// Calls refused since the last that was accepted, those over a limit not counted.
    refused_in_row: u32,
    /// Control calls since a row was last settled.
    controls_in_row: u32,
}

impl Examined {
    pub(super) fn insert(&mut self, channel: ChannelId) {
        self.channels.insert(channel);
    }

    pub(super) fn remove(&mut self, channel: ChannelId) {
        self.channels.remove(&channel);
    }

    /// Keeps the channels for which this holds.
    pub(super) fn retain(&mut self, holds: impl Fn(ChannelId) -> bool) {
        self.channels.retain(|channel| holds(*channel));
    }

    pub(super) fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.iter().copied()
    }

    /// A call was refused, and not for a limit.
    pub(super) fn on_refused(&mut self) {
        self.refused_in_row += 1;
    }

    /// A call was accepted.
    pub(super) fn on_accepted(&mut self, channel: ChannelId) {
        self.refused_in_row = 0;
        self.note_control_channel(channel);
    }

    /// A control call is made.
    pub(super) fn on_control(&mut self) {
        self.controls_in_row += 1;
    }

    /// A row is settled.
    pub(super) fn on_settled(&mut self) {
        self.controls_in_row = 0;
    }

    /// How many calls were refused in a row.
    pub(super) fn refused_in_row(&self) -> u32 {
        self.refused_in_row
    }

    /// Whether so many calls were refused in a row that nobody gets through.
    pub(super) fn is_nobody_accepted(&self) -> bool {
        self.refused_in_row >= REFUSED_IN_ROW
    }

    /// Whether another control call is worth it.
    pub(super) fn may_control(&self) -> bool {
        self.controls_in_row < REFUSED_IN_ROW
    }

    /// Remembers that a control call can be made on a channel: two of them, so that there is one
    /// besides any other.
    pub(super) fn note_control_channel(&mut self, channel: ChannelId) {
        let [latest, other] = &mut self.control_channels;
        if *latest != Some(channel) {
            *other = *latest;
            *latest = Some(channel);
        }
    }

    /// No control call can be made on a channel.
    pub(super) fn forget_control_channel(&mut self, channel: ChannelId) {
        for known in &mut self.control_channels {
            *known = known.filter(|known| *known != channel);
        }
    }

    pub(super) fn control_channels(&self) -> impl Iterator<Item = ChannelId> {
        self.control_channels.iter().flatten().copied()
    }
}
