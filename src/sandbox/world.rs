//! The service's state and rules, without clock, I/O and randomness: the caller passes the time.
//!
//! Promises: a call that is refused as a whole changes nothing but the quotas that it was charged
//! for. Must not: decide faults; the caller does.

mod admission;
mod listings;
mod memberships;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use string_interner::StringInterner;
use string_interner::backend::StringBackend;

use super::address::{Address, begins_with_any, last_segment};
use super::channel::{Channel, Member, Name};
use super::config::{ExistingAnswer, OverCapacity, SandboxConfig};
use super::exception::Exception;
use super::member_result::{MemberResult, RefusalReason};
use super::operation::Operation;
use super::rates::Rates;
use super::slot_map::{Slot, SlotMap};
use super::token_bucket::TokenBucket;
use crate::model::{ChannelArn, MemberArn, Membership, MembershipType, quota};

pub(super) use listings::{ChannelDetails, ListFilter, ListPage, Paging, SubChannelsPage};
pub(super) use memberships::MembershipDetails;

/// All channels, and the operations on them.
pub(super) struct World {
    config: Arc<SandboxConfig>,
    rates: Rates,
    names: StringInterner<StringBackend>,
    channels: SlotMap<Channel>,
    bearers: SlotMap<TokenBucket>,
    /// Of the batch calls on all channels together.
    total: TokenBucket,
}

impl World {
    /// A service without members.
    pub(super) fn new(config: Arc<SandboxConfig>) -> Self {
        Self {
            rates: Rates::new(&config.quotas),
            config,
            names: StringInterner::new(),
            channels: SlotMap::new(),
            bearers: SlotMap::new(),
            total: TokenBucket::default(),
        }
    }

    /// Adds members. Returns a result for each, in their order. `overrule` may set the result of a
    /// member, by ARN and id.
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
        self.check_type(at.channel, membership)?;
        if self.config.over_capacity == OverCapacity::RefuseCall
            && !self.all_fit(slot, at.channel, members)
        {
            return Err(Exception::limit_exceeded("the channel has no room for all"));
        }
        let is_silent = self.config.existing_answer == ExistingAnswer::Silent;
        let one = |member: &&str| {
            overrule(member, last_segment(member)).unwrap_or_else(|| {
                match self.add(slot, at, membership, member, now) {
                    Ok(()) => MemberResult::Added,
                    Err(RefusalReason::AlreadyMember) if is_silent => MemberResult::Added,
                    Err(reason) => reason.member_result(),
                }
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
        new as u64 <= self.capacity(arn)
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
        let capacity = self.capacity(at.channel);
        let channel = &mut self.channels[slot];
        if channel.banned.contains(&name) {
            return Err(RefusalReason::Banned);
        }
        if channel.members.contains_key(&name) {
            return Err(RefusalReason::AlreadyMember);
        }
        if channel.members.len() as u64 >= capacity {
            return Err(RefusalReason::Full);
        }
        self.insert(slot, at, membership, name, now);
        Ok(())
    }

    /// Adds a member regardless of the rules, unless it is in the channel already.
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
        let sub_channel = match &membership.sub_channel {
            Some(id) => Some(id.as_str().to_owned()),
            None if self.is_elastic(at.channel) => {
                let (_, members) = self.config.elastic_size();
                let place = self.channels[slot].members.len() as u64;
                Some(format!("sub-{}", place / members))
            }
            None => None,
        };
        let added = Member {
            invited_by: self.names.get_or_intern(bearer),
            sub_channel: sub_channel.map(|id| self.names.get_or_intern(id)),
            created: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            membership_type: membership.membership_type,
        };
        self.channels[slot].members.insert(name, added);
    }

    /// Removes a user's membership.
    pub(super) fn leave(&mut self, channel: &ChannelArn, member: &MemberArn) {
        let slot = self.channels.get_or_insert(channel.as_str());
        if let Some((name, _)) = self.membership(channel, member.as_str()) {
            self.channels[slot].members.remove(&name);
        }
    }

    /// Whether a channel is elastic.
    pub(super) fn is_elastic(&self, channel: &ChannelArn) -> bool {
        begins_with_any(
            last_segment(channel.as_str()),
            &self.config.elastic_channels,
        )
    }

    /// Memberships that a channel holds.
    fn capacity(&self, channel: &ChannelArn) -> u64 {
        if self.is_elastic(channel) {
            let (sub_channels, members) = self.config.elastic_size();
            return sub_channels * members;
        }
        self.config.capacity
    }

    /// Refuses hidden members of an elastic channel, which has none (AWS, "Using elastic channels").
    pub(super) fn check_type(
        &self,
        channel: &ChannelArn,
        membership: &Membership,
    ) -> Result<(), Exception> {
        if membership.membership_type == MembershipType::Hidden && self.is_elastic(channel) {
            return Err(Exception::bad_request(
                "an elastic channel has no hidden members",
            ));
        }
        Ok(())
    }

    /// Bans a user, and removes its membership.
    pub(super) fn ban(&mut self, channel: &ChannelArn, member: &MemberArn) {
        let name = self
            .names
            .get_or_intern(within(channel.app_instance(), member.as_str()));
        let slot = self.channels.get_or_insert(channel.as_str());
        let channel = &mut self.channels[slot];
        channel.members.remove(&name);
        channel.banned.insert(name);
    }

    /// The membership of a user in a channel.
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

    /// The ARNs of a channel's members, sorted.
    pub(super) fn members(&self, channel: &ChannelArn) -> Vec<String> {
        let found = self.channels.get(channel.as_str());
        let names = found.into_iter().flat_map(|found| found.members.keys());
        let mut members: Vec<String> = names.map(|name| self.arn(channel, *name)).collect();
        members.sort_unstable();
        members
    }

    /// Members of every channel.
    pub(super) fn populations(&self) -> BTreeMap<String, u64> {
        let channels = self.channels.iter();
        channels
            .map(|(arn, channel)| (arn.to_owned(), channel.members.len() as u64))
            .collect()
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
        // This message was reported from the real service.
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

#[cfg(test)]
mod tests;
