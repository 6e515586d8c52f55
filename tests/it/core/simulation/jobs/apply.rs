//! A difference that is written first, and applied later: what it says is done exactly, but in channels
//! that have changed since, where nothing is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::job::{Request, SyncConclusion, SyncRequest};
use chime_bulk::model::MemberArn;
use chime_bulk::roster::{Options, Source};
use rand::RngExt;

use super::{Flags, World, changes, channel_number, outcomes, synced};

/// What a difference does to one channel.
#[derive(Debug, Default)]
struct Change {
    add: BTreeSet<MemberArn>,
    remove: BTreeSet<MemberArn>,
}

/// Writes the difference, lets outsiders join and leave, and applies it.
pub(super) async fn play(world: &mut World, flags: Flags) {
    let looked = cut_off_and_finished(world, |world| look(world, flags)).await;
    assert_eq!(changes(world), 0, "a dry run changes something");
    let seen: Vec<_> = (0..4).map(|c| world.members(c)).collect();
    if world.rng.random() {
        world.outsiders();
    }
    let before: Vec<_> = (0..4).map(|c| world.members(c)).collect();
    let by_channel = difference(world);
    let counts = by_channel.values();
    let (add, remove) = counts.fold((0, 0), |(add, remove), one| {
        (add + one.add.len(), remove + one.remove.len())
    });
    let summary = &looked.summary;
    assert_eq!(
        (summary.to_add, summary.to_remove),
        (add as u64, remove as u64)
    );
    let done = cut_off_and_finished(world, |world| apply(world, flags)).await;
    let rows = outcomes(&world.path("applied/results.csv"));
    let failed =
        |row: &&(usize, MemberArn, String)| !["added", "already_member"].contains(&row.2.as_str());
    let failed: Vec<usize> = rows.iter().filter(failed).map(|row| row.0).collect();
    let failed_rows = failed.len() as u64;
    for (c, before) in (0..).zip(&before) {
        let after = world.members(c);
        let none = Change::default();
        let change = by_channel.get(&c).unwrap_or(&none);
        if *before != seen[c] {
            assert_eq!(after, *before, "c{c} had changed, and was not left alone");
            continue;
        }
        let added: BTreeSet<_> = after.difference(before).cloned().collect();
        let removed: BTreeSet<_> = before.difference(&after).cloned().collect();
        assert!(added.is_subset(&change.add), "{added:?} were added to c{c}");
        let is_allowed = removed.is_subset(&change.remove);
        assert!(is_allowed, "{removed:?} were removed from c{c}");
        if failed.contains(&c) {
            assert!(
                removed.is_empty(),
                "an add failed, and {removed:?} were removed from c{c}"
            );
        } else if done.summary.failed <= failed_rows {
            assert_eq!((&added, &removed), (&change.add, &change.remove), "c{c}");
        }
    }
}

fn look(world: &World, flags: Flags) -> SyncRequest {
    let request = world.request(flags);
    SyncRequest {
        run: Request {
            run_dir: Some(world.path("look")),
            ..request.run
        },
        dry_run: true,
        ..request
    }
}

/// As the command line reads a difference.
fn apply(world: &World, flags: Flags) -> SyncRequest {
    let request = world.request(flags);
    SyncRequest {
        run: Request {
            source: Source::File(world.path("look/diff.csv")),
            options: Options {
                type_column: Some("type".to_owned()),
                filters: vec!["sign=+".parse().unwrap()],
                allow_empty: true,
                ..Options::default()
            },
            run_dir: Some(world.path("applied")),
            ..request.run
        },
        applies: true,
        ..request
    }
}

/// Makes a request, cut off some times, to its end.
async fn cut_off_and_finished(
    world: &mut World,
    request: impl Fn(&World) -> SyncRequest,
) -> SyncConclusion {
    for _ in 0..world.rng.random_range(0..3) {
        let time = Duration::from_millis(world.rng.random_range(0..9_000));
        if let Ok(done) = tokio::time::timeout(time, synced(request(world))).await {
            return done;
        }
    }
    let done = synced(request(world)).await;
    assert!(matches!(done.ending, Ending::Finished), "{:?}", done.ending);
    done
}

/// What `diff.csv` says, by channel.
fn difference(world: &World) -> BTreeMap<usize, Change> {
    let mut by_channel: BTreeMap<usize, Change> = BTreeMap::new();
    let records = csv::Reader::from_path(world.path("look/diff.csv")).unwrap();
    for record in records.into_records().map(Result::unwrap) {
        let members = |change: &mut Change| change.add.len() + change.remove.len();
        let Some(c) = channel_number(&record[1]).filter(|_| ["+", "-"].contains(&&record[0]))
        else {
            continue;
        };
        let change = by_channel.entry(c).or_default();
        let count = members(change);
        let who = MemberArn::parse(&record[2]).unwrap();
        match &record[0] {
            "+" => change.add.insert(who),
            _ => change.remove.insert(who),
        };
        assert_eq!(members(change), count + 1, "{record:?} occurs twice");
    }
    by_channel
}
