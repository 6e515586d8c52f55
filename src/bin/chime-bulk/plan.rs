//! `plan`. It takes the arguments of `run`, and ignores those that do not matter to a plan.

use std::io;
use std::num::NonZeroU32;

use chime_bulk::job::{self, CheckedPlan, JobError, PlanRequest, Preflight, Started, Target};
use chime_bulk::report::Plan;

use crate::args::{PlanArguments, RunArguments};
use crate::exit::Exit;
use crate::run_output::RunOutput;
use crate::screen::Screen;
use crate::{output, run, signals};

pub(crate) async fn plan(arguments: PlanArguments, screen: &Screen) -> io::Result<Exit> {
    let PlanArguments {
        online,
        shards,
        run: arguments,
    } = arguments;
    if !online {
        return Ok(Box::pin(plan_list(arguments, shards, screen)).await);
    }
    let opened = run::check_output(&arguments, screen)
        .and_then(|()| arguments.output.without_metrics().open(screen));
    let run_output = match opened {
        Ok(run_output) => run_output,
        Err(exit) => return Ok(exit),
    };
    let exit = Box::pin(plan_online(arguments, shards, &run_output)).await?;
    Ok(run_output.ended(exit))
}

/// Plans a list without a call to Chime.
async fn plan_list(arguments: RunArguments, shards: Option<NonZeroU32>, screen: &Screen) -> Exit {
    let json = arguments.json;
    let target = match target(&arguments, screen) {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    let opened = |detected: &str| show_detected(detected, screen);
    let plan = match request(arguments, shards) {
        Ok(request) => Box::pin(job::plan_with_quotas(request, &target, opened)).await,
        Err(error) => Err(error),
    };
    match plan {
        Ok(plan) => show(&plan, json, exit_of(&plan), screen),
        Err(error) => report_error(&error, screen),
    }
}

/// Plans a list and asks about its channels. Signals are listened for once the list is read: until then
/// an interrupt ends the program, which has written nothing.
async fn plan_online(
    arguments: RunArguments,
    shards: Option<NonZeroU32>,
    run_output: &RunOutput,
) -> io::Result<Exit> {
    let (screen, json) = (run_output.screen(), arguments.json);
    let target = match target(&arguments, screen) {
        Ok(target) => target,
        Err(exit) => return Ok(exit),
    };
    let prepared = match request(arguments, shards) {
        Ok(request) => {
            let opened = |detected: &str| show_detected(detected, screen);
            Box::pin(Preflight::prepare(request, target, opened)).await
        }
        Err(error) => Err(error),
    };
    let preflight = match prepared {
        Ok(preflight) => preflight,
        Err(error) => return Ok(report_error(&error, screen)),
    };
    let commands = signals::commands(screen)?;
    let observer = |started: &Started| run_output.observer(started);
    Ok(match Box::pin(preflight.check(observer, commands)).await {
        Ok(checked) => conclude(&checked, json, screen),
        Err(error) => report_error(&error, screen),
    })
}

/// The service that a plan asks, if it asks any.
fn target(arguments: &RunArguments, screen: &Screen) -> Result<Target, Exit> {
    if arguments.sandbox {
        run::in_process(&arguments.shape, screen)
    } else {
        Ok(Target::Aws(arguments.aws.clone().into()))
    }
}

/// Shows a plan, after why quotas are not those of the account.
fn show(plan: &Plan, json: bool, exit: Exit, screen: &Screen) -> Exit {
    for warning in &plan.quota_warnings {
        screen.note(format_args!("warning: {warning}"));
    }
    output::show(plan, json, exit, screen)
}

fn conclude(checked: &CheckedPlan, json: bool, screen: &Screen) -> Exit {
    let exit = Exit::from(checked.verdict());
    let exit = show(&checked.plan, json, exit, screen);
    if let Some(reason) = checked.reason() {
        screen.error(&reason, checked.hint().as_deref());
    }
    run::show_policy(checked.policy(), screen);
    exit
}

fn request(arguments: RunArguments, shards: Option<NonZeroU32>) -> Result<PlanRequest, JobError> {
    Ok(PlanRequest {
        source: job::source(&arguments.list, arguments.aws.profile.as_deref())?,
        options: arguments.roster.into(),
        bearers: arguments.bearers.try_into()?,
        limits: arguments.limits.with(arguments.failures),
        aws: arguments.aws.into(),
        sandbox: arguments.sandbox,
        skip_existing: arguments.skip_existing.into(),
        shard: arguments.shard,
        shards,
    })
}

fn show_detected(detected: &str, screen: &Screen) {
    screen.note(format_args!("list: {detected}"));
}

fn exit_of(plan: &Plan) -> Exit {
    if plan.is_ready() {
        Exit::AllIn
    } else {
        Exit::SomeNotIn
    }
}

fn report_error(error: &JobError, screen: &Screen) -> Exit {
    run::show_error(error, screen);
    Exit::from(error)
}
