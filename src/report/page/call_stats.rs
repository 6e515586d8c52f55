//! Statistics of the calls for the page, computed in one pass over them.

use std::cmp::Reverse;

use super::latency::LatencyHistogram;
use super::timeline::Timeline;
use super::work_clock::{Pause, WorkClock};
use crate::ledger::{CallRecord, CallResult, LedgerError, LedgerReader};
use crate::model::{ChannelId, Limits, RunState};
use crate::report::ReportError;

/// At most this many channels are listed.
const MAX_NAMED: usize = 20;
/// Calls after which to check whether to continue.
const CHECK_INTERVAL: usize = 1_024;
/// A time without a call that is shorter than this is no pause; an answer never takes longer.
const MINUTE_MS: i64 = 60_000;

/// Statistics of all calls.
#[derive(Debug)]
pub(super) struct CallStats {
    pub(super) timeline: Timeline,
    /// Calls per second that the limits allowed, in each bucket.
    pub(super) allowed: Vec<f64>,
    /// The first pauses, and how many there were.
    pub(super) pauses: Vec<Pause>,
    pub(super) pause_count: u64,
    pub(super) latency: LatencyHistogram,
    /// The channels that took longest, the longest first.
    pub(super) channels: Vec<ChannelTime>,
    /// How many channels were called.
    pub(super) called: usize,
}

/// One channel's calls.
#[derive(Debug, Clone)]
pub(super) struct ChannelTime {
    pub(super) arn: String,
    pub(super) span: Span,
}

/// The first call and the last answer of a channel, in milliseconds of working time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) first: u64,
    last: u64,
    end: u64,
    pub(super) calls: u32,
    pub(super) refused: u32,
}

impl Span {
    /// From the first call to the last answer, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn seconds(self) -> f64 {
        self.end.saturating_sub(self.first) as f64 / 1_000.0
    }

    fn add(&mut self, at: u64, took: u64, result: CallResult) {
        if self.calls == 0 {
            self.first = at;
        }
        self.last = at;
        self.end = self.end.max(at.saturating_add(took));
        self.calls = self.calls.saturating_add(1);
        self.refused = self
            .refused
            .saturating_add(u32::from(result != CallResult::Accepted));
    }
}

impl CallStats {
    /// Computes them from the ledger. Holds a few bytes per channel, as the run does.
    pub(super) fn of(
        ledger: &LedgerReader,
        limits: &Limits,
        bearers: u64,
        state: RunState,
        mut should_continue: impl FnMut() -> bool,
    ) -> Result<Self, ReportError> {
        let mut clock = WorkClock::new(longest_wait(limits), ledger.sessions()?);
        let (mut timeline, mut latency) = (Timeline::default(), LatencyHistogram::default());
        let mut spans: Vec<Span> = Vec::new();
        let mut seen = 0usize;
        ledger.for_each_call(|call| {
            seen += 1;
            if seen.is_multiple_of(CHECK_INTERVAL) && !should_continue() {
                return Err(ReportError::Interrupted);
            }
            let (at, took) = (clock.read(&call), took(&call));
            timeline.add(at, call.result, call.members);
            if let Some(took) = took.filter(|_| call.result != CallResult::Unanswered) {
                latency.add(took);
            }
            if spans.len() <= call.channel.index() {
                spans.resize(call.channel.index() + 1, Span::default());
            }
            if let Some(span) = spans.get_mut(call.channel.index()) {
                span.add(at, took.unwrap_or_default(), call.result);
            }
            Ok(())
        })?;
        let (pauses, pause_count) = clock.finish();
        Ok(Self {
            allowed: allowed(limits, bearers, state, &timeline, &spans),
            timeline,
            pauses,
            pause_count,
            latency,
            called: spans.iter().filter(|span| span.calls > 0).count(),
            channels: longest(ledger, &spans)?,
        })
    }
}

impl CallStats {
    /// Whether the limit is so far above the calls that one scale cannot show both.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn is_far_below(&self) -> bool {
        let calls = self.timeline.buckets().iter().map(|bucket| bucket.calls());
        let most = calls.max().unwrap_or_default() as f64 / self.timeline.seconds();
        self.allowed.iter().copied().fold(0.0, f64::max) > 5.0 * most.max(1.0)
    }
}

/// The longest time between two calls at work, in milliseconds. A longer one is a pause.
fn longest_wait(limits: &Limits) -> i64 {
    let slowest = limits
        .max_rate
        .map_or(limits.channel_rate, |rate| rate.min(limits.channel_rate));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and rates are above 0.001"
    )]
    let wait = (4_000.0 / slowest.min(limits.bearer_rate)) as i64;
    wait.max(MINUTE_MS)
}

/// How long the answer took; `None` if the two times contradict each other.
fn took(call: &CallRecord) -> Option<u64> {
    let took = call.settled_at?.checked_sub(call.sent_at)?;
    u64::try_from(took).ok().filter(|_| took <= 10 * MINUTE_MS)
}

/// The calls per second that the limits allow in each bucket: those of all bearers together, or of
/// the channels that are not done yet.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn allowed(
    limits: &Limits,
    bearers: u64,
    state: RunState,
    timeline: &Timeline,
    spans: &[Span],
) -> Vec<f64> {
    let pool = limits.bearer_rate * bearers.max(1) as f64;
    let pool = limits.max_rate.map_or(pool, |rate| rate.min(pool));
    let mut done = vec![0u64; timeline.buckets().len()];
    let called = spans.iter().filter(|span| span.calls > 0);
    let mut open = 0u64;
    for span in called {
        open += 1;
        if let Some(done) = done.get_mut(timeline.index(span.last)) {
            *done += 1;
        }
    }
    let mut each = Vec::with_capacity(done.len());
    for done in done {
        each.push(pool.min(open as f64 * limits.channel_rate));
        // In an unfinished run it is unknown which channels are done.
        if state == RunState::Finished {
            open -= done;
        }
    }
    each
}

/// The channels that took longest.
fn longest(ledger: &LedgerReader, spans: &[Span]) -> Result<Vec<ChannelTime>, LedgerError> {
    let mut order: Vec<(u32, Span)> = Vec::new();
    for (id, span) in (0..).zip(spans.iter().copied()) {
        if span.calls > 0 {
            order.push((id, span));
        }
        // The sort is stable: of equals, the first in the list comes first.
        if order.len() == 10 * MAX_NAMED {
            keep_longest(&mut order);
        }
    }
    keep_longest(&mut order);
    let named = order.into_iter().map(|(id, span)| {
        let arn = ledger.channel_arn(ChannelId(id))?;
        Ok(ChannelTime {
            arn: arn.as_str().to_owned(),
            span,
        })
    });
    named.collect()
}

fn keep_longest(order: &mut Vec<(u32, Span)>) {
    order.sort_by_key(|(_, span)| Reverse(span.end.saturating_sub(span.first)));
    order.truncate(MAX_NAMED);
}
