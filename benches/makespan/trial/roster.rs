//! The members of a scenario.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::Write;

use chime_bulk::model::{ChannelArn, MemberArn};
use serde::Deserialize;

/// The app instance of all.
pub(super) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// Channels with a number of members each.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    channels: usize,
    members: u64,
}

/// The members of each channel, in the order of the list: sorted by channel.
#[derive(Debug)]
pub(super) struct Roster(Vec<u64>);

impl Roster {
    /// The groups one after another, no channel with more members than `most`.
    pub(super) fn new(groups: &[Group], most: Option<u64>) -> Self {
        let members = |group: &Group| group.members.min(most.unwrap_or(u64::MAX));
        let sizes = groups
            .iter()
            .flat_map(|group| std::iter::repeat_n(members(group), group.channels));
        Self(sizes.collect())
    }

    /// How many members each channel has.
    pub(super) fn sizes(&self) -> &[u64] {
        &self.0
    }

    pub(super) fn members(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The list, as it is given to a run.
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

/// The number of a channel of the list.
pub(super) fn number(channel: &ChannelArn) -> Option<usize> {
    channel.as_str().rsplit_once("/c")?.1.parse().ok()
}

/// A pool of bearers.
pub(super) fn bearers(count: usize) -> Result<Vec<MemberArn>, Box<dyn Error>> {
    let arn = |n| MemberArn::parse(&format!("{INSTANCE}/user/bearer-{n}"));
    Ok((0..count).map(arn).collect::<Result<_, _>>()?)
}
