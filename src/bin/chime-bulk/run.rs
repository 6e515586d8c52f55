//! `run`, `resume`, `retry` and `report`.

use std::path::Path;
use std::time::Duration;

use chime_bulk::engine::Command;
use chime_bulk::job::{self, Conclusion, JobError, Request, RunVerdict, Started, Target};
use chime_bulk::model::RunState;
use chime_bulk::report::{FAILED, PAGE, RESULTS, Summary, edit_text, shell_word};
use tokio::sync::mpsc::Receiver;

use crate::args::{IfExists, ReportArguments, ResumeArguments, RetryArguments, RunArguments};
use crate::exit::Exit;
use crate::run_output::RunOutput;
use crate::sandbox::SandboxShape;
use crate::screen::Screen;
use crate::upload::Upload;
use crate::{dry_run, output, sandbox};

/// Round trip of the in-process sandbox where none is asked for: about that of the real service.
const USUAL_LATENCY: Duration = Duration::from_millis(60);

pub(crate) async fn run(
    arguments: RunArguments,
    screen: &Screen,
    commands: Receiver<Command>,
) -> Exit {
    if arguments.dry_run {
        return dry_run::refuse(screen);
    }
    if let Err(exit) = check_output(&arguments, screen) {
        return exit;
    }
    match arguments.output.open(screen) {
        Ok(output) => {
            let exit = begin(arguments, &output, commands).await;
            output.ended(exit)
        }
        Err(exit) => exit,
    }
}

/// Refuses to write to the list.
pub(crate) fn check_output(arguments: &RunArguments, screen: &Screen) -> Result<(), Exit> {
    let flag = if arguments.output.logs_to(&arguments.list) {
        "--log-file"
    } else if arguments.output.metrics.write_to(&arguments.list) {
        "--metrics-file"
    } else {
        return Ok(());
    };
    let hint = format!("name another with {flag}");
    screen.error(&format!("{flag} is the list"), Some(&hint));
    Err(Exit::Usage)
}

async fn begin(
    arguments: RunArguments,
    run_output: &RunOutput,
    commands: Receiver<Command>,
) -> Exit {
    let screen = run_output.screen();
    if arguments.if_exists != IfExists::Fail && arguments.run_dir.is_none() {
        screen.error(
            &"--if-exists needs --run-dir",
            Some("pass --run-dir DIR: a directory of its own for the job"),
        );
        return Exit::Usage;
    }
    if arguments.shard.is_some() {
        let wrong = match (&arguments.run_dir, arguments.if_exists) {
            (None, _) => Some((
                "--shard needs --run-dir",
                "pass --run-dir DIR: the directory of the job, the same for all shards",
            )),
            (_, IfExists::New) => Some((
                "--if-exists new has no meaning for a shard",
                "pass --if-exists resume, or another --run-dir for another job",
            )),
            _ => None,
        };
        if let Some((what, hint)) = wrong {
            screen.error(&what, Some(hint));
            return Exit::Usage;
        }
    }
    let (if_exists, json) = (arguments.if_exists.into(), arguments.json);
    let upload = Upload::new(&arguments.reports_to, &arguments.aws);
    let request = match request(arguments, screen).await {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    let mut dir = request.run_dir.clone();
    let mut is_begun = false;
    let begun = |started: &Started| {
        dir = Some(started.dir.clone());
        is_begun = true;
        run_output.observer(started)
    };
    let ended = Box::pin(job::run_or_resume(request, if_exists, begun, commands)).await;
    if ended.is_ok() && !is_begun {
        screen.note("this run is finished already: nothing was done");
    }
    Box::pin(conclude(ended, dir.as_deref(), json, &upload, screen)).await
}

/// The request of a run with these arguments.
pub(crate) async fn request(arguments: RunArguments, screen: &Screen) -> Result<Request, Exit> {
    let profile = arguments.aws.profile.clone();
    let target = if arguments.sandbox {
        in_process(&arguments.shape, screen)?
    } else {
        Target::Aws(arguments.aws.into())
    };
    let failed = |error: JobError| report_error(&error, None, screen);
    // First: with the wrong profile, a run may have the wrong account.
    target.check_profile().await.map_err(failed)?;
    Ok(Request {
        source: job::source(&arguments.list, profile.as_deref()).map_err(failed)?,
        options: arguments.roster.into(),
        run_dir: match (arguments.run_dir, arguments.shard) {
            (Some(job), Some(shard)) => Some(job::shard_directory(&job, shard)),
            (dir, _) => dir,
        },
        target,
        bearers: arguments.bearers.try_into().map_err(failed)?,
        limits: arguments.limits.with(arguments.failures),
        skip_existing: arguments.skip_existing.into(),
        shard: arguments.shard,
        reports_to: arguments.reports_to.reports_to,
    })
}

pub(crate) async fn resume(
    arguments: ResumeArguments,
    screen: &Screen,
    commands: Receiver<Command>,
) -> Exit {
    continue_run(arguments, None, screen, commands).await
}

pub(crate) async fn retry(
    arguments: RetryArguments,
    screen: &Screen,
    commands: Receiver<Command>,
) -> Exit {
    let RetryArguments { codes, resume } = arguments;
    continue_run(resume, Some(codes), screen, commands).await
}

/// Goes on with a run, or with what failed in it: all, or what failed with one of these codes.
async fn continue_run(
    arguments: ResumeArguments,
    retried: Option<Vec<String>>,
    screen: &Screen,
    commands: Receiver<Command>,
) -> Exit {
    match arguments.output.open(screen) {
        Ok(output) => {
            let exit = continue_shown(arguments, retried, &output, commands).await;
            output.ended(exit)
        }
        Err(exit) => exit,
    }
}

async fn continue_shown(
    arguments: ResumeArguments,
    retried: Option<Vec<String>>,
    run_output: &RunOutput,
    commands: Receiver<Command>,
) -> Exit {
    let screen = run_output.screen();
    let upload = Upload::new(&arguments.reports_to, &arguments.aws);
    let shape = match in_process(&arguments.shape, screen) {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    let target = |settings: &job::RunSettings| {
        if settings.sandbox {
            screen.note(
                "note: a rehearsal goes on against a new sandbox: it has only the faults that are given now",
            );
            shape
        } else {
            Target::Aws(arguments.aws.into())
        }
    };
    let dir = &arguments.run_dir;
    if let Some(to) = &upload.to
        && let Err(error) = job::set_reports_to(dir, to)
    {
        return report_error(&error, Some(dir), screen);
    }
    let limits = arguments.limits.with(arguments.failures);
    let observer = |started: &Started| run_output.observer(started);
    let ended = match retried {
        Some(codes) => Box::pin(job::retry(dir, &codes, target, limits, observer, commands)).await,
        None => Box::pin(job::resume(dir, target, limits, observer, commands)).await,
    };
    Box::pin(conclude(ended, Some(dir), arguments.json, &upload, screen)).await
}

pub(crate) fn in_process(shape: &SandboxShape, screen: &Screen) -> Result<Target, Exit> {
    let service = sandbox::service(shape, USUAL_LATENCY)
        .map_err(|error| report_error(&error, None, screen))?;
    Ok(Target::Sandbox(service))
}

async fn conclude(
    ended: Result<Conclusion, JobError>,
    dir: Option<&Path>,
    json: bool,
    upload: &Upload,
    screen: &Screen,
) -> Exit {
    let conclusion = match ended {
        Ok(conclusion) => conclusion,
        Err(error) => return report_error(&error, dir, screen),
    };
    let verdict = conclusion.verdict();
    let exit = output::show(&conclusion.summary, json, Exit::from(verdict), screen);
    if let Some(reason) = conclusion.reason() {
        screen.error(&reason, conclusion.hint().as_deref());
    }
    show_policy(conclusion.policy(), screen);
    if verdict == RunVerdict::Miscounted {
        screen.error(
            &"the outcomes do not add up to the rows read: do not rely on these reports",
            Some("please report this as a fault, with summary.json"),
        );
    }
    reports_are_in(&conclusion.dir, &conclusion.summary, screen);
    let uploaded = upload
        .reports(&conclusion.dir, conclusion.uploads, exit, screen)
        .await;
    if exit.is_resumable() {
        resume_line(&conclusion.dir, screen);
    }
    uploaded
}

/// Prints the IAM policy statement that a command needs, if it was denied.
pub(crate) fn show_policy(policy: Option<String>, screen: &Screen) {
    if let Some(policy) = policy {
        screen.note("the policy statement:");
        policy.lines().for_each(|line| screen.note(line));
    }
}

/// Writes the reports of a run again.
pub(crate) async fn report(
    arguments: ReportArguments,
    screen: &Screen,
    mut commands: Receiver<Command>,
) -> Exit {
    let ReportArguments {
        status: arguments,
        to,
        profile,
    } = arguments;
    let dir = &arguments.run_dir;
    match job::report(dir, &mut commands) {
        Ok(summary) => {
            let exit = if summary.is_all_in() {
                Exit::AllIn
            } else {
                Exit::SomeNotIn
            };
            let exit = output::show(&summary, arguments.json, exit, screen);
            reports_are_in(dir, &summary, screen);
            Upload { to, profile }
                .reports(dir, true, exit, screen)
                .await
        }
        Err(error) => report_error(&error, Some(dir), screen),
    }
}

/// Where the reports are, and what can follow: an edit, or a command and the least that it takes.
pub(crate) fn reports_are_in(dir: &Path, summary: &Summary, screen: &Screen) {
    let page = dir.join(PAGE);
    screen.note(format_args!("reports: {} and {RESULTS}", page.display()));
    if summary.state == RunState::Finished && summary.rows_to_edit > 0 {
        let failed = shell_word(&dir.join(FAILED));
        screen.note(format_args!("{}", edit_text(&failed, summary.rows_to_edit)));
    }
    if let Some(rest) = summary.bound_of_rest()
        && (summary.state != RunState::Finished || summary.can_be_retried())
    {
        screen.note(format_args!("still needed: {rest}"));
    }
    if summary.can_be_retried() {
        screen.note(format_args!("next: chime-bulk retry {}", shell_word(dir)));
    } else if summary.state == RunState::Finished && !summary.rehearsal && summary.added > 0 {
        let dir = shell_word(dir);
        screen.note(format_args!(
            "to check it: chime-bulk verify {dir}; to take it back: chime-bulk undo {dir}"
        ));
    }
}

/// Prints the error of a job.
pub(crate) fn show_error(error: &JobError, screen: &Screen) {
    screen.error_of_flag(error.flag(), error, error.hint().as_deref());
}

fn report_error(error: &JobError, dir: Option<&Path>, screen: &Screen) -> Exit {
    show_error(error, screen);
    let exit = Exit::from(error);
    if let Some(dir) =
        dir.filter(|dir| exit.is_resumable() && error.leaves_run() && job::holds_run(dir))
    {
        resume_line(dir, screen);
    }
    exit
}

/// The command that resumes: the last line of a run that can be.
pub(crate) fn resume_line(dir: &Path, screen: &Screen) {
    screen.print_line(format_args!("chime-bulk resume {}", shell_word(dir)));
}
