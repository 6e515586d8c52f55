//! The working time of a run: wall time without pauses. Records the pauses.

use crate::ledger::{CallRecord, CallResult, SessionRecord};

/// At most this many pauses are kept; more are counted.
const MAX_PAUSES: usize = 50;
/// At least this many calls in a row, over at least this many milliseconds, are not accepted before
/// that counts as a pause.
const MIN_REFUSED: u32 = 3;
const MIN_REFUSED_MS: i64 = 10_000;

/// Why nothing went ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PauseKind {
    /// No process worked on the run.
    BetweenSessions,
    /// A session sent no call for long.
    NoCall,
    /// Calls were sent, and none was accepted.
    NoneAccepted,
}

/// A time in which nothing went ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) kind: PauseKind,
    /// Its beginning and end in milliseconds of working time. Equal if it takes none.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Its beginning and end by the wall clock, in milliseconds since 1970.
    pub(super) begun_at: i64,
    pub(super) ended_at: i64,
}

impl Pause {
    /// Its length in seconds; `None` if the wall clock was set back meanwhile.
    #[expect(clippy::cast_precision_loss, reason = "shown in two units")]
    pub(super) fn seconds(&self) -> Option<f64> {
        let length = self.ended_at.checked_sub(self.begun_at)?;
        (length >= 0).then_some(length as f64 / 1_000.0)
    }
}

/// Calls in a row that were not accepted.
#[derive(Debug, Clone, Copy)]
struct Refused {
    calls: u32,
    from: u64,
    begun_at: i64,
}

/// A clock of the working time. It reads the calls in the order in which they were sent.
#[derive(Debug)]
pub(super) struct WorkClock {
    /// More milliseconds than this without a call count as a pause.
    longest_wait: i64,
    sessions: Vec<SessionRecord>,
    /// How many sessions have begun.
    begun: usize,
    last: Option<i64>,
    now: u64,
    refused: Option<Refused>,
    pauses: Vec<Pause>,
    count: u64,
}

impl WorkClock {
    /// A clock for a run of these sessions that sends a call at least this often while it works.
    pub(super) fn new(longest_wait: i64, sessions: Vec<SessionRecord>) -> Self {
        Self {
            longest_wait,
            sessions,
            begun: 0,
            last: None,
            now: 0,
            refused: None,
            pauses: Vec::new(),
            count: 0,
        }
    }

    /// The working time of the next call, in milliseconds.
    pub(super) fn read(&mut self, call: &CallRecord) -> u64 {
        let begins_session = self.enter_session(call.id);
        if let Some(last) = self.last.filter(|_| !begins_session) {
            let step = call.sent_at.saturating_sub(last);
            match u64::try_from(step) {
                Ok(wait) if step <= self.longest_wait => self.now += wait,
                _ => self.pause(PauseKind::NoCall, self.now, last, call.sent_at),
            }
        }
        if call.result == CallResult::Accepted {
            self.end_refused(call.sent_at);
        } else {
            let refused = self.refused.get_or_insert(Refused {
                calls: 0,
                from: self.now,
                begun_at: call.sent_at,
            });
            refused.calls = refused.calls.saturating_add(1);
        }
        self.last = Some(call.sent_at);
        self.now
    }

    /// The pauses, and how many there were in all.
    pub(super) fn finish(mut self) -> (Vec<Pause>, u64) {
        if let Some(last) = self.last {
            self.end_refused(last);
        }
        (self.pauses, self.count)
    }

    /// Begins the session of a call, if it has not begun. Returns whether it has begun just now.
    fn enter_session(&mut self, call: i64) -> bool {
        let mut enters = false;
        while let Some(session) = self.sessions.get(self.begun).copied()
            && session.first_call <= call
        {
            let before = self.begun.checked_sub(1);
            if let Some(before) = before.and_then(|index| self.sessions.get(index)).copied() {
                if let Some(last) = self.last {
                    self.end_refused(last);
                }
                let (from, to) = (before.worked_until, session.begun_at);
                self.pause(PauseKind::BetweenSessions, self.now, from, to);
                enters = true;
            }
            self.begun += 1;
        }
        enters
    }

    /// Ends a series of calls that were not accepted.
    fn end_refused(&mut self, at: i64) {
        let Some(refused) = self.refused.take() else {
            return;
        };
        if refused.calls >= MIN_REFUSED && at.saturating_sub(refused.begun_at) >= MIN_REFUSED_MS {
            self.pause(PauseKind::NoneAccepted, refused.from, refused.begun_at, at);
        }
    }

    /// Records a pause that began at this working time and ends now.
    fn pause(&mut self, kind: PauseKind, from: u64, begun_at: i64, ended_at: i64) {
        self.count += 1;
        if self.pauses.len() < MAX_PAUSES {
            self.pauses.push(Pause {
                kind,
                from,
                to: self.now,
                begun_at,
                ended_at,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ChannelId;

    fn call(id: i64, sent_at: i64, result: CallResult) -> CallRecord {
        CallRecord {
            id,
            channel: ChannelId(0),
            members: 1,
            sent_at,
            settled_at: Some(sent_at),
            result,
        }
    }

    #[test]
    fn pauses_take_no_time_even_if_the_clock_was_set_back() {
        let mut clock = WorkClock::new(60_000, Vec::new());
        let times = [
            0,
            500,
            60_500,
            9_000_000,
            9_000_100,
            100,
            i64::MIN,
            i64::MAX,
        ];
        let read: Vec<u64> = (1..)
            .zip(times)
            .map(|(id, at)| clock.read(&call(id, at, CallResult::Accepted)))
            .collect();
        assert_eq!(
            read,
            [0, 500, 60_500, 60_500, 60_600, 60_600, 60_600, 60_600]
        );
        let (pauses, count) = clock.finish();
        assert_eq!((pauses.len(), count), (4, 4));
        assert_eq!(pauses[0].seconds(), Some(8_939.5));
        assert_eq!(pauses[1].seconds(), None);
    }

    #[test]
    fn the_time_between_sessions_and_a_time_without_an_accepted_call_are_pauses() {
        let session = |begun_at, worked_until, first_call| SessionRecord {
            begun_at,
            worked_until,
            first_call,
        };
        let sessions = vec![session(0, 21_000, 1), session(25_000, 60_000, 6)];
        let mut clock = WorkClock::new(60_000, sessions);
        let calls = [
            (1, 0, CallResult::Accepted),
            (2, 1_000, CallResult::Unanswered),
            (3, 5_000, CallResult::Throttled),
            (4, 10_000, CallResult::Refused),
            (5, 20_000, CallResult::Accepted),
            // The next session: four seconds later, by the clock.
            (6, 25_500, CallResult::Refused),
            (7, 26_500, CallResult::Accepted),
        ];
        let read: Vec<u64> = calls
            .into_iter()
            .map(|(id, at, result)| clock.read(&call(id, at, result)))
            .collect();
        assert_eq!(read, [0, 1_000, 5_000, 10_000, 20_000, 20_000, 21_000]);
        let (pauses, count) = clock.finish();
        assert_eq!(count, 2);
        let shown = pauses
            .iter()
            .map(|it| (it.kind, it.from, it.to, it.seconds()));
        let expected = [
            (PauseKind::NoneAccepted, 1_000, 20_000, Some(19.0)),
            (PauseKind::BetweenSessions, 20_000, 20_000, Some(4.0)),
        ];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
    }
}
