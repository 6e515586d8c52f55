//! Lists with duplicates and defects, and lists that changed.

use std::time::Duration;

use chime_bulk::engine::{Command, Ending, ListError};
use chime_bulk::model::Outcome;

use super::{SECOND, many_channels};
use crate::support::harness::{Harness, Interruption, ListPace, list, one_channel};

#[tokio::test(start_paused = true)]
async fn a_changed_list_is_refused_and_the_original_one_accepted_later() {
    for pace in [ListPace::Inline, ListPace::Slow(SECOND), ListPace::Ahead] {
        let original = one_channel(9_000);
        let mut run = Harness::new(original.clone()).pace(ListPace::Slow(SECOND));
        let interruption = Interruption::Command(Command::Drain);
        run.run_until(Duration::from_millis(2_500), interruption)
            .await;
        let sent = run.calls().len();
        run.pace = pace;
        run.list = original
            .replace(",u100\n", ",v100\n")
            .replace(",u5000\n", ",v5000\n");
        let result = run
            .run_until(
                Duration::from_secs(1),
                Interruption::Command(Command::Drain),
            )
            .await;
        if let Some(Ending::ListError(fault)) = &result.ending {
            assert!(fault.to_string().contains("row 101 differs"), "{fault}");
            assert!(matches!(fault, ListError::Changed { .. }));
        } else {
            assert!(matches!(pace, ListPace::Slow(_)), "{:?}", result.ending);
        }
        assert!(run.calls().len() <= sent + 2);
        run.list = original;
        let result = run.run().await;
        assert!(result.is_finished(), "{pace:?}: {:?}", result.ending);
        assert_eq!(result.count(Outcome::Added), 9_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncated_list_is_refused() {
    let mut run = Harness::new(one_channel(9_000)).pace(ListPace::Slow(SECOND));
    let interruption = Interruption::Command(Command::Drain);
    run.run_until(Duration::from_millis(3_500), interruption)
        .await;
    run.list = one_channel(2_048);
    let result = run.run().await;
    assert!(matches!(
        result.ending,
        Some(Ending::ListError(ListError::Changed { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_found_across_the_whole_list() {
    // More rows than the first layer of the Bloom filter takes. The first ones are repeated.
    let rows = many_channels(10, 7_000).into_iter();
    let repeated = (0..10).flat_map(|c| (0..50).map(move |m| (c, format!("u{m}"))));
    let mut run = Harness::new(list(rows.chain(repeated))).bearers(3);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 70_000);
    assert_eq!(result.count(Outcome::Duplicate), 500);
    assert!((70_001..=70_500).all(|row| result.rows[&row].outcome == Outcome::Duplicate));
    assert_eq!(run.service.stats().members_added, 70_000);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_defective_row_is_invalid_not_duplicate() {
    let rows = ["-bad-", "u1", "-bad-", "u1", "u2"].map(|member| (0, member));
    let mut run = Harness::new(list(rows));
    let result = run.run().await;
    let outcomes: Vec<_> = result.rows.values().map(|row| row.outcome).collect();
    let (added, invalid) = (Outcome::Added, Outcome::Invalid);
    assert_eq!(
        outcomes,
        [invalid, added, invalid, Outcome::Duplicate, added]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_repeated_row_adds_one_member() {
    let mut run = Harness::new(list((0..5_000).map(|_| (0, "u"))));
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(
        (
            result.count(Outcome::Added),
            result.count(Outcome::Duplicate)
        ),
        (1, 4_999)
    );
    assert_eq!(run.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_defective_rows_makes_no_call() {
    let mut run = Harness::new(list((0..3_000).map(|_| (0, "-"))));
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Invalid), 3_000);
    assert!(run.calls().is_empty());
    assert_eq!(run.run().await.count(Outcome::Invalid), 3_000);
}
