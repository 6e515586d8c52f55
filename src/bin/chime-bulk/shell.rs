//! `completions` and `man`: generated from the arguments.

use std::path::Path;

use clap_complete::Shell;

use crate::args::Arguments;
use crate::exit::Exit;
use crate::output;
use crate::screen::Screen;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell, screen: &Screen) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut Arguments::described(),
        "chime-bulk",
        &mut script,
    );
    output::data(String::from_utf8_lossy(&script), Exit::AllIn, screen)
}

/// Writes a page for the program and for each command.
pub(crate) fn man(dir: &Path, screen: &Screen) -> Exit {
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Arguments::described(), dir));
    match written {
        Ok(()) => Exit::AllIn,
        Err(error) => {
            screen.error(&format!("{}: {error}", dir.display()), None);
            Exit::Fatal
        }
    }
}
