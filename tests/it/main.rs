//! The integration tests: one binary, a module per subject.

#[cfg(test)]
#[cfg(unix)]
mod again;
#[cfg(test)]
mod bad_limits;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod config;
#[cfg(test)]
mod contract;
#[cfg(test)]
#[cfg(unix)]
mod credential_process;
#[cfg(test)]
mod cut;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod damage;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod disk;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod face;
#[cfg(test)]
mod failed_csv;
#[cfg(test)]
#[cfg(unix)]
mod first_moments;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod help;
#[cfg(test)]
mod hostile;
#[cfg(test)]
#[cfg(unix)]
mod kills;
#[cfg(test)]
mod legacy_rows;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod makespan;
#[cfg(test)]
mod nasty;
#[cfg(test)]
#[cfg(unix)]
mod odd_names;
#[cfg(test)]
mod page;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod program;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod properties;
#[cfg(test)]
#[cfg(unix)]
mod readme;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod report;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod shell;
#[cfg(test)]
#[cfg(unix)]
mod signals;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
#[cfg(unix)]
mod special_files;
#[cfg(test)]
#[cfg(unix)]
mod status;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod system_limits;
#[cfg(test)]
#[cfg(unix)]
mod terminal;
#[cfg(test)]
#[cfg(unix)]
mod truth;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod walls;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod witness;
