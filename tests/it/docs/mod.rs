//! The documents and the structure, compared with the program.

mod architecture;
mod help;
#[cfg(unix)]
mod readme;
pub(crate) mod samples;
