//! Runs and their undos, with outsiders who join and leave meanwhile. A seed decides the run as in the
//! other simulation, and beside that the undo, its interruptions and the outsiders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::ledger::{Durability, Ledger};
use chime_bulk::model::{MemberCall, Outcome, Removed, RunState, codes};
use chime_bulk::report::{UNDO, UndoSummary, write_undo};
use chime_bulk::sandbox::{AbsentAnswer, ExistingAnswer, Service, Simulated};
use tokio::time::Instant;

use super::case::{Case, ENOUGH, interruptions};
use super::play::{Played, harness, play_on, to_end};
use super::play_seeds;
use super::rng::SeededRng;
use crate::core::properties::run_paused;
use crate::support::harness::{Harness, Interruption, Moment, SessionResult, channel, list};

/// Seeds played by default.
const SEEDS: u64 = 300;
/// No removal is longer on its way. Whoever leaves and joins again within this time may be taken for
/// the member that left: the service removes by name.
const LONGEST: Duration = Duration::from_mins(3);

type Key = (u8, u16);

/// What an outsider does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Join,
    Leave,
}

/// A run, its undo, and what outsiders do meanwhile.
struct UndoCase {
    case: Case,
    is_guarded: bool,
    /// Whether another run of the same bearers added members before.
    earlier: Vec<Key>,
    /// What happens, each after a pause.
    acts: Vec<(Duration, Act, Key)>,
    /// The pause between run and undo.
    pause: Duration,
    interruptions: Vec<(Moment, Interruption)>,
}

impl UndoCase {
    fn new(seed: u64) -> Self {
        let mut case = Case::new(seed);
        let mut rng = SeededRng::new(seed ^ 0x00_55_4e_44_4f);
        // Longer lists take longer, and show nothing else.
        case.rows.truncate(400);
        case.sandbox.absent_answer = rng.pick(&[AbsentAnswer::Silent, AbsentAnswer::NotFound]);
        let keys: Vec<Key> = case
            .rows
            .iter()
            .filter(|row| row.member < case.missing_from)
            .map(|row| (row.channel, row.member))
            .collect();
        let some = |rng: &mut SeededRng, most: usize| -> Vec<Key> {
            let many = if keys.is_empty() {
                0
            } else {
                rng.in_range(0..=most)
            };
            (0..many).map(|_| rng.pick(&keys)).collect()
        };
        let earlier = if rng.one_in(3) {
            some(&mut rng, 30)
        } else {
            Vec::new()
        };
        let who = if rng.one_in(2) {
            some(&mut rng, 25)
        } else {
            Vec::new()
        };
        let acts = who
            .into_iter()
            .map(|key| {
                let act = rng.pick(&[Act::Join, Act::Join, Act::Leave]);
                (rng.duration(1.0, 60_000.0), act, key)
            })
            .collect();
        Self {
            case,
            is_guarded: !rng.one_in(5),
            earlier,
            acts,
            pause: rng.duration(1.0, 600_000.0),
            interruptions: interruptions(&mut rng),
        }
    }
}

/// The members that the run and its undo must leave alone.
#[derive(Debug, Default)]
struct Foreign {
    /// Those who are in a channel by somebody else.
    present: BTreeSet<Key>,
    /// Those who were at any time.
    ever: BTreeSet<Key>,
    left: BTreeMap<Key, Instant>,
}

impl Foreign {
    /// Somebody joins, who is no member and has not just left.
    fn join(&mut self, case: &Case, service: &Service, key: Key) {
        let (channel, member) = (channel(key.0), case.member(key.1));
        let left = self.left.get(&key);
        let has_just_left = left.is_some_and(|left| left.elapsed() < LONGEST);
        if has_just_left || service.is_member(&channel, &member) {
            return;
        }
        service.add_existing(&channel, &member);
        self.present.insert(key);
        self.ever.insert(key);
    }

    /// Somebody is about to leave. The run may add it again at once.
    fn leave(&mut self, key: Key) {
        self.present.remove(&key);
    }

    /// Somebody has left, if the service accepted the call.
    fn left(&mut self, key: Key) {
        self.left.insert(key, Instant::now());
    }
}

/// The call with which somebody leaves a channel.
fn leave(case: &Case, service: &Arc<Service>, key: Key) -> Pending<Removed> {
    let member = case.member(key.1);
    let call = MemberCall {
        channel: channel(key.0),
        bearer: member.clone(),
        member,
        sub_channel: None,
    };
    Simulated::new(Arc::clone(service)).remove_member(call, LONGEST)
}

/// The members of all channels of a case.
fn members(case: &Case, service: &Service) -> BTreeSet<Key> {
    let listed = case.rows.iter().map(|row| row.member);
    let existing = case.existing.iter().map(|(_, member)| *member);
    let numbers: BTreeSet<u16> = listed.chain(existing).collect();
    let mut all = BTreeSet::new();
    for number in 0..case.channels {
        let present: BTreeSet<String> = service.members(&channel(number)).into_iter().collect();
        let is_in = |member: &&u16| present.contains(case.member(**member).as_str());
        let found = numbers.iter().filter(is_in);
        let found: Vec<Key> = found.map(|member| (number, *member)).collect();
        assert_eq!(found.len(), present.len(), "members with other names");
        all.extend(found);
    }
    all
}

/// Plays a case to the end of its undo, and checks it.
async fn play(undo_case: &UndoCase) {
    let case = &undo_case.case;
    let run = harness(case);
    let service = Arc::clone(&run.service);
    if !undo_case.earlier.is_empty() {
        let rows = undo_case.earlier.iter();
        let rows = rows.map(|(c, member)| (*c, case.member_id(*member)));
        let client = Arc::new(Simulated::new(Arc::clone(&service)));
        let mut earlier = Harness::new(list(rows))
            .over(Arc::clone(&service), client)
            .in_memory()
            .bearers(case.scheduling.bearers);
        earlier.run().await;
        tokio::time::sleep(LONGEST).await;
    }
    let before = members(case, &service);
    let foreign = Arc::new(Mutex::new(Foreign {
        present: before.clone(),
        ever: before.clone(),
        left: BTreeMap::new(),
    }));
    let outsiders = tokio::spawn({
        let (foreign, service) = (Arc::clone(&foreign), Arc::clone(&service));
        let (case, acts) = (case.clone(), undo_case.acts.clone());
        async move {
            for (pause, act, key) in acts {
                tokio::time::sleep(pause).await;
                if let Act::Leave = act {
                    foreign.lock().unwrap().leave(key);
                    let leaving = leave(&case, &service, key);
                    drop(leaving.await);
                    foreign.lock().unwrap().left(key);
                } else {
                    foreign.lock().unwrap().join(&case, &service, key);
                }
            }
        }
    });
    let played = play_on(run, case).await;
    tokio::time::sleep(undo_case.pause).await;
    let mut undo = played.run.undo(undo_case.is_guarded, true).in_memory();
    undo.scheduling.limits.max_attempts = ENOUGH;
    undo.scheduling.max_failures = None;
    let undone = if undo.list.lines().count() > 1 {
        let (result, _) = to_end(&mut undo, &undo_case.interruptions, !case.seed).await;
        Some(result)
    } else {
        None
    };
    outsiders.abort();
    let foreign = foreign.lock().unwrap();
    let end = End {
        undo_case,
        before: &before,
        foreign: &foreign,
        after: members(case, &service),
    };
    end.check(&played, &undo, undone.as_ref());
}

/// The end of a case.
struct End<'a> {
    undo_case: &'a UndoCase,
    before: &'a BTreeSet<Key>,
    foreign: &'a Foreign,
    after: BTreeSet<Key>,
}

impl End<'_> {
    fn check(&self, played: &Played, undo: &Harness, undone: Option<&SessionResult>) {
        let case = &self.undo_case.case;
        let is_silent = case.sandbox.existing_answer == ExistingAnswer::Silent;
        if self.undo_case.is_guarded {
            let removed: Vec<_> = self.foreign.present.difference(&self.after).collect();
            assert!(
                removed.is_empty(),
                "removed, and not added by the run: {removed:?}"
            );
        } else if !is_silent && self.undo_case.acts.is_empty() {
            let removed: Vec<_> = self.before.difference(&self.after).collect();
            assert!(removed.is_empty(), "removed, and there before: {removed:?}");
        }
        let Some(undone) = undone else {
            self.check_as_before(played);
            return;
        };
        let listed = self.listed(undo);
        check_counts(undo, undone, &listed);
        for (row, record) in &undone.rows {
            let key = listed[usize::try_from(*row - 1).unwrap()];
            let is_foreign = self.foreign.ever.contains(&key);
            let is_in = self.after.contains(&key);
            let acts = self.undo_case.acts.iter().filter(|(_, _, of)| *of == key);
            let acts: Vec<Act> = acts.map(|(_, act, _)| *act).collect();
            let why = || format!("row {row}, {key:?}, a member: {is_in}, {acts:?}: {record:?}");
            match record.outcome {
                Outcome::Added => assert!(!is_in || is_foreign, "removed: {}", why()),
                // Of another sub-channel than the run's, somebody is found no more.
                Outcome::AlreadyMember => assert!(!is_in || is_foreign, "gone: {}", why()),
                Outcome::Failed if codes::KEPT.contains(&record.code.as_str()) => {
                    // A control call of the run may have added somebody again who had left.
                    let has_left = acts.iter().any(|act| matches!(act, Act::Leave));
                    let is_known = is_foreign || has_left || !has_date(played);
                    assert!(is_known, "kept: {}", why());
                }
                _ => {}
            }
        }
        let is_failed = |outcome| {
            let failed = undone
                .rows
                .values()
                .filter(|record| record.outcome == outcome);
            failed
                .filter(|record| !codes::KEPT.contains(&record.code.as_str()))
                .count()
                > 0
        };
        let is_all = ![Outcome::Failed, Outcome::Unconfirmed, Outcome::NotAttempted]
            .into_iter()
            .any(is_failed);
        if is_all && undone.is_finished() {
            self.check_as_before(played);
        }
    }

    /// Checks that the channels are as they were before the run, if nobody else changed them.
    fn check_as_before(&self, played: &Played) {
        if self.undo_case.is_guarded && self.undo_case.acts.is_empty() && has_date(played) {
            assert_eq!(&self.after, self.before, "{:?}", played.result.tally);
        }
    }

    /// Channel and member of each row of the undo.
    fn listed(&self, undo: &Harness) -> Vec<Key> {
        let case = &self.undo_case.case;
        let names: BTreeMap<(String, String), Key> = case
            .rows
            .iter()
            .map(|row| (row.channel, row.member))
            .map(|key| {
                let names = (channel(key.0).to_string(), case.member(key.1).to_string());
                (names, key)
            })
            .collect();
        let mut reader = csv::Reader::from_reader(undo.list.as_bytes());
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| names[&(row[1].to_owned(), row[2].to_owned())])
            .collect()
    }
}

/// Checks that the counts of the undo, and the lines of its report, are those of its rows.
fn check_counts(undo: &Harness, undone: &SessionResult, listed: &[Key]) {
    let ledger = Ledger::open(&undo.ledger_path(), Durability::None).unwrap();
    let path = undo.ledger_path();
    let dir = path.parent().unwrap();
    let summary = write_undo(&ledger, dir, RunState::Finished, || true).unwrap();
    let results = results(dir);
    let count = |result: &str| results.iter().filter(|found| *found == result).count() as u64;
    let UndoSummary {
        members,
        removed,
        gone_already,
        kept,
        failed,
        not_attempted,
        ..
    } = summary;
    let counts = [removed, gone_already, kept, failed, not_attempted];
    let names = ["removed", "gone_already", "kept", "failed", "not_attempted"];
    assert_eq!(counts, names.map(count));
    assert_eq!(members, counts.iter().sum::<u64>());
    assert_eq!(members, undone.rows.len() as u64);
    let is_whole = undone.is_finished();
    assert!(
        !is_whole || members == listed.len() as u64,
        "{members} of {}",
        listed.len()
    );
}

/// Whether an answer to the run had a date. The clock here begins in 1970 and the service's does not:
/// without a date, the undo does not know when members were added by the service's clock, and keeps them.
fn has_date(played: &Played) -> bool {
    let mut answers = played.calls.iter().filter_map(|call| call.answer.as_ref());
    answers.any(|(_, answer)| answer.as_ref().is_ok_and(|reply| reply.date.is_some()))
}

/// The results of the rows in `undo.csv`.
fn results(dir: &Path) -> Vec<String> {
    let mut report = csv::Reader::from_path(dir.join(UNDO)).unwrap();
    let rows = report.records().map(Result::unwrap);
    rows.map(|row| row[4].to_owned()).collect()
}

#[test]
fn an_undo_removes_nobody_whom_the_run_did_not_add() {
    play_seeds("undo", SEEDS, |seed| {
        let undo_case = UndoCase::new(seed);
        run_paused(play(&undo_case));
    });
}
