//! The operations on single memberships, and the listing.

use std::collections::Bound;
use std::time::Duration;

use string_interner::Symbol;

use super::channel::Name;
use super::exception::Exception;
use super::operation::Operation;
use super::world::{Address, Hindrance, World, check_members};
use crate::model::{Membership, MembershipType};

/// A membership as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// ARN of the bearer who added it.
    pub(super) invited_by: String,
    /// Listed or not.
    pub(super) membership_type: MembershipType,
    /// The sub-channel it was added to.
    pub(super) sub_channel: Option<String>,
    /// When, since the service's start, in whole seconds.
    pub(super) created: Duration,
}

/// Which members to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    /// Of this type only: a listing never mixes them.
    pub(super) membership_type: MembershipType,
    /// Of this sub-channel only.
    pub(super) sub_channel: Option<String>,
    /// At most so many, 1 to 50.
    pub(super) max_results: usize,
    /// Where the page before ended.
    pub(super) next_token: Option<String>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// ARNs.
    pub(super) members: Vec<String>,
    /// Where the next page begins; `None` on the last.
    pub(super) next_token: Option<String>,
}

impl World {
    /// `CreateChannelMembership`: adds one member.
    pub(super) fn create(
        &mut self,
        at: Address<'_>,
        membership: &Membership,
        member: &str,
        now: Duration,
    ) -> Result<(), Exception> {
        let place = self.admit(Operation::Create, at, now)?;
        check_members(at.channel, &[member])?;
        self.add(place, at, membership, member, now)
            .map_err(Hindrance::exception)
    }

    /// `DeleteChannelMembership`: removes one member. Whoever is none is removed just as well:
    /// undocumented, but the operation models no `NotFoundException`.
    pub(super) fn delete(
        &mut self,
        at: Address<'_>,
        member: &str,
        sub_channel: Option<&str>,
        now: Duration,
    ) -> Result<(), Exception> {
        let place = self.admit(Operation::Delete, at, now)?;
        check_members(at.channel, &[member])?;
        if let Some(name) = self.find(at, member, sub_channel) {
            self.channels[place].members.remove(&name);
        }
        Ok(())
    }

    /// `DescribeChannelMembership`.
    pub(super) fn describe(
        &mut self,
        at: Address<'_>,
        member: &str,
        sub_channel: Option<&str>,
        now: Duration,
    ) -> Result<Record, Exception> {
        let place = self.admit(Operation::Describe, at, now)?;
        check_members(at.channel, &[member])?;
        let found = self.find(at, member, sub_channel);
        let found = found.and_then(|name| self.channels[place].members.get(&name));
        let member = found.ok_or_else(|| Exception::not_found("no such membership"))?;
        Ok(Record {
            invited_by: self.arn(at.channel, member.invited_by),
            membership_type: member.membership_type,
            sub_channel: member.sub_channel.map(|name| self.text(name).to_owned()),
            created: Duration::from_secs(member.created.into()),
        })
    }

    /// `ListChannelMemberships`: one page.
    pub(super) fn list(
        &mut self,
        at: Address<'_>,
        filter: &Filter,
        now: Duration,
    ) -> Result<Page, Exception> {
        let place = self.admit(Operation::List, at, now)?;
        let start = match &filter.next_token {
            None => Bound::Unbounded,
            Some(token) => Bound::Excluded(
                read_token(token).ok_or_else(|| Exception::bad_request("the token is not ours"))?,
            ),
        };
        let sub_channel = filter.sub_channel.as_ref().map(|id| self.names.get(id));
        let members = self.channels[place]
            .members
            .range((start, Bound::Unbounded));
        let mut names = members
            .filter(|(_, member)| member.membership_type == filter.membership_type)
            .filter(|(_, member)| sub_channel.is_none_or(|name| name == member.sub_channel))
            .map(|(name, _)| *name);
        let page: Vec<Name> = names.by_ref().take(filter.max_results).collect();
        let more = names.next().is_some();
        Ok(Page {
            next_token: page.last().filter(|_| more).map(|name| token(*name)),
            members: page
                .iter()
                .map(|name| self.arn(at.channel, *name))
                .collect(),
        })
    }

    /// `DescribeChannel`: nothing is known of a channel but that it is there.
    pub(super) fn describe_channel(
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
