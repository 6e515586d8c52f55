//! `verify`.

use std::io;

use chime_bulk::job::{self, RunSettings, Started, Target, VerifyConclusion, VerifyRequest};
use chime_bulk::report::VERIFY;

use crate::again::same_command;
use crate::args::VerifyArguments;
use crate::exit::Exit;
use crate::run::{show_error, show_policy};
use crate::run_output::RunOutput;
use crate::screen::{Mode, Screen};
use crate::upload::Upload;
use crate::{output, signals};

/// Verifies runs, or shows what that takes.
pub(crate) async fn verify(arguments: VerifyArguments, screen: &Screen) -> io::Result<Exit> {
    let request = VerifyRequest {
        dirs: arguments.run_dirs.clone(),
        sample: arguments.sample.map(Into::into),
        limits: arguments.limits.into(),
    };
    let plan = match job::plan_verify(&request) {
        Ok(plan) => plan,
        Err(error) => {
            show_error(&error, screen);
            return Ok(Exit::from(&error));
        }
    };
    if arguments.dry_run {
        return Ok(output::show(&plan, arguments.json, Exit::AllIn, screen));
    }
    let run_output = match arguments.output.open(screen) {
        Ok(output) => output,
        Err(exit) => return Ok(exit),
    };
    if screen.mode() != Mode::Json {
        plan.to_string().lines().for_each(|line| screen.note(line));
    }
    let commands = signals::commands(screen)?;
    let aws = arguments.aws.clone();
    let target = |_: &RunSettings| Target::Aws(aws.clone().into());
    let observer = |started: &Started| run_output.observer(started);
    let ended = Box::pin(job::verify(request, target, observer, commands)).await;
    let mut is_written = false;
    let exit = match ended {
        Ok(conclusion) => {
            let exit = conclude(&conclusion, &arguments, &run_output);
            is_written = !exit.is_resumable();
            exit
        }
        Err(error) => {
            show_error(&error, screen);
            Exit::from(&error)
        }
    };
    let mut uploaded = exit;
    if is_written {
        let upload = Upload::new(&arguments.reports_to, &arguments.aws);
        for dir in &arguments.run_dirs {
            uploaded = upload.reports(dir, true, uploaded, screen).await;
        }
    }
    if exit.is_resumable() {
        screen.print_line(same_command(None));
    }
    Ok(run_output.ended(uploaded))
}

fn conclude(
    conclusion: &VerifyConclusion,
    arguments: &VerifyArguments,
    run_output: &RunOutput,
) -> Exit {
    let screen = run_output.screen();
    let exit = Exit::from(conclusion.verdict());
    if exit.is_resumable() {
        if let Some(reason) = conclusion.reason() {
            screen.error(&reason, conclusion.hint().as_deref());
        }
        show_policy(conclusion.policy(), screen);
        return exit;
    }
    let exit = output::show(&conclusion.verification, arguments.json, exit, screen);
    for dir in &arguments.run_dirs {
        screen.note(format_args!("report: {}", dir.join(VERIFY).display()));
    }
    exit
}
