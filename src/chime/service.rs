//! The service as the engine sees it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::model::{AddMember, AddMembers, Refusal, Reply};

/// An answer to come. Dropping it gives up: the request may have been applied.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send>>;

/// Amazon Chime SDK messaging, real or simulated.
pub trait Chime: Send + Sync {
    /// Adds members to a channel: exactly one request. Its answer is waited for this long, from
    /// when the request is handed to the network; then it counts as lost. The wait for credentials
    /// is bounded by itself: a request that never left is never in doubt.
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply>;

    /// Adds one member to a channel: exactly one request, of an operation with a quota of its own.
    /// The reply is that of a batch of this member; an exception about the member alone is its
    /// member error ([`AddMember::refused`]). The timeout is that of [`Self::add_members`].
    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply>;
}
