//! The service as the engine sees it.

use std::future::Future;
use std::pin::Pin;

use crate::model::{AddMembers, Refusal, Reply};

/// An answer under way. Dropped means given up: the request may have been applied.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send>>;

/// Amazon Chime SDK messaging, real or simulated.
pub trait Chime: Send + Sync {
    /// Adds members to a channel: exactly one request.
    fn add_members(&self, call: AddMembers) -> Pending<Reply>;
}
