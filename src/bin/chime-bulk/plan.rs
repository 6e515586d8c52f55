//! `plan`. It takes the arguments of `run`, and ignores those that do not matter to a plan.

use chime_bulk::job::{self, JobError, PlanRequest};
use chime_bulk::report::Plan;

use crate::args::RunArguments;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::{output, run};

pub(crate) fn plan(arguments: RunArguments, screen: &Screen) -> Exit {
    let json = arguments.json;
    let plan = match make_plan(arguments, screen) {
        Ok(plan) => plan,
        Err(error) => {
            run::show_error(&error, screen);
            return Exit::from(&error);
        }
    };
    let exit = if plan.is_ready() {
        Exit::AllIn
    } else {
        Exit::SomeNotIn
    };
    output::show(&plan, json, exit, screen)
}

fn make_plan(arguments: RunArguments, screen: &Screen) -> Result<Plan, JobError> {
    let request = PlanRequest {
        source: run::source(&arguments.list),
        options: arguments.roster.into(),
        bearers: arguments.bearers.try_into()?,
        limits: arguments.limits.into(),
        aws: arguments.aws.into(),
        sandbox: arguments.sandbox,
        skip_existing: arguments.skip_existing.into(),
    };
    job::plan(request, |detected| {
        screen.note(format_args!("list: {detected}"));
    })
}
