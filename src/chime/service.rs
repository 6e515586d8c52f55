//! The service as the engine and the use cases see it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::model::{
    AddMember, AddMembers, ChannelCall, ChannelFacts, Described, ListChannel, ListMembers,
    MemberCall, MemberPage, Refusal, Removed, Reply, SubChannelPage,
};

/// An answer to come. Dropping it gives up: the request may have been applied.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send>>;

/// Amazon Chime SDK messaging, real or simulated.
///
/// Each method makes exactly one request. Its answer is waited for as long as `timeout`, from when
/// the request is handed to the network; then it counts as lost. The wait for credentials is bounded
/// by itself: a request that never left is never in doubt.
pub trait Chime: Send + Sync {
    /// Adds members to a channel.
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply>;

    /// Adds one member to a channel, by an operation with a quota of its own. The reply is that of a
    /// batch of this member; an exception about the member alone is its member error
    /// ([`AddMember::refused`]).
    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply>;

    /// Lists a page of a channel's members of one type.
    fn list_members(&self, call: ListMembers, timeout: Duration) -> Pending<MemberPage>;

    /// Describes one membership.
    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described>;

    /// Removes one member from a channel.
    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed>;

    /// Describes a channel.
    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts>;

    /// Lists a page of a channel's moderators.
    fn list_moderators(&self, call: ListChannel, timeout: Duration) -> Pending<MemberPage>;

    /// Lists a page of an elastic channel's sub-channels.
    fn list_sub_channels(&self, call: ListChannel, timeout: Duration) -> Pending<SubChannelPage>;
}
