//! Decisions: what to call next, what an answer means, when to retry, when to give up.
//!
//! Promises: everything here is a function of its input, the time included (a [`Duration`]
//! since the run began). Must not: await, read a clock, do I/O, or use randomness that is not
//! seeded.
//!
//! [`Duration`]: std::time::Duration

mod arrival_margin;
mod backlog;
mod bearers;
mod bound;
mod call;
mod channel;
mod channel_pace;
mod delay;
mod examination;
mod examined;
mod failure_count;
mod learned_interval;
mod listing_first;
mod outage;
mod pacing;
mod pages_in_flight;
mod patience;
mod rate_pacer;
mod ready_queue;
mod scheduler;
mod single_adds;
mod stop;
#[cfg(test)]
mod tests;
mod threshold;
mod timeout;

pub use bound::{Binding, LowerBound};
#[doc(hidden)]
pub use call::{
    Answer, CallPlan, EarlierAnswer, EarlierCall, InFlightCall, MemberAnswer, PartRefusal,
    PendingRow, Ruling, Settlement,
};
#[doc(hidden)]
pub use delay::RetryDelays;
pub use listing_first::{ListingFirst, ListingOutlook};
pub use patience::{Patience, PatienceError};
#[doc(hidden)]
pub use scheduler::{ChannelLeft, Overview, Scheduler, SchedulerConfig, Step};
pub use single_adds::time_with_single_adds;
pub use stop::Stop;
pub use threshold::{FailureThreshold, ThresholdError};
