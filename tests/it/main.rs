//! Integration tests, one binary.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod face;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod witness;
