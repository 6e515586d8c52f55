//! Questions to the user, on a terminal.

use std::io::{self, IsTerminal, Write};

use crate::exit::Exit;
use crate::screen::Screen;

/// Checks that there is a terminal to ask on whether to do this.
pub(crate) fn check_terminal(what: &str, screen: &Screen) -> Result<(), Exit> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return Ok(());
    }
    let what = format!("this {what}, and there is no terminal to confirm it on");
    screen.error(&what, Some("pass --yes, or --dry-run to look first"));
    Err(Exit::Usage)
}

/// Asks whether to do this. Anything but yes means no.
pub(crate) fn is_confirmed(what: &str) -> bool {
    // If the question cannot be written, nobody reads it: the answer decides all the same.
    let _ = write!(io::stderr(), "{what}? [y/N] ");
    let mut answer = String::new();
    let is_read = io::stdin().read_line(&mut answer).is_ok();
    is_read && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}
