//! The members of a scenario.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::Write;

use chime_bulk::model::{ChannelArn, MemberArn};
use serde::Deserialize;

/// The app instance of all channels and members.
pub(super) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// A number of channels with the same number of members each.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    channels: usize,
    members: u64,
}

/// The number of members of each channel. The list is sorted by channel.
#[derive(Debug)]
pub(super) struct Roster(Vec<u64>);

impl Roster {
    /// The channels of the groups, in order, with at most `max` members each.
    pub(super) fn new(groups: &[Group], max: Option<u64>) -> Self {
        let members = |group: &Group| group.members.min(max.unwrap_or(u64::MAX));
        let sizes = groups
            .iter()
            .flat_map(|group| std::iter::repeat_n(members(group), group.channels));
        Self(sizes.collect())
    }

    /// The number of members of each channel.
    pub(super) fn sizes(&self) -> &[u64] {
        &self.0
    }

    pub(super) fn members(&self) -> u64 {
        self.0.iter().sum()
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
        let channels = self.0.iter().enumerate();
        channels.flat_map(|(channel, members)| (0..*members).map(move |member| (channel, member)))
    }
}

fn id(channel: usize, member: u64) -> String {
    format!("m{channel}-{member}")
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
