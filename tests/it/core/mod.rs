//! Properties of every run: limits, outcomes, the contract of the service. On virtual time.

mod contract;
mod every_code;
mod limits;
mod lower_bound;
mod makespan;
pub(crate) mod properties;
mod reading_contract;
mod scenarios;
mod simulation;
mod wire;
