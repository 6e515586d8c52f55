//! Who may call, and how often.

use std::time::Duration;

use super::World;
use crate::model::ChannelArn;
use crate::sandbox::address::{Address, begins_with_any, last_segment};
use crate::sandbox::exception::Exception;
use crate::sandbox::operation::Operation;
use crate::sandbox::slot_map::Slot;

impl World {
    /// Charges a call to its quotas, or refuses it; returns its channel.
    ///
    /// Both quotas are asked before either is paid: whether the real service charges a bearer for
    /// a call that its channel throttles is undocumented.
    pub(super) fn admit(
        &mut self,
        operation: Operation,
        at: Address<'_>,
        now: Duration,
    ) -> Result<Slot, Exception> {
        self.admit_for(operation, at, None, now)
    }

    /// The same, for a call that concerns this member.
    pub(super) fn admit_for(
        &mut self,
        operation: Operation,
        at: Address<'_>,
        member: Option<&str>,
        now: Duration,
    ) -> Result<Slot, Exception> {
        let Address { channel, bearer } = at;
        let exists = self.exists(channel);
        if !self.config.unlimited {
            self.pay(operation, at, exists, now)?;
        }
        if bearer.app_instance() != channel.app_instance() {
            return Err(Exception::forbidden(
                "the bearer is of another app instance than the channel",
            ));
        }
        if !self.may(operation, at, member) {
            return Err(Exception::forbidden(
                "the bearer may not manage this channel's memberships",
            ));
        }
        if !exists {
            // Only some operations model a NotFound; of the others a missing resource has been
            // reported to return Forbidden.
            return Err(match operation {
                Operation::BatchCreate | Operation::Create | Operation::Describe => {
                    Exception::not_found("the channel does not exist")
                }
                Operation::Delete
                | Operation::List
                | Operation::DescribeChannel
                | Operation::ListModerators
                | Operation::ListSubChannels => {
                    Exception::forbidden("the channel does not exist, or is not yours")
                }
            });
        }
        Ok(self.channels.get_or_insert(channel.as_str()))
    }

    /// Whether the bearer has the right to make a call.
    fn may(&self, operation: Operation, at: Address<'_>, member: Option<&str>) -> bool {
        let Some(admins) = &self.config.admins else {
            return true;
        };
        let Address { channel, bearer } = at;
        if admins.contains(bearer) || self.config.moderators.contains(bearer) {
            return true;
        }
        let is_allowed = match operation {
            Operation::List | Operation::Describe | Operation::DescribeChannel => true,
            Operation::Delete => member == Some(bearer.as_str()),
            Operation::BatchCreate
            | Operation::Create
            | Operation::ListModerators
            | Operation::ListSubChannels => false,
        };
        is_allowed && self.membership(channel, bearer.as_str()).is_some()
    }

    fn pay(
        &mut self,
        operation: Operation,
        at: Address<'_>,
        exists: bool,
        now: Duration,
    ) -> Result<(), Exception> {
        let bearer_rate = self.rates.of_bearer(at.bearer.region());
        let scaled = self.config.quotas.scaled(now);
        let bearer = self.bearers.get_or_insert(at.bearer.as_str());
        if !self.bearers[bearer].has_room(bearer_rate, scaled) {
            return Err(Exception::throttled("the bearer's rate is exceeded"));
        }
        let total = self.rates.total(operation);
        if total.is_some_and(|rate| !self.total.has_room(rate, scaled)) {
            return Err(Exception::throttled("the rate of all calls is exceeded"));
        }
        let rate = self.rates.of_channel(operation, at.channel.region());
        if let Some(rate) = rate.filter(|_| exists) {
            let channel = self.channels.get_or_insert(at.channel.as_str());
            let channel = &mut self.channels[channel];
            let (bucket, now) = match operation {
                Operation::BatchCreate => (&mut channel.batch, scaled),
                Operation::Create | Operation::Delete | Operation::ListModerators => {
                    (&mut channel.single, now)
                }
                Operation::List => (&mut channel.list, now),
                Operation::Describe | Operation::DescribeChannel | Operation::ListSubChannels => {
                    (&mut channel.describe, now)
                }
            };
            if !bucket.has_room(rate, now) {
                return Err(Exception::throttled("the channel's rate is exceeded"));
            }
            bucket.take(rate, now);
        }
        self.bearers[bearer].take(bearer_rate, scaled);
        if let Some(rate) = total {
            self.total.take(rate, scaled);
        }
        Ok(())
    }

    fn exists(&self, channel: &ChannelArn) -> bool {
        let id = last_segment(channel.as_str());
        !begins_with_any(id, &self.config.missing_channels)
    }
}
