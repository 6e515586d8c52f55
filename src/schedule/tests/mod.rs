//! The scheduler as a whole, told what happens call by call.

use std::time::Duration;

mod incidents;
mod outage;
mod refusals;
mod turns;

use super::*;
use crate::model::{ChannelId, LaneId, Limits, Outcome, Refusal, RefusalKind};

const ZERO: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

/// A scheduler and the time, rows numbered as they are drawn.
struct SchedulerHarness {
    scheduler: Scheduler,
    now: Duration,
    drawn: u64,
}

impl SchedulerHarness {
    /// So many rows on each of some channels, a lane each.
    fn new(rows: &[u64], change: impl FnOnce(&mut SchedulerConfig)) -> Self {
        let mut settings = SchedulerConfig::new(Limits::of_region("us-east-1"), 1);
        settings.limits.bearer_rate = 1e6;
        change(&mut settings);
        let mut scheduler = Scheduler::new(settings);
        for (channel, rows) in (0..).zip(rows) {
            let lane = scheduler.open_lane(ChannelId(channel));
            scheduler.stage(lane, *rows);
        }
        scheduler.end_staging();
        Self {
            scheduler,
            now: ZERO,
            drawn: 0,
        }
    }

    fn usual(rows: &[u64]) -> Self {
        Self::new(rows, |_| {})
    }

    /// The order given now, as a call.
    fn call(&mut self) -> Option<InFlightCall> {
        let Step::Call(order) = self.scheduler.next(self.now) else {
            return None;
        };
        let is_control = order.is_control();
        let fresh = u64::try_from(order.fresh).unwrap();
        let mut rows = order.retries;
        rows.extend((self.drawn + 1..=self.drawn + fresh).map(PendingRow::fresh));
        self.drawn += fresh;
        assert!((1..=100).contains(&rows.len()) || is_control);
        Some(InFlightCall {
            lane: order.lane,
            channel: order.channel,
            bearer: order.bearer,
            operation: order.operation,
            sent_at: self.now,
            rows,
            other_half: order.other_half,
            refusals: order.refusals,
            retry_rows: order.retry_rows,
        })
    }

    /// The order given now, but for the bearer's pace.
    fn at_once(&mut self) -> InFlightCall {
        let before = self.now;
        let flight = self.next_call();
        assert!(
            self.now < before + Duration::from_micros(5),
            "only at {:?}",
            self.now
        );
        flight
    }

    /// Waits for the next call.
    fn next_call(&mut self) -> InFlightCall {
        for _ in 0..1_000 {
            if let Some(flight) = self.call() {
                return flight;
            }
            match self.scheduler.next(self.now) {
                Step::Wait(Some(until)) => self.now = until,
                other => panic!("no call, but {other:?}"),
            }
        }
        panic!("never a call");
    }

    fn refuse(&mut self, flight: InFlightCall, kind: RefusalKind) -> Settlement {
        self.scheduler
            .settle(self.now, flight, Answer::Refused(refusal(kind)))
    }

    fn accept(&mut self, flight: InFlightCall) -> Settlement {
        self.answer(flight, |_| MemberAnswer::Added)
    }

    fn answer(&mut self, flight: InFlightCall, of: impl Fn(u64) -> MemberAnswer) -> Settlement {
        let answers = flight.rows.iter().map(|pending| of(pending.row)).collect();
        self.scheduler
            .settle(self.now, flight, Answer::Members(answers))
    }

    /// Answers everything from now on; gives calls made and rows by outcome.
    fn play(&mut self, of: impl Fn(&InFlightCall) -> Answer) -> (usize, Vec<(u64, Outcome)>) {
        let (mut calls, mut ended) = (0, Vec::new());
        for _ in 0..50_000 {
            match self.call() {
                Some(flight) => {
                    calls += 1;
                    let answer = of(&flight);
                    let settlement = self.scheduler.settle(self.now, flight, answer);
                    let rulings = settlement.rulings.iter().chain(&settlement.others);
                    ended.extend(rulings.filter_map(|r| Some((r.pending.row, r.outcome?))));
                }
                None => match self.scheduler.next(self.now) {
                    Step::Wait(Some(until)) => self.now = until,
                    Step::Done => return (calls, ended),
                    other => panic!("stuck: {other:?}"),
                },
            }
        }
        panic!("it does not end");
    }
}

fn refusal(kind: RefusalKind) -> Refusal {
    let code = match kind {
        RefusalKind::LimitExceeded => "ResourceLimitExceededException".to_owned(),
        RefusalKind::Denied => "ForbiddenException".to_owned(),
        RefusalKind::WrongAddress => "HtmlPage".to_owned(),
        kind => format!("{kind:?}"),
    };
    Refusal {
        kind,
        code,
        message: String::new(),
    }
}

fn added(flight: &InFlightCall) -> Answer {
    Answer::Members(vec![MemberAnswer::Added; flight.rows.len()])
}

fn error(code: &str) -> MemberAnswer {
    MemberAnswer::Error {
        code: code.to_owned(),
        message: String::new(),
    }
}
