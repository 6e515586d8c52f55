//! Directories and limits that keep a run from writing its files.

use std::process::Command;

use super::sweep::{check_end, check_recovery};
use crate::support::expected::{self, LIST, List, RUN, Testbed};
use crate::support::program::{Output, wrap};

fn testbed() -> Testbed {
    Testbed::new(List::mixed(700, 5, 2), expected::sandbox_config(&[]))
}

/// Creates a directory, which is not empty, with the name of a file of the run.
fn block(testbed: &Testbed, name: &str) {
    std::fs::create_dir_all(testbed.dir().join(name).join("something")).unwrap();
}

#[test]
fn a_directory_with_the_name_of_a_report_is_found_before_the_first_call() {
    for name in [
        "results.csv",
        "failed.csv",
        "report.html",
        "summary.json",
        ".results.csv.part",
    ] {
        let testbed = testbed();
        block(&testbed, name);
        let output = Output::of(&mut testbed.run(LIST));
        assert_eq!(output.code, Some(3), "{name}: {output:#?}");
        check_end(&testbed, &output, true)
            .unwrap_or_else(|why| panic!("{name}: {why}: {output:#?}"));
        assert_eq!(testbed.service.stats().batch_calls, 0, "{name}");
        std::fs::remove_dir_all(testbed.dir().join(name)).unwrap();
        check_recovery(&testbed).unwrap();
        // An existing run is not lost either.
        let calls = testbed.service.stats().batch_calls;
        let path = testbed.dir().join(name);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
        block(&testbed, name);
        let again = Output::of(&mut testbed.resume());
        assert_eq!(again.code, Some(3), "{name}: {again:#?}");
        assert_eq!(again.resume(), ["resume", RUN]);
        std::fs::remove_dir_all(testbed.dir().join(name)).unwrap();
        check_recovery(&testbed).unwrap();
        let again = testbed.service.stats().batch_calls;
        assert_eq!(again, calls, "no call is made again");
    }
}

#[test]
fn a_run_whose_ledger_or_lock_cannot_be_created_makes_no_call() {
    for name in ["ledger.db", "owner.lock"] {
        let testbed = testbed();
        block(&testbed, name);
        let output = Output::of(&mut testbed.run(LIST));
        assert_eq!(output.code, Some(3), "{name}: {output:#?}");
        check_end(&testbed, &output, true)
            .unwrap_or_else(|why| panic!("{name}: {why}: {output:#?}"));
        assert_eq!(testbed.service.stats().batch_calls, 0);
        std::fs::remove_dir_all(testbed.dir()).unwrap();
        check_recovery(&testbed).unwrap();
    }
    let testbed = testbed();
    std::fs::write(testbed.dir(), "a file").unwrap();
    let output = Output::of(&mut testbed.run(LIST));
    assert_eq!(output.code, Some(3), "{output:#?}");
    check_end(&testbed, &output, true).unwrap();
    std::fs::remove_file(testbed.dir()).unwrap();
    check_recovery(&testbed).unwrap();
}

/// A command with files limited to this many blocks of 512 bytes or 1 KiB. `trap` sets how the
/// signal for exceeding the limit is handled.
fn limited(command: &Command, blocks: u32, trap: &str) -> Command {
    let script = format!("{trap} ulimit -f {blocks}; exec \"$0\" \"$@\"");
    wrap(&["sh", "-c", &script], command)
}

#[test]
fn a_limit_on_the_size_of_files_loses_no_row() {
    for blocks in [0, 1, 8, 40, 90, 120, 160, 220, 300] {
        let testbed = testbed();
        let output = Output::of(&mut limited(&testbed.run(LIST), blocks, "trap '' XFSZ;"));
        check_end(&testbed, &output, true)
            .unwrap_or_else(|why| panic!("{blocks}: {why}: {output:#?}"));
        check_recovery(&testbed).unwrap_or_else(|why| panic!("{blocks}: {why}"));
        // Unless it is ignored, the signal kills the program.
        let testbed = self::testbed();
        let output = Output::of(&mut limited(&testbed.run(LIST), blocks, ""));
        assert!(!output.stderr.contains("panicked"), "{output:#?}");
        check_recovery(&testbed).unwrap_or_else(|why| panic!("{blocks}: {why}"));
    }
}
