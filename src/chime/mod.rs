//! The service: one trait, and the clients that speak to it.
//!
//! Promises: one call to the trait is one request on the wire, never retried behind the caller's
//! back. Must not: decide what follows from an answer.

mod service;

pub use service::{Chime, Pending};
