//! Faults around the program: of the service, the disk, processes and the system.

mod bad_answers;
#[cfg(unix)]
mod credential_process;
#[cfg(target_os = "linux")]
mod damage;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(unix)]
mod kills;
#[cfg(unix)]
mod network_file_system;
#[cfg(target_os = "linux")]
mod system_limits;
