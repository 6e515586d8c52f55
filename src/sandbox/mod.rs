//! A simulated Amazon Chime SDK messaging: the service's quotas, errors and wire format, with its
//! state in memory.
//!
//! From the ground up: `world` is the state, which receives the time with each call; `fault` and
//! `script` decide what goes wrong; [`Service`] combines them on tokio's clock; [`serve`] offers it
//! over HTTP, [`Simulated`] within the process.
//!
//! Promises: quotas are enforced exactly as documented, a refused call changes nothing, and the
//! same settings and order of calls return the same answers. Must not: print, or depend on its
//! caller.
//!
//! # Over HTTP
//!
//! `chime-bulk sandbox` serves batch-create, create, delete, describe and list channel memberships,
//! describe channel, list channel moderators and list sub-channels. It checks signatures as AWS does. Any AWS client that takes an endpoint
//! can call it. What it prints is a script for a shell that sets the client's variables:
//!
//! ```sh
//! chime-bulk sandbox > sandbox.env &
//! . ./sandbox.env
//! aws chime-sdk-messaging help
//! ```
//!
//! `GET /_sandbox/stats` returns as JSON what it has seen: calls, throttled calls, members of each
//! channel, and the most calls in any one second. A connection is closed after a minute without a
//! byte from its client, or at once if the sandbox has no descriptor left.
//!
//! # In the process
//!
//! `run --sandbox` simulates a run without a socket. The sandbox loses its members when the run
//! ends: a run that is resumed later meets an empty sandbox, with the faults that the flags of
//! `resume` set.
//!
//! # Faults
//!
//! Everybody exists and may call, unless flags change that. `--missing-users` and
//! `--missing-channels` make ids with a prefix unknown, `--elastic-channels`, `--restricted-channels` and
//! `--expiring-channels` make channels of another kind, `--admin` and `--moderator` allow only some
//! bearers to change channels, `--existing` has members from a list, `--answer-member` refuses members with a code. `--fault
//! NAME=SHARE` makes calls fail by chance, decided by `--seed`:
//!
//! | name | effect |
//! |---|---|
//! | `call-throttled` | the call is refused with 429, although within its quota |
//! | `call-unavailable` | the call is refused with 503 |
//! | `member-throttled` | one member of the call is refused with `Throttled` |
//! | `lost` | the call is applied; its answer never comes |
//! | `reset` | the connection closes before the call is applied |
//! | `slow` | the answer comes late |
//! | a code of `chime-bulk explain` | the call is refused with that code |
//!
//! `--storm CODE=FROM..TO` refuses every call between two seconds, with `,bearer=PREFIX` or
//! `,channel=PREFIX` only some; `--outage FROM..TO` answers 503.
//!
//! # Where the documentation is silent
//!
//! AWS does not document what a batch call answers about an existing member, what the removal of
//! somebody who is not a member answers, nor how a full channel refuses. The sandbox answers
//! `Conflict` to the first (`--existing-answer silent`: it lists the member as added), a success to
//! the second, and fills a full channel to its last place; see [`ExistingAnswer`], [`AbsentAnswer`]
//! and [`OverCapacity`].

mod address;
mod any_fault;
mod channel;
mod config;
mod exception;
mod fault;
mod http;
mod member_result;
mod operation;
mod perform;
mod quotas;
mod rates;
mod request;
mod script;
mod service;
mod service_answer;
mod service_quotas;
mod sigv4;
mod simulated;
mod slot_map;
mod state;
mod stats;
mod storm;
mod token_bucket;
mod typed_request;
mod window;
mod wire;
mod world;

pub use any_fault::AnyFault;
pub use config::{AbsentAnswer, ExistingAnswer, OverCapacity, SandboxConfig};
pub use fault::{Fault, FaultError, FaultShare, MemberRule};
pub use http::serve;
pub use quotas::{Lowered, Quotas};
pub use script::Scripted;
pub use service::Service;
pub use simulated::Simulated;
pub use stats::Stats;
pub use storm::{CallCode, CodeShare, Storm};
