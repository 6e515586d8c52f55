//! The undo of a sync: it removes whom the sync added, and nobody who came by other ways since.
//!
//! When a member was added is known from the dates of the answers, which are of the service's clock. A
//! call that was cut off has none: its time is converted by the clock here, which goes on while the
//! service's stands still. So only the undo of a sync that was never cut off must remove everybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::Chime;
use chime_bulk::engine::Ending;
use chime_bulk::job::{
    self, JobError, LimitOverrides, RunSettings, Target, UndoConclusion, UndoRequest,
};
use chime_bulk::model::{AddMembers, Batch, MemberArn, Membership};
use chime_bulk::report::RemovalChoice;
use chime_bulk::sandbox::Simulated;
use rand::RngExt;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{World, channel, member, observer, outcomes};

/// Longer than the time in which a call adds its members.
const LATER: Duration = Duration::from_mins(5);

type Key = (usize, MemberArn);

/// Undoes a sync that is over, after some of those whom it added have left and come again.
pub(super) async fn play(world: &mut World, before: &[BTreeSet<MemberArn>], was_cut: bool) {
    let added: BTreeSet<Key> = outcomes(&world.path("sync/results.csv"))
        .into_iter()
        .filter(|(_, _, outcome)| outcome == "added")
        .map(|(c, who, _)| (c, who))
        .collect();
    let foreign = come_again(world, &added).await;
    let now: Vec<_> = (0..4).map(|c| world.members(c)).collect();
    let Some(undone) = undone(world).await else {
        assert!(
            added.is_empty(),
            "nothing to undo, and {added:?} were added"
        );
        return;
    };
    assert!(
        matches!(undone.ending, Ending::Finished),
        "{:?}",
        undone.ending
    );
    let mut removed = 0;
    for (c, now) in (0..).zip(&now) {
        let after = world.members(c);
        assert!(after.is_subset(now), "somebody joined c{c}");
        for who in now.difference(&after) {
            removed += 1;
            let key = (c, who.clone());
            assert!(added.contains(&key), "{who} of c{c} was not added");
            assert!(!foreign.contains(&key), "{who} came to c{c} again");
            assert!(
                !before[c].contains(who) || world.left.contains(&key),
                "{who} was in c{c} before"
            );
        }
        let left = added
            .iter()
            .filter(|(of, who)| *of == c && after.contains(who));
        let left = left.filter(|key| !foreign.contains(key)).count();
        let is_done = undone.summary.failed + undone.summary.not_attempted == 0;
        assert!(was_cut || !is_done || left == 0, "{left} are left in c{c}");
    }
    let summary = &undone.summary;
    assert_eq!(summary.members, added.len() as u64);
    let is_whole = summary.failed + summary.not_attempted == 0;
    let gone = added
        .iter()
        .filter(|(c, who)| !now[*c].contains(who))
        .count() as u64;
    // Who had left counts as removed if the call that found it out was cut off.
    assert!(summary.removed >= removed, "{removed} removed: {summary:?}");
    assert!(
        !is_whole || summary.removed + summary.gone_already == removed + gone,
        "{removed} removed, {gone} had left: {summary:?}"
    );
    assert!(
        !is_whole || summary.kept >= foreign.len() as u64,
        "{summary:?}"
    );
    assert!(
        was_cut || summary.kept <= foreign.len() as u64,
        "{summary:?}"
    );
}

/// Of those who were added, some leave, some leave and join by themselves, and some leave and are added
/// again by the same bearer, later. Returns those who are in by another way than the sync.
async fn come_again(world: &mut World, added: &BTreeSet<Key>) -> BTreeSet<Key> {
    let mut foreign = BTreeSet::new();
    let mut to_add = BTreeSet::new();
    for (c, who) in added {
        let what = world.rng.random_range(0..16);
        if what > 2 {
            continue;
        }
        world.service.leave(&channel(*c), who);
        if what == 1 {
            world.service.add_existing(&channel(*c), who);
            foreign.insert((*c, who.clone()));
        } else if what == 2 {
            to_add.insert((*c, who.clone()));
        }
    }
    sleep(LATER).await;
    let client = Simulated::new(Arc::clone(&world.service));
    for (c, who) in to_add {
        while !world.service.is_member(&channel(c), &who) {
            let call = AddMembers {
                channel: channel(c),
                bearer: member("user/admin"),
                membership: Membership::default(),
                members: Batch::new(vec![who.clone()]).unwrap(),
            };
            // A fault may refuse it.
            drop(client.add_members(call, LATER).await);
            sleep(Duration::from_secs(2)).await;
        }
        foreign.insert((c, who));
    }
    foreign
}

/// The undo of the sync, cut off some times. `None` if there is nobody to remove.
async fn undone(world: &mut World) -> Option<UndoConclusion> {
    for _ in 0..world.rng.random_range(0..3) {
        let time = Duration::from_millis(world.rng.random_range(0..9_000));
        if let Ok(done) = tokio::time::timeout(time, undo(world)).await {
            return done;
        }
    }
    undo(world).await
}

async fn undo(world: &World) -> Option<UndoConclusion> {
    let request = UndoRequest {
        dir: world.path("sync"),
        guarded: true,
        choice: RemovalChoice::default(),
        limits: LimitOverrides::default(),
    };
    let target = |_: &RunSettings| Target::Sandbox(Arc::clone(&world.service));
    let (_hold, commands) = mpsc::channel(1);
    match Box::pin(job::undo(request, target, observer, commands)).await {
        Err(JobError::NothingToUndo) => None,
        undone => Some(undone.unwrap()),
    }
}
