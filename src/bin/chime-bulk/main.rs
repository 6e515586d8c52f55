//! The command line of chime-bulk: arguments, progress, exit codes. Everything else is in the
//! library.

mod again;
mod args;
mod config;
mod dry_run;
mod exit;
mod explain;
mod limits;
mod line;
mod log;
mod merge;
mod metrics;
mod output;
mod plan;
mod progress;
mod prompt;
mod roster;
mod run;
mod run_output;
mod runtime;
mod sandbox;
mod schema;
mod screen;
mod shell;
mod signals;
mod status;
mod sync;
mod undo;
mod upload;
mod value;
mod verify;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use args::{Arguments, Subcommand};
use config::{NotRead, Places, ReadError};
use exit::Exit;
use screen::Screen;
use signals::Signals;

/// How long work in progress may take to end.
const SHUTDOWN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let (arguments, places) = match Arguments::read() {
        Ok(read) => read,
        Err(error) => return not_read(error).into(),
    };
    let screen = Screen::new(arguments.command.progress(), places);
    warn(&screen);
    if let Some(file_system) = arguments.command.file_system() {
        chime_bulk::file_system::assume(file_system);
    }
    let runtime = match runtime::runtime(&screen) {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.error(&error, error.hint());
            return Exit::Fatal.into();
        }
    };
    let exit = runtime
        .block_on(perform(arguments.command, &screen))
        .unwrap_or_else(|error| {
            screen.error(&format!("cannot listen for signals: {error}"), None);
            Exit::Fatal
        });
    // Work in progress is dropped here, which ends a process that was asked for credentials.
    // Nothing is waited for longer: a name may be being resolved.
    runtime.shutdown_timeout(SHUTDOWN);
    exit.into()
}

/// Warns of variables that have no effect.
fn warn(screen: &Screen) {
    for warning in config::warnings(&Arguments::described()) {
        screen.note(warning);
    }
}

/// The error if no command can be performed.
fn not_read(NotRead { error, mode }: NotRead) -> Exit {
    let screen = Screen::new(mode, Places::default());
    if !matches!(&error, ReadError::Clap(error) if !error.use_stderr()) {
        warn(&screen);
    }
    match error {
        // Help and version come this way too; clap selects their stream.
        ReadError::Clap(error) if !error.use_stderr() => {
            let _ = error.print();
            Exit::AllIn
        }
        ReadError::Clap(error) => {
            screen.usage_error(&error);
            Exit::Usage
        }
        ReadError::Shown(text) => {
            output::text(text);
            Exit::AllIn
        }
        ReadError::File { what, hint } => {
            screen.error(&what, Some(&hint));
            Exit::Usage
        }
    }
}

async fn perform(command: Subcommand, screen: &Screen) -> io::Result<Exit> {
    Ok(match command {
        Subcommand::Plan(arguments) => Box::pin(plan::plan(*arguments, screen)).await?,
        Subcommand::Run(arguments) => {
            Box::pin(run::run(*arguments, screen, signals::commands(screen)?)).await
        }
        Subcommand::Resume(arguments) => {
            Box::pin(run::resume(*arguments, screen, signals::commands(screen)?)).await
        }
        Subcommand::Retry(arguments) => {
            Box::pin(run::retry(*arguments, screen, signals::commands(screen)?)).await
        }
        Subcommand::Undo(arguments) => Box::pin(undo::undo(*arguments, screen)).await?,
        Subcommand::Sync(arguments) => Box::pin(sync::sync(*arguments, screen)).await?,
        Subcommand::Verify(arguments) => Box::pin(verify::verify(*arguments, screen)).await?,
        Subcommand::Report(arguments) => {
            Box::pin(run::report(*arguments, screen, signals::commands(screen)?)).await
        }
        Subcommand::Merge(arguments) => {
            Box::pin(merge::merge(&arguments, screen, signals::commands(screen)?)).await
        }
        Subcommand::Status(arguments) => status::status(&arguments.run_dir, arguments.json, screen),
        Subcommand::Runs { dir, json, .. } => status::runs(&dir, json, screen),
        Subcommand::Explain { code } => explain::explain(code.as_deref(), screen),
        Subcommand::Schema { output } => schema::schema(output, screen),
        Subcommand::Completions { shell } => shell::completions(shell, screen),
        Subcommand::Man { dir } => shell::man(&dir, screen),
        Subcommand::Sandbox(arguments) => {
            sandbox::serve(*arguments, screen, Signals::listen()?).await
        }
    })
}
