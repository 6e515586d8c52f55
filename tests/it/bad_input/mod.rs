//! Lists, flags and file names that are wrong or unusual.

mod bad_limits;
mod bad_lists;
mod bad_values;
#[cfg(unix)]
mod foreign_reports;
mod fuzz;
mod legacy_rows;
#[cfg(unix)]
mod odd_names;
#[cfg(unix)]
mod special_files;
