//! Signals at every stage of a run: the first ends it in order, the second at once, more do no
//! harm; and the run is resumed afterwards.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use chime_bulk::model::Outcome;
use chime_bulk::sandbox::{SandboxConfig, Scripted};

use crate::support::expected::{self, LIST, List, RUN, World};
use crate::support::program::{Ended, Running};

/// Waits for something that a run does before it ends.
fn until(running: &mut Running, happens: impl Fn() -> bool) {
    while !happens() {
        assert!(running.is_alive(), "it ended by itself");
        std::thread::yield_now();
    }
}

/// It was interrupted, says nothing false, and says how to go on.
fn interrupted(world: &World, ended: &Ended) {
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert_eq!(ended.resume(), ["resume", RUN]);
    expected::unfinished(world, &world.dir()).unwrap_or_else(|why| panic!("{why}: {ended:#?}"));
}

/// Goes on to the end.
fn goes_on(world: &World) {
    let mut command = world.resume();
    command.stdin(std::fs::File::open(world.place.path(LIST)).unwrap());
    let ended = Ended::of(&mut command);
    expected::finished(world, &world.dir(), ended.code)
        .unwrap_or_else(|why| panic!("{why}: {ended:#?}"));
}

#[test]
fn while_the_list_is_read_from_a_pipe() {
    for name in ["INT", "TERM", "HUP"] {
        let world = World::new(List::mixed(5_000, 5, 3), expected::settings(&[]));
        let mut command = world.run("-");
        command.stdin(Stdio::piped());
        let mut running = Running::start(&mut command);
        // The pipe stays open: the rest of the list may come at any time.
        let mut pipe = running.stdin();
        let text = world.list.text();
        pipe.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
        until(&mut running, || world.service.stats().batch_calls > 0);
        running.signal(&[name]);
        interrupted(&world, &running.end());
        drop(pipe);
        goes_on(&world);
    }
}

/// A run with calls in flight that are answered late.
fn calling(latency: Duration) -> (World, Running) {
    let settings = SandboxConfig {
        latency,
        ..expected::settings(&[])
    };
    let world = World::new(List::mixed(2_000, 5, 4), settings);
    let mut command = world.run(LIST);
    let mut running = Running::start(command.env("CHIME_BULK_MAX_IN_FLIGHT", "4"));
    until(&mut running, || world.service.stats().batch_calls > 4);
    (world, running)
}

#[test]
fn while_calls_are_in_flight() {
    for name in ["INT", "TERM"] {
        let (world, running) = calling(Duration::from_millis(100));
        running.signal(&[name]);
        interrupted(&world, &running.end());
        let summary = world.place.summary(RUN);
        assert_eq!(summary.unconfirmed, 0, "all were awaited: {summary:#?}");
        assert!(summary.not_attempted > 0, "no more was begun: {summary:#?}");
        goes_on(&world);
    }
}

#[test]
fn more_than_one_while_calls_are_in_flight() {
    for names in [["INT", "TERM", "INT"], ["TERM", "INT", "HUP"]] {
        let (world, running) = calling(Duration::from_millis(300));
        // All there are, before it can do anything.
        running.signal(&["STOP", names[0], names[1], names[2], "CONT"]);
        let ended = running.end();
        assert!(ended.stderr.contains("stopping now"), "{ended:#?}");
        interrupted(&world, &ended);
        let summary = world.place.summary(RUN);
        assert!(summary.unconfirmed > 0, "none was awaited: {summary:#?}");
        goes_on(&world);
    }
}

#[test]
fn while_an_outage_is_waited_out() {
    let world = World::new(List::mixed(2_000, 5, 5), expected::settings(&[]));
    let down = || Scripted::Refuse {
        status: 503,
        exception: "ServiceUnavailableException".into(),
        message: "down".into(),
    };
    world.service.script((0..4).map(|_| vec![down()]));
    let mut command = world.run(LIST);
    let mut running = Running::start(command.env("CHIME_BULK_MAX_IN_FLIGHT", "4"));
    until(&mut running, || world.service.stats().refused_calls == 4);
    running.signal(&["TERM"]);
    interrupted(&world, &running.end());
    // The service may be back before the signal is heard; but nobody failed by its absence.
    let results = world.place.results(RUN);
    let mut failed = results.iter().filter(|row| &row[4] == "failed");
    let by_outage = failed.find(|row| !row[5].starts_with("NotFound"));
    assert_eq!(by_outage, None);
    goes_on(&world);
}

/// A run that stands still while its reports are written; none if it was too fast.
fn reporting(list: &List) -> Option<(World, Running)> {
    let world = World::new(list.clone(), expected::settings(&[]));
    let mut running = Running::start(&mut world.run(LIST));
    let part = world.dir().join(".results.csv.part");
    while !part.exists() {
        if !running.is_alive() {
            return None;
        }
    }
    running.signal(&["STOP"]);
    part.exists().then_some((world, running))
}

#[test]
fn while_reports_are_written() {
    let list = List::good(12_000, 3);
    for (names, code) in [(&["INT"][..], 0), (&["INT", "TERM", "HUP"], 130)] {
        let mut charged_attempts = (0..100).map(|_| reporting(&list));
        let (world, running) = charged_attempts.find_map(|run| run).unwrap();
        running.signal(&[names, &["CONT"]].concat());
        let ended = running.end();
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        if code == 130 {
            assert_eq!(ended.resume(), ["resume", RUN]);
            let left = expected::names(&world.dir());
            assert_eq!(left, ["ledger.db", "owner.lock"], "nothing half-written");
        }
        let calls = world.service.stats().batch_calls;
        goes_on(&world);
        assert_eq!(world.service.stats().batch_calls, calls);
        assert_eq!(world.place.summary(RUN).tally().of(Outcome::Added), 12_000);
    }
}
