//! The command line of chime-bulk: arguments, progress, exit codes. Everything else is in the
//! library.

mod args;
mod config;
mod exit;
mod explain;
mod limits;
mod log;
mod output;
mod plan;
mod progress;
mod roster;
mod run;
mod runtime;
mod sandbox;
mod schema;
mod screen;
mod shell;
mod signals;
mod status;
mod value;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use args::{Arguments, Subcommand};
use config::ReadError;
use exit::Exit;
use signals::Signals;

/// How long work in progress may take to end.
const SHUTDOWN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => return not_read(error).into(),
    };
    let runtime = match runtime::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&error, error.hint());
            return Exit::Fatal.into();
        }
    };
    let exit = runtime
        .block_on(perform(arguments.command))
        .unwrap_or_else(|error| {
            output::error(&format!("cannot listen for signals: {error}"), None);
            Exit::Fatal
        });
    // Work in progress is dropped here, which ends a process that was asked for credentials.
    // Nothing is waited for longer: a name may be being resolved.
    runtime.shutdown_timeout(SHUTDOWN);
    exit.into()
}

/// The error if no command can be performed.
fn not_read(error: ReadError) -> Exit {
    match error {
        // Help and version come this way too; clap selects their stream.
        ReadError::Clap(error) if !error.use_stderr() => {
            let _ = error.print();
            Exit::AllIn
        }
        ReadError::Clap(error) => {
            output::usage_error(&error);
            Exit::Usage
        }
        ReadError::Shown(text) => {
            output::data(text);
            Exit::AllIn
        }
        ReadError::File { what, hint } => {
            output::error(&what, Some(&hint));
            Exit::Usage
        }
    }
}

async fn perform(command: Subcommand) -> io::Result<Exit> {
    Ok(match command {
        Subcommand::Plan(arguments) => plan::plan(*arguments),
        Subcommand::Run(arguments) => Box::pin(run::run(*arguments, signals::commands()?)).await,
        Subcommand::Resume(arguments) => {
            Box::pin(run::resume(*arguments, signals::commands()?)).await
        }
        Subcommand::Retry(arguments) => {
            Box::pin(run::retry(*arguments, signals::commands()?)).await
        }
        Subcommand::Report(arguments) => run::report(&arguments, &mut signals::commands()?),
        Subcommand::Status(arguments) => status::status(&arguments.run_dir, arguments.json),
        Subcommand::Runs { dir, json } => status::runs(&dir, json),
        Subcommand::Explain { code } => explain::explain(code.as_deref()),
        Subcommand::Schema { output } => schema::schema(output),
        Subcommand::Completions { shell } => shell::completions(shell),
        Subcommand::Man { dir } => shell::man(&dir),
        Subcommand::Sandbox(arguments) => sandbox::serve(*arguments, Signals::listen()?).await,
    })
}
