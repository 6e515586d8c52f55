//! `merge`.

use std::path::Path;

use chime_bulk::engine::Command;
use chime_bulk::job::{self, Merged};
use chime_bulk::private_file;
use tokio::sync::mpsc::Receiver;

use crate::args::MergeArguments;
use crate::exit::Exit;
use crate::output;
use crate::run::{reports_are_in, resume_line, show_error};
use crate::screen::Screen;
use crate::upload::Upload;

/// Merges the shards of a job.
pub(crate) async fn merge(
    arguments: &MergeArguments,
    screen: &Screen,
    mut commands: Receiver<Command>,
) -> Exit {
    // Each shard takes four.
    private_file::raise_limit();
    match job::merge(&arguments.dir, arguments.partial, &mut commands) {
        Ok(merged) => conclude(&merged, arguments, screen).await,
        Err(error) => {
            show_error(&error, screen);
            Exit::from(&error)
        }
    }
}

async fn conclude(merged: &Merged, arguments: &MergeArguments, screen: &Screen) -> Exit {
    let ends = merged.shards.iter();
    let ends: Vec<(&Path, Exit)> = ends
        .map(|(dir, verdict)| (dir.as_path(), Exit::from(*verdict)))
        .collect();
    let worst = ends
        .iter()
        .map(|(_, exit)| *exit)
        .max_by_key(|exit| exit.code());
    let exit = match worst {
        _ if !merged.missing.is_empty() => Exit::SomeNotIn,
        Some(exit) => exit,
        None => Exit::AllIn,
    };
    let exit = output::show(&merged.summary, arguments.json, exit, screen);
    if !merged.missing.is_empty() {
        let numbers = merged.missing.iter().map(u32::to_string);
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        screen.note(format_args!(
            "left out: the rows of shard {numbers} count as elsewhere"
        ));
    }
    reports_are_in(&arguments.dir, &merged.summary, screen);
    // To where the reports of the shards went, unless it was given to none of them.
    let upload = Upload {
        to: None,
        profile: None,
    };
    let exit = Box::pin(upload.reports(&arguments.dir, merged.uploads, exit, screen)).await;
    for (dir, _) in ends.iter().filter(|(_, exit)| exit.is_resumable()) {
        resume_line(dir, screen);
    }
    exit
}
