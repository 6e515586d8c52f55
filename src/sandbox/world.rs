//! The service's state and rules, pure: told the time, no clock, no I/O, no chance.
//!
//! Promises: a call that is refused as a whole changes nothing but, where it was within the
//! quotas, what is left of them. Must not: decide faults; the caller does.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use string_interner::StringInterner;
use string_interner::backend::StringBackend;

use super::admission::Rates;
use super::channel::{Channel, Member, Name};
use super::config::{OverCapacity, ReAdd, SandboxConfig};
use super::exception::Exception;
use super::member_result::{MemberResult, RefusalReason};
use super::operation::Operation;
use super::slot_map::{Slot, SlotMap};
use super::token_bucket::TokenBucket;
use crate::model::{ChannelArn, MemberArn, Membership, quota};

/// The channel and the bearer of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address<'a> {
    /// The channel.
    pub(super) channel: &'a ChannelArn,
    /// The bearer.
    pub(super) bearer: &'a MemberArn,
}

/// All channels and what may be done with them.
pub(super) struct World {
    pub(super) config: Arc<SandboxConfig>,
    pub(super) rates: Rates,
    pub(super) names: StringInterner<StringBackend>,
    pub(super) channels: SlotMap<Channel>,
    pub(super) bearers: SlotMap<TokenBucket>,
}

impl World {
    /// An empty world.
    pub(super) fn new(config: Arc<SandboxConfig>) -> Self {
        Self {
            rates: Rates::new(&config.quotas),
            config,
            names: StringInterner::new(),
            channels: SlotMap::new(),
            bearers: SlotMap::new(),
        }
    }

    /// Adds members; a verdict for each, in their order. `overrule` decides a member beforehand,
    /// by ARN and id.
    pub(super) fn batch_create(
        &mut self,
        at: Address<'_>,
        membership: &Membership,
        members: &[&str],
        mut overrule: impl FnMut(&str, &str) -> Option<MemberResult>,
        now: Duration,
    ) -> Result<Vec<MemberResult>, Exception> {
        let slot = self.admit(Operation::BatchCreate, at, now)?;
        check_members(at.channel, members)?;
        if self.config.over_capacity == OverCapacity::RefuseCall
            && !self.all_fit(slot, at.channel, members)
        {
            return Err(Exception::limit_exceeded("the channel has no room for all"));
        }
        let one = |member: &&str| {
            overrule(member, last_segment(member)).unwrap_or_else(|| {
                let added = self.add(slot, at, membership, member, now);
                added.map_or_else(RefusalReason::member_result, |()| MemberResult::Added)
            })
        };
        Ok(members.iter().map(one).collect())
    }

    fn all_fit(&self, slot: Slot, arn: &ChannelArn, members: &[&str]) -> bool {
        let present = &self.channels[slot].members;
        let is_new = |member: &&&str| {
            let name = self.names.get(within(arn.app_instance(), member));
            name.is_none_or(|name| !present.contains_key(&name))
        };
        let new = members.iter().filter(is_new).count() + present.len();
        new as u64 <= self.config.capacity
    }

    /// Adds one member, whose ARN has been checked.
    pub(super) fn add(
        &mut self,
        slot: Slot,
        at: Address<'_>,
        membership: &Membership,
        member: &str,
        now: Duration,
    ) -> Result<(), RefusalReason> {
        if begins_with_any(last_segment(member), &self.config.missing_users) {
            return Err(RefusalReason::NoUser);
        }
        let instance = at.channel.app_instance();
        let name = self.names.get_or_intern(within(instance, member));
        let channel = &mut self.channels[slot];
        if channel.banned.contains(&name) {
            return Err(RefusalReason::Banned);
        }
        if channel.members.contains_key(&name) {
            return match self.config.re_add {
                ReAdd::Conflict => Err(RefusalReason::AlreadyMember),
                ReAdd::Silent => Ok(()),
            };
        }
        if channel.members.len() as u64 >= self.config.capacity {
            return Err(RefusalReason::Full);
        }
        self.insert(slot, at, membership, name, now);
        Ok(())
    }

    /// Makes somebody a member regardless of the rules, if not one already.
    pub(super) fn put(&mut self, at: Address<'_>, member: &str, now: Duration) {
        let slot = self.channels.get_or_insert(at.channel.as_str());
        let name = self
            .names
            .get_or_intern(within(at.channel.app_instance(), member));
        if !self.channels[slot].members.contains_key(&name) {
            self.insert(slot, at, &Membership::default(), name, now);
        }
    }

    fn insert(
        &mut self,
        slot: Slot,
        at: Address<'_>,
        membership: &Membership,
        name: Name,
        now: Duration,
    ) {
        let bearer = within(at.channel.app_instance(), at.bearer.as_str());
        let sub_channel = membership.sub_channel.as_ref();
        let added = Member {
            invited_by: self.names.get_or_intern(bearer),
            sub_channel: sub_channel.map(|id| self.names.get_or_intern(id.as_str())),
            created: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            membership_type: membership.membership_type,
        };
        self.channels[slot].members.insert(name, added);
    }

    /// Bans somebody, who leaves the channel by it.
    pub(super) fn ban(&mut self, channel: &ChannelArn, member: &MemberArn) {
        let name = self
            .names
            .get_or_intern(within(channel.app_instance(), member.as_str()));
        let slot = self.channels.get_or_insert(channel.as_str());
        let channel = &mut self.channels[slot];
        channel.members.remove(&name);
        channel.banned.insert(name);
    }

    /// The membership of somebody in a channel.
    pub(super) fn membership(&self, channel: &ChannelArn, member: &str) -> Option<(Name, Member)> {
        let name = self.names.get(within(channel.app_instance(), member))?;
        let members = &self.channels.get(channel.as_str())?.members;
        members.get(&name).map(|member| (name, *member))
    }

    /// Members of a channel.
    pub(super) fn population(&self, channel: &ChannelArn) -> u64 {
        let channel = self.channels.get(channel.as_str());
        channel.map_or(0, |channel| channel.members.len() as u64)
    }

    /// The ARN of a name in a channel.
    pub(super) fn arn(&self, channel: &ChannelArn, name: Name) -> String {
        format!("{}/{}", channel.app_instance(), self.text(name))
    }

    /// The text of a name.
    pub(super) fn text(&self, name: Name) -> &str {
        self.names.resolve(name).unwrap_or_default()
    }
}

/// What a list of members must be (AWS, `BatchCreateChannelMembership`, "`MemberArns`").
pub(super) fn check_members(channel: &ChannelArn, members: &[&str]) -> Result<(), Exception> {
    if members.is_empty() || members.len() > quota::MEMBERS_PER_CALL {
        return Err(Exception::bad_request("MemberArns takes 1 to 100 ARNs"));
    }
    let instance = channel.app_instance();
    let mut foreign = false;
    for member in members {
        match MemberArn::check(member) {
            Ok(theirs) => foreign |= theirs != instance,
            Err(why) => return Err(Exception::bad_request(format!("in MemberArns: {why}"))),
        }
    }
    let mut seen = HashSet::with_capacity(members.len());
    if !members.iter().all(|member| seen.insert(member)) {
        return Err(Exception::bad_request("MemberArns names somebody twice"));
    }
    if foreign {
        // These words were reported from the real service.
        return Err(Exception::forbidden(
            "An invalid app instance user ARN was supplied for the input parameter",
        ));
    }
    Ok(())
}

/// The part of an ARN after its app instance and a slash.
fn within<'a>(instance: &str, arn: &'a str) -> &'a str {
    arn.get(instance.len() + 1..).unwrap_or(arn)
}

pub(super) fn last_segment(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn begins_with_any(id: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| id.starts_with(&**prefix))
}

#[cfg(test)]
mod tests;
