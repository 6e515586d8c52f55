//! The operations on single memberships.

use std::time::Duration;

use super::{World, check_members};
use crate::model::{Membership, MembershipType};
use crate::sandbox::address::Address;
use crate::sandbox::channel::Name;
use crate::sandbox::config::AbsentAnswer;
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
        self.check_type(at.channel, membership)?;
        match overrule {
            Some(MemberResult::Refused { code, .. }) => Err(Exception::of_member_error(&code)),
            Some(MemberResult::LeftOut) => Ok(MemberResult::LeftOut),
            Some(MemberResult::Added) | None => self
                .add(slot, at, membership, member, now)
                .map(|()| MemberResult::Added)
                .map_err(RefusalReason::exception),
        }
    }

    /// `DeleteChannelMembership`: removes one member. Everybody may leave.
    pub(in crate::sandbox) fn delete(
        &mut self,
        at: Address<'_>,
        member: &str,
        sub_channel: Option<&str>,
        now: Duration,
    ) -> Result<(), Exception> {
        let slot = self.admit_for(Operation::Delete, at, Some(member), now)?;
        check_members(at.channel, &[member])?;
        match self.find(at, member, sub_channel) {
            Some(name) => drop(self.channels[slot].members.remove(&name)),
            None if self.config.absent_answer == AbsentAnswer::NotFound => {
                return Err(Exception::not_found("no such membership"));
            }
            None => {}
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

    /// Somebody's name, if a member (and of this sub-channel, if one is asked for).
    fn find(&self, at: Address<'_>, member: &str, sub_channel: Option<&str>) -> Option<Name> {
        let (name, membership) = self.membership(at.channel, member)?;
        let theirs = membership.sub_channel.map(|name| self.text(name));
        (sub_channel.is_none() || sub_channel == theirs).then_some(name)
    }
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
