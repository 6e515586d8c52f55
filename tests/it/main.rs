//! The integration tests: one binary, a folder per subject.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod core;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod faults;
#[cfg(test)]
#[cfg(all(unix, feature = "s3"))]
mod s3;
#[cfg(test)]
mod support;
