//! What is shown of a run: plain data, made of events. The caller passes the time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chime_bulk::engine::{Event, Standing, Task};
use chime_bulk::job::Started;
use chime_bulk::model::codes;
use chime_bulk::model::{Limits, Outcome, RefusalKind, Tally};

/// Over how long the rate is measured.
const RATE_OVER: Duration = Duration::from_secs(10);
/// How often it is noted how many calls there were.
const NOTE_EVERY: Duration = Duration::from_millis(250);
/// How long after a throttled call the run counts as cooling down.
const COOL_DOWN: Duration = Duration::from_secs(3);
/// Codes counted one by one; a service with more words than this is not taken at them.
const MOST_CODES: usize = 32;

/// What the run does, or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The list is not read to its end.
    Reading,
    /// Calls go out.
    Calling,
    /// Calls were throttled.
    CoolDown,
    /// The service counts as down.
    Outage,
    /// The credentials are not accepted.
    Credentials,
    /// No more is begun.
    Draining,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 6] = [
        Self::Reading,
        Self::Calling,
        Self::CoolDown,
        Self::Outage,
        Self::Credentials,
        Self::Draining,
    ];

    /// Its name in the metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Calling => "calling",
            Self::CoolDown => "cool_down",
            Self::Outage => "outage",
            Self::Credentials => "credentials",
            Self::Draining => "draining",
        }
    }
}

/// What is shown at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) state: State,
    /// Members whose fate is known.
    pub(crate) done: u64,
    /// Members to send, as far as the list is read.
    pub(crate) to_send: u64,
    /// Calls a second, lately.
    pub(crate) rate: f64,
    /// Calls a second, at most.
    pub(crate) limit: f64,
    /// While one call at a time probes: the code and the reason of the last refusal.
    pub(crate) reason: Option<String>,
    /// Time left, if it can be told.
    pub(crate) left: Option<Duration>,
    pub(crate) calls: u64,
    pub(crate) in_flight: u32,
    /// Calls refused or lost.
    pub(crate) refused: u64,
    /// Rows that wait for another try.
    pub(crate) retrying: usize,
    /// Rows that did not get in, by code, most first. Of an undo: that could not be removed.
    pub(crate) failed: Vec<(String, u64)>,
    /// Members that an undo kept.
    pub(crate) kept: u64,
    pub(crate) standing: Standing,
    /// What is counted.
    pub(crate) noun: &'static str,
}

/// What was counted so far.
#[derive(Debug)]
pub(crate) struct Counts {
    limits: Limits,
    bearers: usize,
    rows_read: u64,
    unsent: u64,
    list_complete: bool,
    task: Task,
    settled_before: u64,
    settled: Tally,
    calls: u64,
    refused: u64,
    retrying: usize,
    in_flight: u32,
    failed: BTreeMap<String, u64>,
    kept: u64,
    /// While one call at a time probes: for whose sake.
    pause: Option<State>,
    /// The code and the reason of the last refusal, while nothing was accepted since.
    reason: Option<String>,
    throttled_at: Option<Duration>,
    draining: bool,
    standing: Standing,
    /// Recent moments, with the calls made until then.
    recent: VecDeque<(Duration, u64)>,
}

impl Counts {
    pub(crate) fn new(started: &Started) -> Self {
        Self {
            limits: started.limits,
            bearers: started.bearers,
            rows_read: started.staged.rows_read,
            unsent: started.staged.invalid + started.staged.duplicate,
            list_complete: started.staged.complete,
            task: started.task,
            settled_before: started.settled_before,
            settled: Tally::default(),
            calls: 0,
            refused: 0,
            retrying: 0,
            in_flight: 0,
            failed: BTreeMap::new(),
            kept: 0,
            pause: None,
            reason: None,
            throttled_at: None,
            draining: false,
            standing: Standing::default(),
            recent: VecDeque::from([(Duration::ZERO, 0)]),
        }
    }

    /// Whether its list is one that the program made.
    fn is_part(&self) -> bool {
        self.task.removes() || self.task == Task::Read
    }

    /// Takes in an event, so long after the beginning.
    pub(crate) fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Staged {
                rows_read, invalid, ..
            } => {
                self.rows_read = *rows_read;
                self.unsent = *invalid;
            }
            Event::ListComplete {
                rows_read,
                invalid,
                duplicate,
                ..
            } => {
                self.rows_read = *rows_read;
                self.unsent = invalid + duplicate;
                self.list_complete = true;
            }
            Event::Listed { rows } => self.settled.add(Outcome::AlreadyMember, *rows),
            Event::CallSent { in_flight, .. } => {
                self.note_calls(now);
                self.calls += 1;
                self.in_flight = *in_flight;
            }
            Event::CallSettled {
                refusal,
                code,
                reason,
                settled,
                failed,
                waiting,
                in_flight,
                outage,
                ..
            } => {
                for outcome in Outcome::ALL {
                    self.settled.add(outcome, settled.of(outcome));
                }
                for (code, rows) in failed {
                    if codes::KEPT.contains(&code.as_str()) {
                        self.kept += rows;
                    } else {
                        self.fail(word(code), *rows);
                    }
                }
                self.refused += u64::from(refusal.is_some());
                self.retrying = *waiting;
                self.in_flight = *in_flight;
                if *refusal == Some(RefusalKind::Throttled) {
                    self.throttled_at = Some(now);
                }
                self.reason = explained(code.as_deref(), reason.as_deref());
                self.pause = outage.then(|| self.pause_for(*refusal));
            }
            Event::Standing(standing) => self.standing.clone_from(standing),
            Event::Draining { in_flight } => {
                self.draining = true;
                self.in_flight = *in_flight;
            }
            _ => {}
        }
    }

    /// Why one call at a time probes: the code of the last refused call.
    fn pause_for(&self, refusal: Option<RefusalKind>) -> State {
        match refusal {
            Some(RefusalKind::Credentials | RefusalKind::NoCredentials) => State::Credentials,
            Some(_) => State::Outage,
            None => self.pause.unwrap_or(State::Outage),
        }
    }

    fn fail(&mut self, code: &str, rows: u64) {
        let is_known = self.failed.contains_key(code);
        let code = if is_known || self.failed.len() < MOST_CODES {
            code
        } else {
            "others"
        };
        *self.failed.entry(code.to_owned()).or_default() += rows;
    }

    fn note_calls(&mut self, now: Duration) {
        let last = self.recent.back().map_or(Duration::ZERO, |(at, _)| *at);
        if now.saturating_sub(last) >= NOTE_EVERY {
            self.recent.push_back((now, self.calls));
        }
        while self.recent.len() > 2 && now.saturating_sub(self.recent[0].0) > RATE_OVER {
            self.recent.pop_front();
        }
    }

    /// What is shown now.
    pub(crate) fn view(&mut self, now: Duration) -> View {
        self.note_calls(now);
        let rate = self.rate(now);
        let mut failed: Vec<_> = self.failed.clone().into_iter().collect();
        failed.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        View {
            state: self.state(now),
            reason: self.pause.and_then(|_| self.reason.clone()),
            done: self.settled_before + self.settled.total(),
            to_send: self.rows_read.saturating_sub(self.unsent),
            rate,
            limit: self.limit(),
            left: self.left(rate),
            calls: self.calls,
            in_flight: self.in_flight,
            refused: self.refused,
            retrying: self.retrying,
            failed,
            kept: self.kept,
            noun: if self.task == Task::Read {
                "questions"
            } else {
                "members"
            },
            standing: self.standing.clone(),
        }
    }

    fn state(&self, now: Duration) -> State {
        let is_throttled = self
            .throttled_at
            .is_some_and(|at| now.saturating_sub(at) < COOL_DOWN);
        match self.pause {
            _ if self.draining => State::Draining,
            Some(pause) => pause,
            None if is_throttled => State::CoolDown,
            // The list of an undo is not the user's.
            None if !self.list_complete && !self.is_part() => State::Reading,
            None => State::Calling,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    fn rate(&self, now: Duration) -> f64 {
        let (since, before) = self.recent[0];
        let seconds = now.saturating_sub(since).as_secs_f64();
        (self.calls - before) as f64 / seconds.max(0.5)
    }

    /// That of the bearers, of all calls together, and of the channels that are open.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn limit(&self) -> f64 {
        let pool = self.limits.bearer_rate * self.bearers as f64;
        let channels = match self.standing.open {
            0 => f64::INFINITY,
            open => self.limits.channel_rate * open as f64,
        };
        pool.min(channels)
            .min(self.limits.max_rate.unwrap_or(f64::INFINITY))
    }

    /// The least time for the calls left, or more at the observed rate.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn left(&self, rate: f64) -> Option<Duration> {
        let calls = self.standing.calls_left as f64;
        if !self.list_complete || self.draining || rate <= 0.0 {
            return None;
        }
        let largest = self.standing.largest.first();
        let largest = largest.map_or(0.0, |channel| channel.calls_left as f64);
        let seconds = (largest / self.limits.channel_rate)
            .max(calls / self.limit())
            .max(calls / rate);
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// The code of a refusal and its reason.
pub(crate) fn explained(code: Option<&str>, reason: Option<&str>) -> Option<String> {
    let code = word(code?);
    Some(reason.map_or_else(|| code.to_owned(), |reason| format!("{code}: {reason}")))
}

/// A code as it can be shown and logged: one that the catalogue does not have may be anything, a
/// name too.
pub(crate) fn word(code: &str) -> &str {
    if codes::explain(code).is_some() {
        code
    } else {
        "other"
    }
}

#[cfg(test)]
pub(crate) mod tests;
