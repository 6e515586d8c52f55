//! Lists with a known outcome for each row, the testbed that imports them, and checks of what a
//! run leaves behind.

mod checks;
mod list;
mod testbed;

pub(crate) use checks::{
    Check, check_complete_files, check_finished, check_no_extra_members, check_outcomes,
    check_results, check_unfinished,
};
pub(crate) use list::{Line, List};
pub(crate) use testbed::{JOB, LIST, RUN, Testbed, copy, names, sandbox_config};
