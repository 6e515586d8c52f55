//! A simulated Amazon Chime SDK messaging: the service's quotas, errors and wire format, on state
//! in memory.
//!
//! From the ground up: `world` is the state, pure and told the time; `fault` and `script` say what
//! goes wrong; [`Service`] puts them together on tokio's clock; [`serve`] is its HTTP face,
//! [`Simulated`] its face within the process.
//!
//! Promises: quotas are judged exactly as documented, a refused call changes nothing, and the same
//! settings and order of calls give the same answers. Must not: print, or know who calls it.

mod admission;
mod allowance;
mod channel;
mod exception;
mod fault;
mod http;
mod member_result;
mod memberships;
mod operation;
mod quotas;
mod request;
mod script;
mod service;
mod settings;
mod sigv4;
mod simulated;
mod state;
mod stats;
mod storm;
mod table;
mod window;
mod wire;
mod world;

pub use fault::{AnyFault, Fault, FaultError, FaultShare, MemberAnswer};
pub use http::serve;
pub use quotas::{Lowered, Quotas};
pub use script::Scripted;
pub use service::Service;
pub use settings::{OverCapacity, ReAdd, SandboxConfig};
pub use simulated::Simulated;
pub use stats::Stats;
pub use storm::{CallCode, CodeShare, Storm};
