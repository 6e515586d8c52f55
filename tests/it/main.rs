//! The integration tests: one binary, a module per subject.

mod contract;
mod face;
mod sandbox;
mod wire;
