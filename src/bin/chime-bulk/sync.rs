//! `sync`.

use std::io;
use std::path::{Path, PathBuf};

use chime_bulk::job::{self, JobError, Started, SyncConclusion, SyncRequest};
use chime_bulk::report::{DIFF, Diff, MaxRemovals};
use chime_bulk::roster::{Options, Source};

use crate::again::same_command;
use crate::args::{IfExists, SyncArguments};
use crate::exit::Exit;
use crate::run::{request, show_error, show_policy};
use crate::run_output::RunOutput;
use crate::screen::Screen;
use crate::upload::Upload;
use crate::{output, prompt, signals};

/// Synchronizes channels with a list, or shows the difference.
pub(crate) async fn sync(arguments: SyncArguments, screen: &Screen) -> io::Result<Exit> {
    let SyncArguments { choice, run } = arguments;
    let wrong = if run.if_exists != IfExists::Fail {
        let hint = "leave it out: a sync in --run-dir is continued, or followed by the next";
        Some(("--if-exists has no meaning for sync", hint))
    } else if run.shard.is_some() {
        let hint = "leave it out: a sync needs the whole list";
        Some(("--shard has no meaning for sync", hint))
    } else if choice.remove_others && run.roster.limit().is_some() {
        let hint = "leave out --limit, or --remove-others";
        Some((
            "--limit takes a part of the list, so others may be on the rest",
            hint,
        ))
    } else if choice.max_removals.is_some() && !choice.remove_others {
        Some((
            "--max-removals needs --remove-others",
            "pass both, or neither",
        ))
    } else if choice.apply && choice.remove_others {
        let hint = "leave out --remove-others: the difference says who is removed";
        Some(("--apply does what the difference says", hint))
    } else {
        None
    };
    if let Some((what, hint)) = wrong {
        screen.error(&what, Some(hint));
        return Ok(Exit::Usage);
    }
    if (choice.remove_others || choice.apply)
        && !run.dry_run
        && !choice.yes
        && let Err(exit) = prompt::check_terminal("removes members", screen)
    {
        return Ok(exit);
    }
    let run_output = match run.output.open(screen) {
        Ok(output) => output,
        Err(exit) => return Ok(exit),
    };
    let (json, dry_run) = (run.json, run.dry_run);
    let upload = Upload::new(&run.reports_to, &run.aws);
    let mut run = match request(run, screen).await {
        Ok(request) => request,
        Err(exit) => return Ok(exit),
    };
    if choice.apply {
        if run.options != Options::default() || !matches!(run.source, Source::File(_)) {
            let what = "--apply does a diff.csv as it is";
            let hint = "name the file, and leave out the flags about how a list is read";
            screen.error(&what, Some(hint));
            return Ok(Exit::Usage);
        }
        run.options = applied(run.options);
    }
    let dir = run.run_dir.clone();
    let (yes, shown) = (choice.yes, screen.clone());
    let request = SyncRequest {
        confirm: Box::new(move |diff| yes || confirm(diff, &shown)),
        run,
        applies: choice.apply,
        remove_others: choice.remove_others,
        max_removals: choice.max_removals.unwrap_or_default(),
        protect: choice.protect.clone(),
        add_left: choice.add_left,
        dry_run,
    };
    let commands = signals::commands(screen)?;
    let observer = |started: &Started| run_output.observer(started);
    let ended = Box::pin(job::sync(request, observer, commands)).await;
    let (exit, uploaded, begun) = match ended {
        Ok(conclusion) => {
            let exit = conclude(&conclusion, json, &run_output);
            let uploaded = upload
                .reports(&conclusion.dir, conclusion.uploads, exit, screen)
                .await;
            (exit, uploaded, Some(conclusion.dir))
        }
        Err(error) => {
            let exit = failed(&error, dir.as_deref(), screen);
            let is_begun = |dir: &PathBuf| error.leaves_run() && job::holds_run(dir);
            (exit, exit, dir.clone().filter(is_begun))
        }
    };
    if let Some(begun) = begun.filter(|_| exit.is_resumable() && exit != Exit::TooManyFailures) {
        let named = dir.is_none().then_some(begun.as_path());
        screen.print_line(same_command(named));
    }
    Ok(run_output.ended(uploaded))
}

/// Asks whether to make the changes of a difference.
fn confirm(diff: &Diff, screen: &Screen) -> bool {
    let is_yes = prompt::is_confirmed(&format!(
        "add {} and remove {} members (diff.csv lists them)",
        diff.to_add, diff.to_remove
    ));
    if !is_yes {
        screen.note("nothing was added or removed");
    }
    is_yes
}

fn failed(error: &JobError, dir: Option<&Path>, screen: &Screen) -> Exit {
    show_error(error, screen);
    if matches!(error, JobError::RunExists(_)) && dir.is_some() {
        screen.note("a sync needs a directory of its own, or that of the sync before");
    }
    Exit::from(error)
}

/// How a difference is read as a list: who is to be added.
fn applied(options: Options) -> Options {
    Options {
        type_column: Some("type".to_owned()),
        filters: "sign=+".parse().into_iter().collect(),
        allow_empty: true,
        ..options
    }
}

fn conclude(conclusion: &SyncConclusion, json: bool, run_output: &RunOutput) -> Exit {
    let screen = run_output.screen();
    let exit = Exit::from(conclusion.verdict());
    let exit = output::show(&conclusion.summary, json, exit, screen);
    if conclusion.is_compared {
        let report = conclusion.dir.join(DIFF);
        screen.note(format_args!("difference: {}", report.display()));
    }
    if let Some((excess, needed)) = &conclusion.excess {
        let hint = format!(
            "nothing was added or removed; look at {DIFF}, and if it is right pass --max-removals {}",
            MaxRemovals::Count(*needed)
        );
        screen.error(excess, Some(&hint));
    }
    if let Some(reason) = conclusion.reason() {
        screen.error(&reason, conclusion.hint().as_deref());
    }
    show_policy(conclusion.policy(), screen);
    exit
}
