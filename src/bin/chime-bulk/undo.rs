//! `undo`.

use std::io;
use std::path::Path;

use chime_bulk::job::{self, JobError, RunSettings, Started, Target, UndoConclusion, UndoRequest};
use chime_bulk::report::{RemovalChoice, UNDO, UndoPlan, shell_word};

use crate::again::same_command;
use crate::args::UndoArguments;
use crate::exit::Exit;
use crate::run::{show_error, show_policy};
use crate::run_output::RunOutput;
use crate::screen::Screen;
use crate::upload::Upload;
use crate::{output, prompt, signals};

/// Undoes a run, or shows what that would do. Signals are listened for once it is confirmed: until then
/// an interrupt ends the program.
pub(crate) async fn undo(arguments: UndoArguments, screen: &Screen) -> io::Result<Exit> {
    let request = UndoRequest {
        dir: arguments.run_dir.clone(),
        guarded: !arguments.choice.no_guard,
        choice: RemovalChoice {
            channels: arguments.choice.channel.clone(),
            include_in_doubt: arguments.choice.include_in_doubt,
        },
        limits: arguments.limits.with(arguments.failures),
    };
    let plan = match job::plan_undo(&request) {
        Ok(plan) => plan,
        Err(error) => return Ok(report_error(&error, &arguments, screen)),
    };
    if arguments.dry_run {
        return Ok(output::show(&plan, arguments.json, Exit::AllIn, screen));
    }
    if plan.members > 0
        && !arguments.yes
        && let Err(exit) = confirm(&plan, screen)
    {
        return Ok(exit);
    }
    let run_output = match arguments.output.open(screen) {
        Ok(output) => output,
        Err(exit) => return Ok(exit),
    };
    let commands = signals::commands(screen)?;
    let aws = arguments.aws.clone();
    let target = |_: &RunSettings| Target::Aws(aws.into());
    let observer = |started: &Started| run_output.observer(started);
    let ended = Box::pin(job::undo(request, target, observer, commands)).await;
    let exit = Box::pin(conclude(ended, &arguments, &run_output)).await;
    Ok(run_output.ended(exit))
}

/// Asks whether to remove the members. Without a terminal to ask on, the flag is needed.
fn confirm(plan: &UndoPlan, screen: &Screen) -> Result<(), Exit> {
    let members = plan.members_text();
    prompt::check_terminal(&format!("removes {members}"), screen)?;
    if prompt::is_confirmed(&format!("remove {members}")) {
        return Ok(());
    }
    screen.note("nothing was removed");
    Err(Exit::SomeNotIn)
}

async fn conclude(
    ended: Result<UndoConclusion, JobError>,
    arguments: &UndoArguments,
    run_output: &RunOutput,
) -> Exit {
    let screen = run_output.screen();
    let conclusion = match ended {
        Ok(conclusion) => conclusion,
        Err(error) => return report_error(&error, arguments, screen),
    };
    let exit = Exit::from(conclusion.verdict());
    let exit = output::show(&conclusion.summary, arguments.json, exit, screen);
    if let Some(reason) = conclusion.reason() {
        screen.error(&reason, conclusion.hint().as_deref());
    }
    show_policy(conclusion.policy(), screen);
    let report = conclusion.dir.join(UNDO);
    screen.note(format_args!("report: {}", report.display()));
    let upload = Upload::new(&arguments.reports_to, &arguments.aws);
    let uploaded = upload
        .reports(&conclusion.dir, conclusion.uploads, exit, screen)
        .await;
    if exit.is_resumable() {
        continue_line(arguments, screen);
    }
    uploaded
}

fn report_error(error: &JobError, arguments: &UndoArguments, screen: &Screen) -> Exit {
    show_error(error, screen);
    let exit = match error {
        // Not a wrong request: there is no such member.
        JobError::NothingToUndo | JobError::Undone(_) => Exit::SomeNotIn,
        error => Exit::from(error),
    };
    if exit.is_resumable() && error.leaves_run() && job::holds_run(&arguments.run_dir) {
        if arguments.dry_run || matches!(error, JobError::Owned { .. }) {
            // Nothing was begun or confirmed.
            screen.print_line(same_command(None));
        } else {
            continue_line(arguments, screen);
        }
    }
    exit
}

/// The command that continues: the last line of an undo that can be. Its choice of members is in its
/// ledger.
fn continue_line(arguments: &UndoArguments, screen: &Screen) {
    let guard = if arguments.choice.no_guard {
        " --no-guard"
    } else {
        ""
    };
    let dir = shell_word(Path::new(&arguments.run_dir));
    screen.print_line(format_args!("chime-bulk undo {dir}{guard} --yes"));
}
