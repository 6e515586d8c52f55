//! Judges a run that was played to its end: who is in, and what is said of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chime_bulk::model::codes::{self, Effect, MemberAction};
use chime_bulk::model::{CallAction, ChannelArn, MemberArn, Outcome, RefusalKind};
use rusqlite::Connection;

use super::case::Case;
use super::play::Played;
use super::row::Row;
use crate::support::harness::{RowRecord, channel};

/// What the ledger keeps of a row beside its verdict.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// Whether a call that carried it may have been applied unseen.
    in_doubt: bool,
    attempts: u16,
}

/// Judges a run that was played to its end.
pub(super) fn judge(case: &Case, played: &Played) {
    let Played { run, ended, .. } = played;
    let counted = ended.rows.len();
    assert_eq!(ended.tally.total(), counted as u64);
    // A run that was stopped has perhaps not read its list to the end.
    let taken = case.rows.iter().filter(|row| !row.is_left_out).count();
    assert!(
        counted == taken || played.is_open,
        "{counted} of {taken} rows"
    );

    let kept = kept(played);
    let carried = carried(played);
    let wanted = wanted(case);
    for (row, verdict) in &ended.rows {
        let place = usize::try_from(*row - 1).unwrap();
        let listed = &case.rows[place];
        let say = || format!("row {row}, {listed:?}: {verdict:?}, {:?}", kept.get(row));
        assert!(!listed.is_left_out, "left out: {}", say());
        let unsent = match (listed.defect, wanted.get(&(listed.channel, listed.member))) {
            (Some(_), _) => Some(Outcome::Invalid),
            (None, Some(first)) if *first != *row => Some(Outcome::Duplicate),
            _ => None,
        };
        if let Some(outcome) = unsent {
            let is_pending = verdict.outcome == Outcome::NotAttempted && played.is_open;
            assert!(verdict.outcome == outcome || is_pending, "{}", say());
            assert_eq!(verdict.attempts, 0, "{}", say());
            assert!(!kept.contains_key(row), "sent: {}", say());
            continue;
        }
        let (channel, member) = (channel(listed.channel), case.member(listed.member));
        let is_in = run.service.is_member(&channel, &member);
        let calls = carried.get(&(&channel, &member)).copied().unwrap_or(0);
        let kept = kept.get(row).copied().unwrap_or_default();
        assert_eq!(kept.attempts, verdict.attempts, "{}", say());
        assert!(verdict.attempts <= calls, "in {calls} calls: {}", say());
        let is_true = is_true(case, listed, verdict, kept, is_in, played.is_open);
        assert!(is_true, "in: {is_in}, in {calls} calls: {}", say());
        let has_failed = verdict.outcome == Outcome::Failed;
        assert!(
            !has_failed || has_reason(case, listed, verdict, &wanted),
            "would have been accepted: {}",
            say()
        );
    }
    judge_calls(case, played, &wanted);
    for number in 0..case.channels {
        judge_channel(case, played, number, &wanted);
    }
}

/// Whether what is said of a row that may have been sent is true.
fn is_true(
    case: &Case,
    row: &Row,
    verdict: &RowRecord,
    kept: Kept,
    is_in: bool,
    is_open: bool,
) -> bool {
    let key = (row.channel, row.member);
    let was_in = case.existing.contains(&key) && !case.banned.contains(&key);
    match verdict.outcome {
        Outcome::Added => is_in && verdict.attempts > 0,
        Outcome::AlreadyMember => is_in && (was_in || kept.in_doubt),
        Outcome::Failed => {
            let is_said = !kept.in_doubt || is_definite(&verdict.code);
            (!is_in || was_in || kept.in_doubt) && is_said && !verdict.code.is_empty()
        }
        Outcome::Unconfirmed => kept.in_doubt,
        Outcome::NotAttempted => is_open && (!is_in || was_in),
        Outcome::Invalid | Outcome::Duplicate => false,
    }
}

/// Whether the service would not have accepted a row that failed, however often it was asked: or,
/// where attempts can be used up, whether that is said.
fn has_reason(
    case: &Case,
    row: &Row,
    verdict: &RowRecord,
    wanted: &BTreeMap<(u8, u16), u64>,
) -> bool {
    let key = (row.channel, row.member);
    let on_channel = of(row.channel, wanted.keys()).count() as u64;
    let before = of(row.channel, case.existing.iter()).count() as u64;
    let is_used_up = !case.is_certain() && !is_definite(&verdict.code);
    row.member >= case.missing_from
        || case.banned.contains(&key)
        || case.poison.contains(&key)
        || case.is_missing(row.channel)
        || case.is_denied(row.channel)
        || on_channel + before > case.world.capacity
        || is_used_up
}

/// Whether a code means that a member was not added. Without one a row in doubt has not failed: it
/// is unconfirmed.
fn is_definite(code: &str) -> bool {
    let is_silent = matches!(
        code,
        codes::TIMEOUT
            | codes::CONNECTION_LOST
            | codes::UNREADABLE_REPLY
            | "NoVerdict"
            | "Interrupted"
    );
    let is_trouble = codes::explain(code).is_some_and(|known| match known.effect {
        Effect::Call(kind) => kind.action() != CallAction::Examine && kind != RefusalKind::NotFound,
        _ => false,
    });
    !is_silent && !is_trouble && codes::member_action(code) == MemberAction::Fail
}

/// The first row of each membership that is wanted.
fn wanted(case: &Case) -> BTreeMap<(u8, u16), u64> {
    let mut wanted = BTreeMap::new();
    for (number, row) in (1..).zip(&case.rows) {
        if row.defect.is_none() && !row.is_left_out {
            wanted.entry((row.channel, row.member)).or_insert(number);
        }
    }
    wanted
}

/// What the ledger keeps of the rows that were sent.
fn kept(played: &Played) -> HashMap<u64, Kept> {
    let ledger = Connection::open(played.run.ledger()).unwrap();
    ledger
        .prepare("SELECT row, max(in_doubt), sum(charged) FROM ruling GROUP BY row")
        .unwrap()
        .query_map([], |row| {
            let (in_doubt, attempts) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Kept { in_doubt, attempts }))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// How many calls carried each member.
fn carried(played: &Played) -> HashMap<(&ChannelArn, &MemberArn), u16> {
    let mut carried = HashMap::new();
    for call in &played.seen {
        for member in &call.members {
            *carried.entry((&call.channel, member)).or_default() += 1;
        }
    }
    carried
}

/// Each call carried members of one lane, added as in their rows.
fn judge_calls(case: &Case, played: &Played, wanted: &BTreeMap<(u8, u16), u64>) {
    let first = |number: &u64| &case.rows[usize::try_from(number - 1).unwrap()];
    let membership: HashMap<_, _> = wanted
        .iter()
        .map(|((c, member), row)| ((channel(c), case.member(*member)), first(row).membership()))
        .collect();
    let full = case.scheduling.limits.members_per_call as usize;
    for call in &played.seen {
        assert!(
            call.members.len() <= full,
            "{} in one call",
            call.members.len()
        );
        for member in &call.members {
            let wanted = membership.get(&(call.channel.clone(), member.clone()));
            assert_eq!(wanted, Some(&call.membership), "{member}");
        }
    }
}

/// Who is in a channel: nobody but those who may be and, where that is certain, all of them.
fn judge_channel(case: &Case, played: &Played, number: u8, wanted: &BTreeMap<(u8, u16), u64>) {
    let arn = |member: &u16| case.member(*member).to_string();
    let before: BTreeSet<u16> = of(number, case.existing.iter())
        .filter(|member| !case.banned.contains(&(number, *member)))
        .collect();
    let can_be_added = |member: &u16| {
        *member < case.missing_from
            && !case.banned.contains(&(number, *member))
            && !case.poison.contains(&(number, *member))
            && !case.is_missing(number)
    };
    let may: BTreeSet<String> = of(number, wanted.keys())
        .filter(can_be_added)
        .chain(before.iter().copied())
        .map(|member| arn(&member))
        .collect();
    let present: BTreeSet<String> = played
        .run
        .service
        .members(&channel(number))
        .into_iter()
        .collect();
    let strangers: Vec<_> = present.difference(&may).collect();
    assert!(strangers.is_empty(), "channel {number}: {strangers:?}");
    if !case.is_certain() || case.is_denied(number) || played.is_open {
        return;
    }
    if may.len() as u64 > case.world.capacity {
        assert_eq!(
            present.len() as u64,
            case.world.capacity,
            "channel {number}"
        );
        return;
    }
    let missing: Vec<_> = may.difference(&present).collect();
    assert!(missing.is_empty(), "channel {number} lacks {missing:?}");
    // Once a channel is full, nobody more is asked whether he is in it.
    if (may.len() as u64) < case.world.capacity {
        for ((_, member), row) in wanted.iter().filter(|((c, _), _)| *c == number) {
            let verdict = &played.ended.rows[row];
            let is_said = verdict.outcome.is_in();
            assert_eq!(is_said, can_be_added(member), "row {row}: {verdict:?}");
        }
    }
}

/// The members of a channel among these.
fn of<'a>(number: u8, among: impl Iterator<Item = &'a (u8, u16)>) -> impl Iterator<Item = u16> {
    among
        .filter(move |(channel, _)| *channel == number)
        .map(|(_, member)| *member)
}
