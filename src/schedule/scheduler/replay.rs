//! What earlier sessions of the run showed of the limits: their last calls are played once more, so
//! that no limit is exceeded across the break, and what was learned of slower limits is kept.

use std::time::Duration;

use super::Scheduler;
use crate::model::{LaneId, Operation};
use crate::schedule::{EarlierAnswer, EarlierCall, InFlightCall};

impl Scheduler {
    /// Counts calls that the bearers made for another run, each at its time of the scheduler's clock: only
    /// their rates and the total are affected. The session begins at `begins_at`, after them.
    pub fn replay_bearers(
        &mut self,
        calls: impl IntoIterator<Item = (usize, Duration)>,
        begins_at: Duration,
    ) {
        self.begins_at = begins_at;
        for (bearer, at) in calls {
            self.pacing.bearer_was_called(bearer, at);
        }
    }

    /// Plays the last calls of earlier sessions, in the order in which they were sent. The session begins
    /// at this time of the scheduler's clock, after them. The channels must be known.
    pub fn replay(&mut self, calls: &[EarlierCall], begins_at: Duration) {
        self.begins_at = begins_at;
        let sent = calls.iter().map(|call| (call.sent_at, None, call));
        let answered = calls.iter().filter_map(|call| {
            let (at, answer) = call.answer?;
            Some((at, Some(answer), call))
        });
        let mut events: Vec<(Duration, Option<EarlierAnswer>, &EarlierCall)> =
            sent.chain(answered).collect();
        // Stable: a call answered in the millisecond in which it was sent was sent first.
        events.sort_by_key(|(at, ..)| *at);
        for (at, answer, call) in events {
            match (call.bearer, answer) {
                (None, None) if call.operation != Operation::Batch => {}
                (None, None) => self.pacing.was_called(call.channel, at),
                (None, Some(_)) => {}
                (Some(bearer), None) => {
                    self.pacing
                        .on_sent(call.channel, bearer, call.operation, at);
                }
                (Some(bearer), Some(answer)) => {
                    let flight = InFlightCall::without_rows(call, bearer);
                    match answer {
                        EarlierAnswer::Accepted => self.pacing.on_accepted(at, &flight),
                        EarlierAnswer::Throttled => {
                            self.pacing.on_throttled(at, &flight, &mut self.delays);
                        }
                    }
                }
            }
            self.update_ready(call.channel);
        }
    }
}

impl InFlightCall {
    /// As much of a call of an earlier session as the limits are about.
    fn without_rows(call: &EarlierCall, bearer: usize) -> Self {
        Self {
            lane: LaneId(0),
            channel: call.channel,
            operation: call.operation,
            bearer,
            sent_at: call.sent_at,
            rows: Vec::new(),
            other_half: None,
            refusals: Vec::new(),
            retry_rows: 0,
        }
    }
}
