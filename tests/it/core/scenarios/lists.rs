//! Repeated, defective and changed lists.

use std::time::Duration;

use chime_bulk::engine::{Command, Ending, ListError};
use chime_bulk::model::Outcome;

use super::{SECOND, many_channels};
use crate::support::harness::{Cut, Harness, Pace, list, one_channel};

#[tokio::test(start_paused = true)]
async fn a_changed_list_is_refused_and_the_right_one_taken_later() {
    for pace in [Pace::Inline, Pace::Slow(SECOND), Pace::Ahead] {
        let right = one_channel(9_000);
        let mut run = Harness::new(right.clone()).pace(Pace::Slow(SECOND));
        let cut = Cut::Command(Command::Drain);
        run.run_until(Duration::from_millis(2_500), cut).await;
        let sent = run.seen().len();
        run.pace = pace;
        run.list = right
            .replace(",u100\n", ",v100\n")
            .replace(",u5000\n", ",v5000\n");
        let ended = run
            .run_until(Duration::from_secs(1), Cut::Command(Command::Drain))
            .await;
        if let Some(Ending::ListError(fault)) = &ended.ending {
            assert!(fault.to_string().contains("row 101 differs"), "{fault}");
            assert!(matches!(fault, ListError::Changed { .. }));
        } else {
            assert!(matches!(pace, Pace::Slow(_)), "{:?}", ended.ending);
        }
        assert!(run.seen().len() <= sent + 2);
        run.list = right;
        let ended = run.run().await;
        assert!(ended.is_finished(), "{pace:?}: {:?}", ended.ending);
        assert_eq!(ended.of(Outcome::Added), 9_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lost_its_end_is_refused() {
    let mut run = Harness::new(one_channel(9_000)).pace(Pace::Slow(SECOND));
    let cut = Cut::Command(Command::Drain);
    run.run_until(Duration::from_millis(3_500), cut).await;
    run.list = one_channel(2_048);
    let ended = run.run().await;
    assert!(matches!(
        ended.ending,
        Some(Ending::ListError(ListError::Changed { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_found_across_the_whole_list() {
    // More rows than the first layer of the sieve holds, the first ones repeated at the end.
    let rows = many_channels(10, 7_000).into_iter();
    let again = (0..10).flat_map(|c| (0..50).map(move |m| (c, format!("u{m}"))));
    let mut run = Harness::new(list(rows.chain(again))).bearers(3);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 70_000);
    assert_eq!(ended.of(Outcome::Duplicate), 500);
    assert!((70_001..=70_500).all(|row| ended.rows[&row].outcome == Outcome::Duplicate));
    assert_eq!(run.service.stats().members_added, 70_000);
}

#[tokio::test(start_paused = true)]
async fn the_repetition_of_a_defective_row_is_as_defective() {
    let rows = ["-bad-", "u1", "-bad-", "u1", "u2"].map(|member| (0, member));
    let mut run = Harness::new(list(rows));
    let ended = run.run().await;
    let outcomes: Vec<_> = ended.rows.values().map(|row| row.outcome).collect();
    let (added, invalid) = (Outcome::Added, Outcome::Invalid);
    assert_eq!(
        outcomes,
        [invalid, added, invalid, Outcome::Duplicate, added]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_row_repeated_adds_one() {
    let mut run = Harness::new(list((0..5_000).map(|_| (0, "u"))));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(
        (ended.of(Outcome::Added), ended.of(Outcome::Duplicate)),
        (1, 4_999)
    );
    assert_eq!(run.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_defects_alone_ends_without_a_call() {
    let mut run = Harness::new(list((0..3_000).map(|_| (0, "-"))));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Invalid), 3_000);
    assert!(run.seen().is_empty());
    assert_eq!(run.run().await.of(Outcome::Invalid), 3_000);
}
