use chime_bulk::engine::OpenChannel;
use chime_bulk::model::LimitShare;
use chime_bulk::roster::ListNotes;

use super::*;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn started() -> Started {
    Started {
        run_id: "run".to_owned(),
        dir: "runs/run".into(),
        detected: "a list".to_owned(),
        limits: Limits::of_region("us-east-1"),
        bearers: 1,
        shard: None,
        share: LimitShare::default(),
        service: "sandbox".to_owned(),
        address: None,
        staged: chime_bulk::ledger::Staged::default(),
        settled_before: 0,
        changed_list: None,
        taken_over: None,
        quotas: None,
        quota_warnings: Vec::new(),
        task: chime_bulk::engine::Task::Add,
        part_of: None,
    }
}

pub(crate) fn complete(rows_read: u64) -> Event {
    Event::ListComplete {
        rows_read,
        invalid: 3,
        duplicate: 2,
        notes: ListNotes::default(),
    }
}

pub(crate) fn settled(
    refusal: Option<RefusalKind>,
    added: u64,
    failed: &[(&str, u64)],
    outage: bool,
) -> Event {
    let mut tally = Tally::default();
    tally.add(Outcome::Added, added);
    tally.add(Outcome::Failed, failed.iter().map(|(_, rows)| rows).sum());
    Event::CallSettled {
        call: 1,
        refusal,
        code: refusal.map(|_| "ThrottledClientException".to_owned()),
        reason: refusal.map(|_| "more calls than AWS allows".to_owned()),
        settled: tally,
        failed: failed.iter().map(|(c, n)| ((*c).to_owned(), *n)).collect(),
        again: 0,
        waiting: 7,
        round_trip: Duration::from_millis(60),
        in_flight: 4,
        outage,
    }
}

pub(crate) fn sent() -> Event {
    Event::CallSent {
        call: 1,
        members: 100,
        in_flight: 5,
    }
}

pub(crate) fn standing(open: usize, calls_left: u64, largest: u64) -> Event {
    Event::Standing(Standing {
        open,
        cooling: 0,
        calls_left,
        largest: vec![OpenChannel {
            id: "general".to_owned(),
            members_left: largest * 100,
            calls_left: largest,
        }],
    })
}

#[test]
fn states_follow_what_happens() {
    let mut counts = Counts::new(&started());
    let mut after = |event: &Event, at: u32| {
        counts.apply(event, SECOND * at);
        counts.view(SECOND * at).state
    };
    assert_eq!(after(&sent(), 0), State::Reading);
    assert_eq!(after(&complete(100), 1), State::Calling);
    let throttled = settled(Some(RefusalKind::Throttled), 0, &[], false);
    assert_eq!(after(&throttled, 2), State::CoolDown);
    assert_eq!(after(&sent(), 4), State::CoolDown);
    assert_eq!(after(&sent(), 5), State::Calling);
    let down = settled(Some(RefusalKind::ServiceUnavailable), 0, &[], true);
    assert_eq!(after(&down, 6), State::Outage);
    let locked = settled(Some(RefusalKind::Credentials), 0, &[], true);
    assert_eq!(after(&locked, 7), State::Credentials);
    assert_eq!(after(&settled(None, 5, &[], false), 8), State::Calling);
    assert_eq!(after(&Event::Draining { in_flight: 2 }, 9), State::Draining);
}

#[test]
fn rows_and_codes_are_counted() {
    let mut counts = Counts::new(&started());
    counts.apply(&complete(1_005), SECOND);
    counts.apply(&settled(None, 90, &[("NotFound", 2)], false), SECOND);
    let others = [("Forbidden", 5), ("NotFound", 1), ("user 4711", 1)];
    counts.apply(&settled(None, 1, &others, false), SECOND);
    let view = counts.view(SECOND);
    assert_eq!((view.done, view.to_send), (100, 1_000));
    assert_eq!((view.retrying, view.in_flight), (7, 4));
    let failed = [("Forbidden", 5), ("NotFound", 3), ("other", 1)];
    assert_eq!(view.failed, failed.map(|(c, n)| (c.to_owned(), n)));
}

#[test]
fn codes_without_end_are_not_kept() {
    let mut counts = Counts::new(&started());
    for n in 0..100_u8 {
        let letters = [b'a' + n / 26, b'a' + n % 26];
        counts.fail(std::str::from_utf8(&letters).unwrap(), 1);
    }
    assert_eq!(counts.failed.len(), MOST_CODES + 1);
    assert_eq!(counts.failed.values().sum::<u64>(), 100);
}

#[test]
fn time_left_is_never_less_than_the_bound() {
    let mut counts = Counts::new(&started());
    counts.apply(&complete(100_000), Duration::ZERO);
    for call in 0..100 {
        counts.apply(&sent(), SECOND / 10 * call);
    }
    let mut left = |open, calls, largest| {
        counts.apply(&standing(open, calls, largest), SECOND * 10);
        counts.view(SECOND * 10).left.map(|left| left.as_secs())
    };
    // The largest channel binds; then the bearer; then the rate seen, 10 calls/s.
    assert_eq!(left(20, 200, 90), Some(90));
    assert_eq!(left(20, 500, 25), Some(50));
    assert_eq!(left(4, 8, 2), Some(2));
}

#[test]
fn the_rate_is_that_of_the_last_seconds_and_falls_when_nothing_happens() {
    let mut counts = Counts::new(&started());
    for call in 0..200 {
        counts.apply(&sent(), SECOND / 10 * call);
    }
    let rate = counts.view(SECOND * 20).rate;
    assert!((9.5..10.5).contains(&rate), "{rate}");
    for second in 21..40 {
        counts.view(SECOND * second);
    }
    let rate = counts.view(SECOND * 40).rate;
    assert!(rate < 0.01, "{rate}");
    assert!(counts.recent.len() < 50);
}

#[test]
fn the_limit_in_force_is_the_lowest() {
    let mut counts = Counts::new(&started());
    let mut limit = |open| {
        counts.apply(&standing(open, 50, 9), SECOND);
        counts.view(SECOND).limit
    };
    let of = [0, 3, 48].map(|open| limit(open).to_string());
    assert_eq!(of, ["10", "3", "10"]);
}
