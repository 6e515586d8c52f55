//! Something in the way of a run's files.

use std::process::Command;

use super::sweep::{recovers, stopped};
use crate::support::expected::{self, LIST, List, RUN, World, through};
use crate::support::program::Ended;

fn world() -> World {
    World::new(List::mixed(700, 5, 2), expected::settings(&[]))
}

/// Puts a directory that is not empty where a file of the run is to be.
fn block(world: &World, name: &str) {
    std::fs::create_dir_all(world.dir().join(name).join("something")).unwrap();
}

#[test]
fn a_directory_in_the_place_of_a_report_is_found_before_the_first_call() {
    for name in [
        "results.csv",
        "failed.csv",
        "report.html",
        "summary.json",
        ".results.csv.part",
    ] {
        let world = world();
        block(&world, name);
        let ended = Ended::of(&mut world.run(LIST));
        assert_eq!(ended.code, Some(3), "{name}: {ended:#?}");
        stopped(&world, &ended, true).unwrap_or_else(|why| panic!("{name}: {why}: {ended:#?}"));
        assert_eq!(world.service.stats().batch_calls, 0, "{name}");
        std::fs::remove_dir_all(world.dir().join(name)).unwrap();
        recovers(&world).unwrap();
        // A run that is there is not lost.
        let calls = world.service.stats().batch_calls;
        let path = world.dir().join(name);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
        block(&world, name);
        let again = Ended::of(&mut world.resume());
        assert_eq!(again.code, Some(3), "{name}: {again:#?}");
        assert_eq!(again.resume(), ["resume", RUN]);
        std::fs::remove_dir_all(world.dir().join(name)).unwrap();
        recovers(&world).unwrap();
        let again = world.service.stats().batch_calls;
        assert_eq!(again, calls, "no call is made again");
    }
}

#[test]
fn where_a_run_cannot_be_kept_none_is_begun() {
    for name in ["ledger.db", "owner.lock"] {
        let world = world();
        block(&world, name);
        let ended = Ended::of(&mut world.run(LIST));
        assert_eq!(ended.code, Some(3), "{name}: {ended:#?}");
        stopped(&world, &ended, true).unwrap_or_else(|why| panic!("{name}: {why}: {ended:#?}"));
        assert_eq!(world.service.stats().batch_calls, 0);
        std::fs::remove_dir_all(world.dir()).unwrap();
        recovers(&world).unwrap();
    }
    let world = world();
    std::fs::write(world.dir(), "a file").unwrap();
    let ended = Ended::of(&mut world.run(LIST));
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    stopped(&world, &ended, true).unwrap();
    std::fs::remove_file(world.dir()).unwrap();
    recovers(&world).unwrap();
}

/// The program, with files limited to this many blocks of 512 bytes or 1 KiB; `trap` says what
/// becomes of the signal that comes with it.
fn limited(command: &Command, blocks: u32, trap: &str) -> Command {
    let script = format!("{trap} ulimit -f {blocks}; exec \"$0\" \"$@\"");
    through(&["sh", "-c", &script], command)
}

#[test]
fn a_limit_on_the_size_of_files_loses_nothing() {
    for blocks in [0, 1, 8, 40, 90, 120, 160, 220, 300] {
        let world = world();
        let ended = Ended::of(&mut limited(&world.run(LIST), blocks, "trap '' XFSZ;"));
        stopped(&world, &ended, true).unwrap_or_else(|why| panic!("{blocks}: {why}: {ended:#?}"));
        recovers(&world).unwrap_or_else(|why| panic!("{blocks}: {why}"));
        // The signal ends the program, if it is let: as good as killed.
        let world = self::world();
        let ended = Ended::of(&mut limited(&world.run(LIST), blocks, ""));
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        recovers(&world).unwrap_or_else(|why| panic!("{blocks}: {why}"));
    }
}
