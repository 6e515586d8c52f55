//! `plan`.

use chime_bulk::job::{self, PlanRequest};

use crate::args::PlanArguments;
use crate::exit::Exit;
use crate::{output, run};

pub(crate) fn plan(arguments: PlanArguments) -> Exit {
    let request = PlanRequest {
        source: run::source(&arguments.list),
        options: arguments.roster.into(),
        bearers: arguments.bearers.bearer,
        limits: arguments.limits.into(),
        region: arguments.region,
    };
    let opened = |detected: &str| output::note(format_args!("list: {detected}"));
    let plan = match job::plan(request, opened) {
        Ok(plan) => plan,
        Err(error) => {
            output::error(&error, error.hint().as_deref());
            return Exit::from(&error);
        }
    };
    let exit = if plan.is_valid() {
        Exit::AllIn
    } else {
        Exit::SomeNotIn
    };
    output::show(&plan, arguments.json, exit)
}
