//! What is listed page by page, and the description of a channel.

use std::collections::{BTreeMap, Bound};
use std::time::Duration;

use string_interner::Symbol;

use super::World;
use crate::model::{ChannelMode, MembershipType};
use crate::sandbox::address::{Address, begins_with_any, last_segment};
use crate::sandbox::channel::Name;
use crate::sandbox::exception::Exception;
use crate::sandbox::operation::Operation;

/// Which page to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Paging {
    /// The page size, 1 to 50.
    pub(in crate::sandbox) max_results: usize,
    /// Where the page before ended.
    pub(in crate::sandbox) next_token: Option<String>,
}

/// Which members to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct ListFilter {
    /// Of this type only: a listing never mixes them.
    pub(in crate::sandbox) membership_type: MembershipType,
    /// Of this sub-channel only.
    pub(in crate::sandbox) sub_channel: Option<String>,
    /// Which of them.
    pub(in crate::sandbox) paging: Paging,
}

/// One page of members or moderators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct ListPage {
    /// ARNs.
    pub(in crate::sandbox) members: Vec<String>,
    /// Where the next page begins; `None` on the last.
    pub(in crate::sandbox) next_token: Option<String>,
}

/// One page of sub-channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct SubChannelsPage {
    /// The id of each, and its number of members.
    pub(in crate::sandbox) sub_channels: Vec<(String, u64)>,
    /// Where the next page begins; `None` on the last.
    pub(in crate::sandbox) next_token: Option<String>,
}

/// A channel as it is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct ChannelDetails {
    /// Who may add members.
    pub(in crate::sandbox) mode: ChannelMode,
    /// The most sub-channels and the most members of each, if it is elastic.
    pub(in crate::sandbox) elastic: Option<(u64, u64)>,
    /// Whether it is deleted some day.
    pub(in crate::sandbox) expires: bool,
}

impl World {
    /// `ListChannelMemberships`: one page.
    pub(in crate::sandbox) fn list(
        &mut self,
        at: Address<'_>,
        filter: &ListFilter,
        now: Duration,
    ) -> Result<ListPage, Exception> {
        let slot = self.admit(Operation::List, at, now)?;
        let start = start(&filter.paging)?;
        // A sub-channel that nobody was added to has no name, and no members.
        let sub_channel = filter.sub_channel.as_ref().map(|id| self.names.get(id));
        let is_in =
            |theirs: Option<Name>| sub_channel.is_none_or(|name| name.is_some() && name == theirs);
        let members = self.channels[slot].members.range((start, Bound::Unbounded));
        let names = members
            .filter(|(_, member)| member.membership_type == filter.membership_type)
            .filter(|(_, member)| is_in(member.sub_channel))
            .map(|(name, _)| *name);
        let (page, next_token) = page(names, &filter.paging);
        Ok(ListPage {
            next_token,
            members: page
                .iter()
                .map(|name| self.arn(at.channel, *name))
                .collect(),
        })
    }

    /// `ListChannelModerators`: one page.
    pub(in crate::sandbox) fn list_moderators(
        &mut self,
        at: Address<'_>,
        paging: &Paging,
        now: Duration,
    ) -> Result<ListPage, Exception> {
        self.admit(Operation::ListModerators, at, now)?;
        let begin = match &paging.next_token {
            None => 0,
            Some(token) => usize::from_str_radix(token, 16).map_err(|_| foreign_token())?,
        };
        let moderators = self.config.moderators.iter();
        let ours = moderators.filter(|arn| arn.app_instance() == at.channel.app_instance());
        let mut rest = ours.skip(begin).map(ToString::to_string);
        let members = rest.by_ref().take(paging.max_results).collect();
        let end = begin + paging.max_results;
        Ok(ListPage {
            members,
            next_token: rest.next().map(|_| format!("{end:08x}")),
        })
    }

    /// `ListSubChannels`: one page of those that have members.
    pub(in crate::sandbox) fn list_sub_channels(
        &mut self,
        at: Address<'_>,
        paging: &Paging,
        now: Duration,
    ) -> Result<SubChannelsPage, Exception> {
        let slot = self.admit(Operation::ListSubChannels, at, now)?;
        let start = start(paging)?;
        let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
        let members = self.channels[slot].members.values();
        for name in members.filter_map(|member| member.sub_channel) {
            *counts.entry(name).or_default() += 1;
        }
        let names = counts.range((start, Bound::Unbounded));
        let (page, next_token) = page(names.map(|(name, _)| *name), paging);
        let one = |name: &Name| (self.text(*name).to_owned(), counts[name]);
        Ok(SubChannelsPage {
            sub_channels: page.iter().map(one).collect(),
            next_token,
        })
    }

    /// `DescribeChannel`.
    pub(in crate::sandbox) fn describe_channel(
        &mut self,
        at: Address<'_>,
        now: Duration,
    ) -> Result<ChannelDetails, Exception> {
        self.admit(Operation::DescribeChannel, at, now)?;
        let id = last_segment(at.channel.as_str());
        let is_restricted = begins_with_any(id, &self.config.restricted_channels);
        let elastic = self.is_elastic(at.channel);
        Ok(ChannelDetails {
            mode: match self.config.admins {
                None if !is_restricted => ChannelMode::Unrestricted,
                _ => ChannelMode::Restricted,
            },
            elastic: elastic.then(|| self.config.elastic_size()),
            expires: begins_with_any(id, &self.config.expiring_channels),
        })
    }
}

/// Where a page begins.
fn start(paging: &Paging) -> Result<Bound<Name>, Exception> {
    let Some(token) = &paging.next_token else {
        return Ok(Bound::Unbounded);
    };
    let number = usize::from_str_radix(token, 16).ok();
    let name = number.and_then(Name::try_from_usize);
    name.map(Bound::Excluded).ok_or_else(foreign_token)
}

fn foreign_token() -> Exception {
    Exception::bad_request("the token is not ours")
}

/// The names of a page, and the token of the next one.
fn page(mut names: impl Iterator<Item = Name>, paging: &Paging) -> (Vec<Name>, Option<String>) {
    let page: Vec<Name> = names.by_ref().take(paging.max_results).collect();
    let more = names.next().is_some();
    let last = page.last().filter(|_| more);
    let next_token = last.map(|name| format!("{:08x}", name.to_usize()));
    (page, next_token)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AppInstanceArn, ChannelArn, MemberArn, Membership};
    use crate::sandbox::SandboxConfig;

    const NOW: Duration = Duration::ZERO;

    fn member(i: usize) -> String {
        format!("arn:aws:chime:us-east-1:1:app-instance/i/user/u{i}")
    }

    fn world() -> World {
        World::new(Arc::new(SandboxConfig {
            unlimited: true,
            ..SandboxConfig::default()
        }))
    }

    fn channel_and_bearer() -> (ChannelArn, MemberArn) {
        let instance = AppInstanceArn::parse("arn:aws:chime:us-east-1:1:app-instance/i").unwrap();
        (instance.channel("c").unwrap(), instance.user("a").unwrap())
    }

    #[test]
    fn pages_neither_repeat_nor_skip_whatever_happens_between_them() {
        let (channel, bearer) = channel_and_bearer();
        let at = Address {
            channel: &channel,
            bearer: &bearer,
        };
        let mut world = world();
        for i in 0..120 {
            let membership = Membership {
                membership_type: if i % 10 == 9 {
                    MembershipType::Hidden
                } else {
                    MembershipType::Default
                },
                sub_channel: None,
            };
            world
                .create(at, &membership, &member(i), None, NOW)
                .unwrap();
        }
        let mut filter = ListFilter {
            membership_type: MembershipType::Default,
            sub_channel: None,
            paging: Paging {
                max_results: 50,
                next_token: None,
            },
        };
        let first = world.list(at, &filter, NOW).unwrap();
        assert_eq!(first.members.len(), 50);
        filter.paging.next_token.clone_from(&first.next_token);
        // Remove a member that is listed, and the one that the token names.
        for gone in [&first.members[0], &first.members[49]] {
            world.delete(at, gone, None, NOW).unwrap();
        }
        world
            .create(at, &Membership::default(), &member(500), None, NOW)
            .unwrap();
        let second = world.list(at, &filter, NOW).unwrap();
        filter.paging.next_token.clone_from(&second.next_token);
        let third = world.list(at, &filter, NOW).unwrap();
        assert_eq!((second.members.len(), third.members.len()), (50, 9));
        assert_eq!(third.next_token, None);
        let mut all = [first.members, second.members, third.members].concat();
        all.sort();
        let expected = (0..120).filter(|i| i % 10 != 9).chain([500]).map(member);
        let mut expected: Vec<String> = expected.collect();
        expected.sort();
        assert_eq!(all, expected);

        filter.membership_type = MembershipType::Hidden;
        filter.paging.next_token = None;
        assert_eq!(world.list(at, &filter, NOW).unwrap().members.len(), 12);
        filter.paging.next_token = Some("nonsense".into());
        assert_eq!(world.list(at, &filter, NOW).unwrap_err().status, 400);
    }

    #[test]
    fn reading_has_the_documented_rates() {
        let (channel, _) = channel_and_bearer();
        let mut world = World::new(Arc::new(SandboxConfig::default()));
        // Each bearer makes one call: only the channel's rate limits them.
        let bearers = (0..50).map(|i| MemberArn::parse(&member(i)).unwrap());
        let bearers: Vec<MemberArn> = bearers.collect();
        let mut admitted = |make: &dyn Fn(&mut World, Address<'_>, Duration) -> bool, at| {
            let calls = (0..).zip(&bearers).filter(|(ms, bearer)| {
                let channel = &channel;
                let now = Duration::from_secs(at) + Duration::from_millis(*ms);
                make(&mut world, Address { channel, bearer }, now)
            });
            calls.count()
        };
        let paging = || Paging {
            max_results: 50,
            next_token: None,
        };
        let filter = ListFilter {
            membership_type: MembershipType::Default,
            sub_channel: None,
            paging: paging(),
        };
        let list = |world: &mut World, at: Address<'_>, now| world.list(at, &filter, now).is_ok();
        let moderators = |world: &mut World, at: Address<'_>, now| {
            world.list_moderators(at, &paging(), now).is_ok()
        };
        let channel_facts =
            |world: &mut World, at: Address<'_>, now| world.describe_channel(at, now).is_ok();
        let sub_channels = |world: &mut World, at: Address<'_>, now| {
            world.list_sub_channels(at, &paging(), now).is_ok()
        };
        let describe = |world: &mut World, at: Address<'_>, now| {
            let described = world.describe(at, &member(1), None, now);
            described.unwrap_err().status == 404
        };
        assert_eq!(admitted(&list, 0), 15);
        assert_eq!(admitted(&moderators, 10), 15);
        assert_eq!(admitted(&channel_facts, 20), 20);
        assert_eq!(admitted(&sub_channels, 30), 50);
        assert_eq!(admitted(&describe, 40), 50);
    }
}
