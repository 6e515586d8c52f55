//! What holds for every run: limits, outcomes, the service's contract. On virtual time.

mod bound;
mod contract;
mod limits;
mod makespan;
pub(crate) mod properties;
mod scenarios;
mod simulation;
mod walk;
mod wire;
