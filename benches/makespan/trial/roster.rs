//! The members of a scenario.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::Write;

use chime_bulk::model::{ArnError, ChannelArn, MemberArn};
use chime_bulk::schedule::LowerBound;
use serde::Deserialize;

/// The app instance of all channels and members.
pub(super) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// Members on a page of a listing (service model, `MaxResults`).
const PAGE: u64 = 50;

/// A number of channels with the same number of members each.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    channels: u32,
    members: u64,
    /// Each channel has this share of the calls of the one before, rounded, and at least one call.
    shrink: Option<f64>,
}

/// The number of members of each channel. The list is sorted by channel.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    sizes: Vec<u64>,
    members_per_call: u32,
}

impl Group {
    /// Channels with this many members each.
    pub(super) fn new(channels: u32, members: u64) -> Self {
        Self {
            channels,
            members,
            shrink: None,
        }
    }

    /// The number of members of each channel.
    fn sizes(self, members_per_call: u32) -> impl Iterator<Item = u64> {
        let per_call = u64::from(members_per_call);
        (0..self.channels).map(move |before| match self.shrink {
            Some(share) => scaled(self.members.div_ceil(per_call), share, before) * per_call,
            None => self.members,
        })
    }
}

/// A number of calls times the share to this power, rounded, and at least 1.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few calls"
)]
fn scaled(calls: u64, share: f64, power: u32) -> u64 {
    ((calls as f64 * share.powf(power.into())).round() as u64).max(1)
}

impl Roster {
    /// The channels of the groups, in order, with at most `max` members each.
    pub(super) fn new(groups: &[Group], max: Option<u64>, members_per_call: u32) -> Self {
        let max = max.unwrap_or(u64::MAX);
        let sizes = groups
            .iter()
            .flat_map(|group| group.sizes(members_per_call))
            .map(|members| members.min(max));
        Self {
            sizes: sizes.collect(),
            members_per_call,
        }
    }

    /// The number of members of each channel.
    pub(crate) fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The most members in one call.
    pub(crate) fn members_per_call(&self) -> u32 {
        self.members_per_call
    }

    pub(super) fn members(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// The fewest calls.
    pub(super) fn lower_bound(&self) -> LowerBound {
        let mut bound = LowerBound::default();
        for members in &self.sizes {
            bound.add_calls(members.div_ceil(self.members_per_call.into()));
        }
        bound
    }

    /// The fewest guarded removals.
    pub(super) fn removals(&self) -> LowerBound {
        let mut bound = LowerBound::default();
        for members in &self.sizes {
            bound.add_calls(*members);
        }
        bound
    }

    /// The fewest questions that confirm every member: the pages of both types, or a description of each
    /// member. And the most pages of a listing, which come one after the other.
    pub(super) fn questions(&self) -> (LowerBound, u64) {
        let mut bound = LowerBound::default();
        let mut longest = 0;
        for members in &self.sizes {
            let pages = members.div_ceil(PAGE).max(1);
            if pages + 1 < *members {
                bound.add_calls(pages + 1);
                longest = longest.max(pages);
            } else {
                bound.add_calls(*members);
            }
        }
        (bound, longest)
    }

    /// The list, as CSV.
    pub(super) fn list(&self) -> Vec<u8> {
        let mut text = String::from("channel,user_id\n");
        for (channel, member) in self.rows() {
            let _ = writeln!(
                text,
                "{INSTANCE}/channel/c{channel},{}",
                id(channel, member)
            );
        }
        text.into_bytes()
    }

    /// The members of a channel.
    pub(crate) fn members_of(&self, channel: usize) -> Result<Vec<MemberArn>, ArnError> {
        let arn = |member| format!("{INSTANCE}/user/{}", id(channel, member));
        (0..self.sizes[channel])
            .map(|member| MemberArn::parse(&arn(member)))
            .collect()
    }

    /// The ARNs of a share of the members, evenly spread over the list.
    pub(super) fn share(&self, share: f64) -> HashSet<String> {
        let mut chosen = HashSet::new();
        let mut due = 0.0;
        for (channel, member) in self.rows() {
            due += share;
            if due >= 1.0 {
                due -= 1.0;
                chosen.insert(format!("{INSTANCE}/user/{}", id(channel, member)));
            }
        }
        chosen
    }

    fn rows(&self) -> impl Iterator<Item = (usize, u64)> {
        let channels = self.sizes.iter().enumerate();
        channels.flat_map(|(channel, members)| (0..*members).map(move |member| (channel, member)))
    }
}

fn id(channel: usize, member: u64) -> String {
    format!("m{channel}-{member}")
}

/// The ARN of a channel of the list.
pub(crate) fn channel_arn(index: usize) -> Result<ChannelArn, ArnError> {
    ChannelArn::parse(&format!("{INSTANCE}/channel/c{index}"))
}

/// The index of a channel of the list.
pub(super) fn number(channel: &ChannelArn) -> Option<usize> {
    channel.as_str().rsplit_once("/c")?.1.parse().ok()
}

/// A pool of bearers.
pub(super) fn bearers(count: usize) -> Result<Vec<MemberArn>, Box<dyn Error>> {
    let arn = |n| MemberArn::parse(&format!("{INSTANCE}/user/bearer-{n}"));
    Ok((0..count).map(arn).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_channel_is_listed_if_its_pages_are_fewer_than_its_members() {
        use super::*;

        let groups = [2, 3, 50, 51, 500].map(|members| Group::new(1, members));
        let roster = Roster::new(&groups, None, 100);
        let (questions, longest) = roster.questions();
        assert_eq!((questions.calls(), longest), (2 + 2 + 2 + 3 + 11, 10));
        assert_eq!(roster.removals().calls(), 2 + 3 + 50 + 51 + 500);
    }

    #[test]
    fn channels_may_shrink_by_full_calls() {
        use super::*;

        let groups = [
            Group {
                shrink: Some(0.8),
                ..Group::new(7, 2_800)
            },
            Group {
                shrink: Some(0.1),
                ..Group::new(3, 100)
            },
            Group::new(2, 7),
        ];
        let roster = Roster::new(&groups, None, 100);
        let expected = [
            2_800, 2_200, 1_800, 1_400, 1_100, 900, 700, 100, 100, 100, 7, 7,
        ];
        assert_eq!(roster.sizes(), expected);
        assert_eq!(
            roster.lower_bound().calls(),
            28 + 22 + 18 + 14 + 11 + 9 + 7 + 5
        );
        assert_eq!(
            Roster::new(&groups, Some(9), 2).sizes()[6..],
            [9, 9, 9, 2, 7, 7]
        );
    }
}
