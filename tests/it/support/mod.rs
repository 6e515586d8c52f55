//! What tests share: the program in a directory of its own, the core on virtual time, and the
//! services to run both against.

pub(crate) mod backends;
#[cfg(unix)]
pub(crate) mod expected;
pub(crate) mod harness;
pub(crate) mod interruption;
pub(crate) mod program;
pub(crate) mod recorder;
