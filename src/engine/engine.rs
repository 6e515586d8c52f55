//! The loop: collect inputs, decide, record in the ledger, commit, send calls, wait.

mod calls;

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::commit_delay::CommitDelay;
use super::ending::{Ending, EngineError, ListError};
use super::event::{Event, Observer};
use super::feed::{Command, Feed};
use super::input::{CompletedCall, Input};
use super::removal::Approvals;
use super::standing::{self, StandingTimer};
use super::task::Task;
use crate::chime::Chime;
use crate::ledger::{Chunk, Ledger, fact};
use crate::limits::CallLimits;
use crate::model::MemberArn;
use crate::schedule::{InFlightCall, Scheduler, Step};

/// Chunks taken in one turn: bounds the size of one commit, and memory.
const CHUNKS_PER_TURN: usize = 8;
/// Bytes of chunks after which no more are taken in one turn.
const BYTES_PER_TURN: usize = 8 * 1024 * 1024;

/// The list counts as slow after this long without a chunk: partial batches are then sent.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// The parts that a run needs.
pub struct Setup {
    /// The run's ledger.
    pub ledger: Ledger,
    /// Decides which call comes next.
    pub scheduler: Scheduler,
    /// The rate limits.
    pub call_limits: CallLimits,
    /// What it does with the rows of its list.
    pub task: Task,
    /// The service.
    pub service: Arc<dyn Chime>,
    /// The bearers to call as.
    pub bearers: Vec<MemberArn>,
    /// The list.
    pub feed: Feed,
    /// Commands from outside.
    pub commands: mpsc::Receiver<Command>,
    /// The wall clock at the start, in milliseconds since 1970.
    pub epoch_millis: i64,
}

/// A run in progress.
pub struct Engine<'w> {
    setup: Setup,
    observer: &'w mut dyn Observer,
    start: Instant,
    calls: JoinSet<CompletedCall>,
    in_flight: HashMap<i64, InFlightCall>,
    approvals: Approvals,
    /// Sent to the observer after the commit.
    events: Vec<Event>,
    list_error: Option<ListError>,
    /// When the list counts as slow if no chunk comes; `None` if it already does.
    slow_at: Option<Duration>,
    interrupted: bool,
    standing_timer: StandingTimer,
    commit_delay: CommitDelay,
}

impl<'w> Engine<'w> {
    /// An engine at the start of a run.
    pub fn new(setup: Setup, observer: &'w mut dyn Observer) -> Self {
        let slow_at = setup.scheduler.begins_at() + SLOW_AFTER;
        Self {
            setup,
            observer,
            start: Instant::now(),
            calls: JoinSet::new(),
            in_flight: HashMap::new(),
            approvals: Approvals::default(),
            events: Vec::new(),
            list_error: None,
            slow_at: Some(slow_at),
            interrupted: false,
            standing_timer: StandingTimer::default(),
            commit_delay: CommitDelay::default(),
        }
    }

    /// Runs to the end. Returns the ledger for the reports.
    ///
    /// # Errors
    /// If the ledger fails. Calls in flight are then given up; the ledger contains them as sent.
    pub async fn run(mut self) -> Result<(Ledger, Ending), EngineError> {
        let mut inputs = Vec::new();
        if self.setup.ledger.staged().complete {
            self.send_bound()?;
        }
        loop {
            self.ready_inputs(&mut inputs)?;
            let mut halted = false;
            for input in inputs.drain(..) {
                halted |= self.handle(input)?;
            }
            if halted {
                self.give_up_calls();
            }
            self.flush_partial_batches()?;
            let scanning = self.scan_duplicates_step()?;
            let (prepared, step) = self.plan_calls()?;
            let planned = self.now();
            let at = self.millis();
            self.setup.ledger.commit_at(at)?;
            let late = self.commit_delay.record(self.now().saturating_sub(planned));
            // Only after the commit: a kill between the two must not lose a sent call.
            for call in prepared {
                self.delay_call(&call, late);
                self.send(call);
            }
            // Only after the commit: an observer never receives what a kill could undo.
            self.notify_observer()?;
            match step {
                Step::Done => break,
                Step::Wait(_) if !scanning => {}
                _ => {
                    tokio::task::yield_now().await;
                    continue;
                }
            }
            let Step::Wait(until) = step else { continue };
            inputs.push(self.wait(until).await?);
        }
        let learned_rate = self.setup.scheduler.learned_rate();
        self.setup
            .ledger
            .set_fact(fact::LEARNED_RATE, &learned_rate)?;
        let ending = match (self.list_error, self.setup.scheduler.stopped()) {
            (_, Some(stop)) => Ending::Stopped(stop.clone()),
            (Some(error), _) => Ending::ListError(error),
            _ if self.interrupted => Ending::Interrupted,
            _ => Ending::Finished,
        };
        Ok((self.setup.ledger, ending))
    }

    /// Sends observers what happened and, from time to time, the state of the channels.
    fn notify_observer(&mut self) -> Result<(), EngineError> {
        let now = self.now();
        if !self.events.is_empty() && self.standing_timer.is_due(now) {
            let standing = standing::standing(&self.setup.scheduler, &self.setup.ledger, now)?;
            self.events.push(Event::Standing(standing));
        }
        for event in self.events.drain(..) {
            self.observer.event(&event);
        }
        Ok(())
    }

    /// The scheduler's time.
    fn now(&self) -> Duration {
        self.setup.scheduler.begins_at() + self.start.elapsed()
    }

    /// The moment of the scheduler's time.
    fn instant(&self, time: Duration) -> Instant {
        self.start + time.saturating_sub(self.setup.scheduler.begins_at())
    }

    fn millis(&self) -> i64 {
        let since = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.setup.epoch_millis.saturating_add(since)
    }

    /// Collects the inputs that are available now, without waiting.
    fn ready_inputs(&mut self, inputs: &mut Vec<Input>) -> Result<(), EngineError> {
        while let Some(completed) = self.calls.try_join_next() {
            inputs.push(Input::CompletedCall(completed.map_err(task_panicked)?));
        }
        while let Ok(command) = self.setup.commands.try_recv() {
            inputs.push(Input::Command(command));
        }
        let mut bytes = 0;
        for _ in 0..CHUNKS_PER_TURN {
            if bytes >= BYTES_PER_TURN {
                break;
            }
            match self.setup.feed.ready_chunk() {
                Poll::Ready(Some(chunk)) => {
                    bytes += chunk.as_ref().map_or(0, Chunk::size);
                    inputs.push(Input::Chunk(chunk));
                }
                Poll::Ready(None) => {
                    // Not left to `wait`: it takes answers first, so the end could come late.
                    inputs.push(Input::ListEnd);
                    break;
                }
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Waits for the next input, or until a time.
    async fn wait(&mut self, until: Option<Duration>) -> Result<Input, EngineError> {
        let list_open = !matches!(self.setup.feed, Feed::Ended);
        let slow_at = self.slow_at.filter(|_| list_open);
        let until = until.into_iter().chain(slow_at).min();
        let due = self.instant(until.unwrap_or(Duration::ZERO));
        tokio::select! {
            biased;
            Some(completed) = self.calls.join_next() => Ok(Input::CompletedCall(completed.map_err(task_panicked)?)),
            Some(command) = self.setup.commands.recv() => Ok(Input::Command(command)),
            chunk = self.setup.feed.next(), if list_open => {
                Ok(chunk.map_or(Input::ListEnd, Input::Chunk))
            }
            () = tokio::time::sleep_until(due), if until.is_some() => Ok(Input::Due),
            else => Ok(Input::Due),
        }
    }

    /// Handles one input. Returns true if the run must stop now.
    fn handle(&mut self, input: Input) -> Result<bool, EngineError> {
        match input {
            Input::CompletedCall(completed) => self.on_completed(completed)?,
            // After a list error, discard chunks that are already buffered.
            Input::Chunk(_) if self.list_error.is_some() => {}
            Input::Chunk(Ok(chunk)) => self.stage(&chunk)?,
            Input::Chunk(Err(error)) => {
                self.stop_reading(ListError::Unreadable(error));
            }
            // Reading was stopped before its end, so this is not the end of the list.
            Input::ListEnd if matches!(self.setup.feed, Feed::Ended) => {}
            Input::ListEnd if self.setup.ledger.is_list_short() => {
                let what = "it ends before the last row that an earlier session read".to_owned();
                self.stop_reading(ListError::Changed { what });
            }
            Input::ListEnd => {
                self.setup.feed = Feed::Ended;
                self.flush_staged()?;
                self.setup.ledger.end_list()?;
            }
            Input::Command(command) => {
                self.interrupted = true;
                self.setup.feed = Feed::Ended;
                self.setup.scheduler.drain();
                self.events.push(Event::Draining {
                    in_flight: self.setup.scheduler.in_flight(),
                });
                return Ok(command == Command::Halt);
            }
            Input::Due => {}
        }
        Ok(false)
    }

    /// Reads no more of the list, and ends the run after the calls in flight.
    fn stop_reading(&mut self, error: ListError) {
        self.list_error = Some(error);
        self.setup.feed = Feed::Ended;
        self.setup.scheduler.drain();
    }

    /// Writes a chunk into the ledger, after its new lanes are known to the scheduler.
    fn stage(&mut self, chunk: &Chunk) -> Result<(), EngineError> {
        let known = self.setup.scheduler.lanes();
        for (_, lane) in chunk.lanes.iter().filter(|(id, _)| id.index() >= known) {
            self.setup.scheduler.open_lane(lane.channel);
        }
        if let Some(row) = self.setup.ledger.stage(chunk)? {
            let what = format!("row {row} differs from what an earlier session read");
            self.stop_reading(ListError::Changed { what });
            return Ok(());
        }
        self.slow_at = Some(self.now() + SLOW_AFTER);
        if self.setup.ledger.should_flush() {
            self.flush_staged()?;
        }
        let staged = self.setup.ledger.staged();
        self.events.push(Event::Staged {
            rows_read: staged.rows_read,
            bytes_read: chunk.bytes_read,
            invalid: staged.invalid,
        });
        Ok(())
    }

    /// If the list is slow, lets the scheduler send partial batches.
    fn flush_partial_batches(&mut self) -> Result<(), EngineError> {
        if self.slow_at.is_some_and(|at| at <= self.now()) {
            self.slow_at = None;
            self.flush_staged()?;
            self.setup.scheduler.flush_partial_batches();
        }
        Ok(())
    }

    /// Queues the staged rows, in the ledger and in the scheduler.
    fn flush_staged(&mut self) -> Result<(), EngineError> {
        for (lane, rows) in self.setup.ledger.flush_staged()? {
            self.setup.scheduler.stage(lane, rows);
        }
        Ok(())
    }

    /// Once the list is read, runs a step of the scan for duplicates. Returns true while steps are
    /// left.
    fn scan_duplicates_step(&mut self) -> Result<bool, EngineError> {
        let staged = self.setup.ledger.staged();
        if staged.complete || !staged.list_ended || self.interrupted {
            return Ok(false);
        }
        if self.setup.ledger.scan_duplicates()? {
            self.setup.scheduler.end_staging();
            let (staged, notes) = (self.setup.ledger.staged(), self.setup.ledger.notes()?);
            self.events.push(Event::ListComplete {
                rows_read: staged.rows_read,
                invalid: staged.invalid,
                duplicate: staged.duplicate,
                notes,
            });
            self.send_bound()?;
            return Ok(false);
        }
        self.flush_staged()?;
        Ok(true)
    }

    /// Sends the lower bound to the observer. The list must be complete.
    fn send_bound(&mut self) -> Result<(), EngineError> {
        let limits = self.setup.scheduler.limits();
        let bound = self.setup.ledger.lower_bound(limits.members_per_call)?;
        let (time, binding) = bound.time(limits, self.setup.bearers.len());
        self.events.push(Event::Bound {
            calls: bound.calls(),
            time,
            binding,
        });
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err's signature")]
fn task_panicked(error: tokio::task::JoinError) -> EngineError {
    EngineError::TaskPanicked(error.to_string())
}
