//! The operations on single memberships, and the listing.

use std::collections::Bound;
use std::time::Duration;

use string_interner::Symbol;

use super::{World, check_members};
use crate::model::{Membership, MembershipType};
use crate::sandbox::address::Address;
use crate::sandbox::channel::Name;
use crate::sandbox::exception::Exception;
use crate::sandbox::member_result::{MemberResult, RefusalReason};
use crate::sandbox::operation::Operation;

/// A membership as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct MembershipDetails {
    /// ARN of the bearer who added it.
    pub(in crate::sandbox) invited_by: String,
    /// Listed or not.
    pub(in crate::sandbox) membership_type: MembershipType,
    /// The sub-channel it was added to.
    pub(in crate::sandbox) sub_channel: Option<String>,
    /// When it was added, in whole seconds since the service's start.
    pub(in crate::sandbox) created: Duration,
}

/// Which members to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct ListFilter {
    /// Of this type only: a listing never mixes them.
    pub(in crate::sandbox) membership_type: MembershipType,
    /// Of this sub-channel only.
    pub(in crate::sandbox) sub_channel: Option<String>,
    /// The page size, 1 to 50.
    pub(in crate::sandbox) max_results: usize,
    /// Where the page before ended.
    pub(in crate::sandbox) next_token: Option<String>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct ListPage {
    /// ARNs.
    pub(in crate::sandbox) members: Vec<String>,
    /// Where the next page begins; `None` on the last.
    pub(in crate::sandbox) next_token: Option<String>,
}

impl World {
    /// `CreateChannelMembership`: adds one member. `overrule` sets the result in place of the rules.
    /// Returns [`MemberResult::Added`] or [`MemberResult::LeftOut`].
    pub(in crate::sandbox) fn create(
        &mut self,
        at: Address<'_>,
        membership: &Membership,
        member: &str,
        overrule: Option<MemberResult>,
        now: Duration,
    ) -> Result<MemberResult, Exception> {
        let slot = self.admit(Operation::Create, at, now)?;
        check_members(at.channel, &[member])?;
        match overrule {
            Some(MemberResult::Refused { code, .. }) => Err(Exception::of_member_error(&code)),
            Some(MemberResult::LeftOut) => Ok(MemberResult::LeftOut),
            Some(MemberResult::Added) | None => self
                .add(slot, at, membership, member, now)
                .map(|()| MemberResult::Added)
                .map_err(RefusalReason::exception),
        }
    }

    /// `DeleteChannelMembership`: removes one member. Deleting a non-member succeeds:
    /// undocumented, but the operation models no `NotFoundException`.
    pub(in crate::sandbox) fn delete(
        &mut self,
        at: Address<'_>,
        member: &str,
        sub_channel: Option<&str>,
        now: Duration,
    ) -> Result<(), Exception> {
        let slot = self.admit(Operation::Delete, at, now)?;
        check_members(at.channel, &[member])?;
        if let Some(name) = self.find(at, member, sub_channel) {
            self.channels[slot].members.remove(&name);
        }
        Ok(())
    }

    /// `DescribeChannelMembership`.
    pub(in crate::sandbox) fn describe(
        &mut self,
        at: Address<'_>,
        member: &str,
        sub_channel: Option<&str>,
        now: Duration,
    ) -> Result<MembershipDetails, Exception> {
        let slot = self.admit(Operation::Describe, at, now)?;
        check_members(at.channel, &[member])?;
        let found = self.find(at, member, sub_channel);
        let found = found.and_then(|name| self.channels[slot].members.get(&name));
        let member = found.ok_or_else(|| Exception::not_found("no such membership"))?;
        Ok(MembershipDetails {
            invited_by: self.arn(at.channel, member.invited_by),
            membership_type: member.membership_type,
            sub_channel: member.sub_channel.map(|name| self.text(name).to_owned()),
            created: Duration::from_secs(member.created.into()),
        })
    }

    /// `ListChannelMemberships`: one page.
    pub(in crate::sandbox) fn list(
        &mut self,
        at: Address<'_>,
        filter: &ListFilter,
        now: Duration,
    ) -> Result<ListPage, Exception> {
        let slot = self.admit(Operation::List, at, now)?;
        let start = match &filter.next_token {
            None => Bound::Unbounded,
            Some(token) => Bound::Excluded(
                read_token(token).ok_or_else(|| Exception::bad_request("the token is not ours"))?,
            ),
        };
        let sub_channel = filter.sub_channel.as_ref().map(|id| self.names.get(id));
        let members = self.channels[slot].members.range((start, Bound::Unbounded));
        let mut names = members
            .filter(|(_, member)| member.membership_type == filter.membership_type)
            .filter(|(_, member)| sub_channel.is_none_or(|name| name == member.sub_channel))
            .map(|(name, _)| *name);
        let page: Vec<Name> = names.by_ref().take(filter.max_results).collect();
        let more = names.next().is_some();
        Ok(ListPage {
            next_token: page.last().filter(|_| more).map(|name| token(*name)),
            members: page
                .iter()
                .map(|name| self.arn(at.channel, *name))
                .collect(),
        })
    }

    /// `DescribeChannel`: a channel has no properties beside its existence.
    pub(in crate::sandbox) fn describe_channel(
        &mut self,
        at: Address<'_>,
        now: Duration,
    ) -> Result<(), Exception> {
        self.admit(Operation::DescribeChannel, at, now).map(drop)
    }

    /// Somebody's name, if a member (and of this sub-channel, if one is asked for).
    fn find(&self, at: Address<'_>, member: &str, sub_channel: Option<&str>) -> Option<Name> {
        let (name, membership) = self.membership(at.channel, member)?;
        let theirs = membership.sub_channel.map(|name| self.text(name));
        (sub_channel.is_none() || sub_channel == theirs).then_some(name)
    }
}

fn token(name: Name) -> String {
    format!("{:08x}", name.to_usize())
}

fn read_token(token: &str) -> Option<Name> {
    let number = usize::from_str_radix(token, 16).ok()?;
    Name::try_from_usize(number)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AppInstanceArn, ChannelArn, MemberArn};
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
            max_results: 50,
            next_token: None,
        };
        let first = world.list(at, &filter, NOW).unwrap();
        assert_eq!(first.members.len(), 50);
        filter.next_token.clone_from(&first.next_token);
        // Remove a member that is listed, and the one that the token names.
        for gone in [&first.members[0], &first.members[49]] {
            world.delete(at, gone, None, NOW).unwrap();
        }
        world
            .create(at, &Membership::default(), &member(500), None, NOW)
            .unwrap();
        let second = world.list(at, &filter, NOW).unwrap();
        filter.next_token.clone_from(&second.next_token);
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
        filter.next_token = None;
        assert_eq!(world.list(at, &filter, NOW).unwrap().members.len(), 12);
        filter.next_token = Some("nonsense".into());
        assert_eq!(world.list(at, &filter, NOW).unwrap_err().status, 400);
    }

    #[test]
    fn one_membership_is_made_described_and_deleted() {
        let (channel, bearer) = channel_and_bearer();
        let at = Address {
            channel: &channel,
            bearer: &bearer,
        };
        let mut world = world();
        let plain = Membership::default();
        assert_eq!(
            world.create(at, &plain, &member(1), None, NOW),
            Ok(MemberResult::Added)
        );
        assert_eq!(
            world
                .create(at, &plain, &member(1), None, NOW)
                .unwrap_err()
                .status,
            409
        );
        assert!(world.describe(at, &member(1), None, NOW).is_ok());
        assert_eq!(world.delete(at, &member(1), None, NOW), Ok(()));
        assert_eq!(world.delete(at, &member(1), None, NOW), Ok(()));
        let gone = world.describe(at, &member(1), None, NOW).unwrap_err();
        assert_eq!(&gone.name, "NotFoundException");
    }
}
