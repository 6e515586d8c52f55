//! Checks a run that was played to its end: its outcomes, its calls, and the members of the channels.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chime_bulk::model::codes::{self, Effect, MemberAction};
use chime_bulk::model::{CallAction, ChannelArn, MemberArn, Outcome, RefusalKind};
use rusqlite::Connection;

use super::case::Case;
use super::play::Played;
use super::row::Row;
use crate::support::harness::{RowRecord, channel};

/// What the ledger's calls show about a row.
#[derive(Debug, Clone, Copy, Default)]
struct Stored {
    /// Whether a call with this row may have been applied without an answer.
    in_doubt: bool,
    attempts: u16,
}

/// Checks a run that was played to its end.
pub(super) fn check(case: &Case, played: &Played) {
    let Played { run, result, .. } = played;
    let counted = result.rows.len();
    assert_eq!(result.tally.total(), counted as u64);
    // A run that was stopped may not have read its list to the end.
    let taken = case.rows.iter().filter(|row| !row.is_left_out).count();
    assert!(
        counted == taken || played.is_open,
        "{counted} of {taken} rows have an outcome"
    );

    let stored = stored(played);
    let calls_by_member = calls_by_member(played);
    let first_rows = first_rows(case);
    for (row, record) in &result.rows {
        let index = usize::try_from(*row - 1).unwrap();
        let listed = &case.rows[index];
        let message = || format!("row {row}, {listed:?}: {record:?}, {:?}", stored.get(row));
        assert!(!listed.is_left_out, "excluded by a filter: {}", message());
        let unsent = match (
            listed.defect,
            first_rows.get(&(listed.channel, listed.member)),
        ) {
            (Some(_), _) => Some(Outcome::Invalid),
            (None, Some(first)) if *first != *row => Some(Outcome::Duplicate),
            _ => None,
        };
        if let Some(outcome) = unsent {
            let is_pending = record.outcome == Outcome::NotAttempted && played.is_open;
            assert!(record.outcome == outcome || is_pending, "{}", message());
            assert_eq!(record.attempts, 0, "{}", message());
            assert!(!stored.contains_key(row), "sent: {}", message());
            continue;
        }
        let (channel, member) = (channel(listed.channel), case.member(listed.member));
        let is_in = run.service.is_member(&channel, &member);
        let calls = calls_by_member
            .get(&(&channel, &member))
            .copied()
            .unwrap_or(0);
        let stored = stored.get(row).copied().unwrap_or_default();
        assert_eq!(stored.attempts, record.attempts, "{}", message());
        assert!(record.attempts <= calls, "in {calls} calls: {}", message());
        let is_true = is_true(case, listed, record, stored, is_in, played.is_open);
        assert!(
            is_true,
            "a member: {is_in}, in {calls} calls: {}",
            message()
        );
        let has_failed = record.outcome == Outcome::Failed;
        assert!(
            !has_failed || may_fail(case, listed, record, &first_rows),
            "failed without a reason: {}",
            message()
        );
    }
    check_calls(case, played, &first_rows);
    for number in 0..case.channels {
        check_channel(case, played, number, &first_rows);
    }
}

/// Whether the outcome of a row that may have been sent is true.
fn is_true(
    case: &Case,
    row: &Row,
    record: &RowRecord,
    stored: Stored,
    is_in: bool,
    is_open: bool,
) -> bool {
    let key = (row.channel, row.member);
    let was_in = case.existing.contains(&key) && !case.banned.contains(&key);
    match record.outcome {
        Outcome::Added => is_in && record.attempts > 0,
        Outcome::AlreadyMember => is_in && (was_in || stored.in_doubt),
        Outcome::Failed => {
            let is_known = !stored.in_doubt || is_definite(&record.code);
            (!is_in || was_in || stored.in_doubt) && is_known && !record.code.is_empty()
        }
        Outcome::Unconfirmed => stored.in_doubt,
        Outcome::NotAttempted => is_open && (!is_in || was_in),
        Outcome::Invalid | Outcome::Duplicate => false,
    }
}

/// Whether a row may fail: the service would refuse it forever, or its attempts can be used up and
/// its code is that of a temporary failure.
fn may_fail(
    case: &Case,
    row: &Row,
    record: &RowRecord,
    first_rows: &BTreeMap<(u8, u16), u64>,
) -> bool {
    let key = (row.channel, row.member);
    let on_channel = of(row.channel, first_rows.keys()).count() as u64;
    let before = of(row.channel, case.existing.iter()).count() as u64;
    let is_used_up = !case.is_certain() && !is_definite(&record.code);
    row.member >= case.missing_from
        || case.banned.contains(&key)
        || case.poison.contains(&key)
        || case.is_missing(row.channel)
        || case.is_denied(row.channel)
        || on_channel + before > case.sandbox.capacity
        || is_used_up
}

/// Whether a code means that the member was not added. A row in doubt needs such a code to fail;
/// otherwise it is unconfirmed.
fn is_definite(code: &str) -> bool {
    let is_unanswered = matches!(
        code,
        codes::TIMEOUT
            | codes::CONNECTION_LOST
            | codes::UNREADABLE_REPLY
            | "NoVerdict"
            | "Interrupted"
    );
    let is_temporary = codes::explain(code).is_some_and(|known| match known.effect {
        Effect::Call(kind) => kind.action() != CallAction::Examine && kind != RefusalKind::NotFound,
        _ => false,
    });
    let is_final = matches!(
        codes::member_action(code),
        MemberAction::Fail | MemberAction::OverLimit
    );
    !is_unanswered && !is_temporary && is_final
}

/// The first row of each membership that can be sent.
fn first_rows(case: &Case) -> BTreeMap<(u8, u16), u64> {
    let mut first_rows = BTreeMap::new();
    for (number, row) in (1..).zip(&case.rows) {
        if row.defect.is_none() && !row.is_left_out {
            first_rows
                .entry((row.channel, row.member))
                .or_insert(number);
        }
    }
    first_rows
}

/// What the ledger's calls show about the rows that were sent.
fn stored(played: &Played) -> HashMap<u64, Stored> {
    let ledger = Connection::open(played.run.ledger_path()).unwrap();
    ledger
        .prepare("SELECT row, max(in_doubt), sum(charged) FROM ruling GROUP BY row")
        .unwrap()
        .query_map([], |row| {
            let (in_doubt, attempts) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Stored { in_doubt, attempts }))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The number of calls that each member was in.
fn calls_by_member(played: &Played) -> HashMap<(&ChannelArn, &MemberArn), u16> {
    let mut counts = HashMap::new();
    for call in &played.calls {
        for member in &call.members {
            *counts.entry((&call.channel, member)).or_default() += 1;
        }
    }
    counts
}

/// Checks that each call has members of one lane, with the type and sub-channel of their rows.
fn check_calls(case: &Case, played: &Played, first_rows: &BTreeMap<(u8, u16), u64>) {
    let first = |number: &u64| &case.rows[usize::try_from(number - 1).unwrap()];
    let membership: HashMap<_, _> = first_rows
        .iter()
        .map(|((c, member), row)| ((channel(c), case.member(*member)), first(row).membership()))
        .collect();
    let full = case.scheduling.limits.members_per_call as usize;
    for call in &played.calls {
        assert!(
            call.members.len() <= full,
            "{} in one call",
            call.members.len()
        );
        for member in &call.members {
            let expected = membership.get(&(call.channel.clone(), member.clone()));
            assert_eq!(expected, Some(&call.membership), "{member}");
        }
    }
}

/// Checks the members of a channel: it has none but those that can be added and, if the case is
/// certain, all of these.
fn check_channel(case: &Case, played: &Played, number: u8, first_rows: &BTreeMap<(u8, u16), u64>) {
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
    let allowed: BTreeSet<String> = of(number, first_rows.keys())
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
    let extra: Vec<_> = present.difference(&allowed).collect();
    assert!(
        extra.is_empty(),
        "extra members of channel {number}: {extra:?}"
    );
    if !case.is_certain() || case.is_denied(number) || played.is_open {
        return;
    }
    if allowed.len() as u64 > case.sandbox.capacity {
        assert_eq!(
            present.len() as u64,
            case.sandbox.capacity,
            "channel {number}"
        );
        return;
    }
    let missing: Vec<_> = allowed.difference(&present).collect();
    assert!(missing.is_empty(), "channel {number} lacks {missing:?}");
    // Once a channel is full, its remaining rows fail without a call, even those of members.
    if (allowed.len() as u64) < case.sandbox.capacity {
        for ((_, member), row) in first_rows.iter().filter(|((c, _), _)| *c == number) {
            let record = &played.result.rows[row];
            let is_in = record.outcome.is_in();
            assert_eq!(is_in, can_be_added(member), "row {row}: {record:?}");
        }
    }
}

/// The members of one channel, out of pairs of channel and member.
fn of<'a>(number: u8, among: impl Iterator<Item = &'a (u8, u16)>) -> impl Iterator<Item = u16> {
    among
        .filter(move |(channel, _)| *channel == number)
        .map(|(_, member)| *member)
}
