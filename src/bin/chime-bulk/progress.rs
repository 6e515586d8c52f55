//! Progress: bars on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use chime_bulk::engine::{Event, Watch};
use chime_bulk::job::Started;
use chime_bulk::model::{Limits, Outcome, RefusalKind, Tally};
use chime_bulk::report;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// Between two lines where standard error is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Over how long the rate is measured.
const RATE_OVER: Duration = Duration::from_secs(10);

/// What is shown.
#[derive(Debug, Default)]
struct Counts {
    rows_read: u64,
    unsent: u64,
    list_complete: bool,
    settled_before: u64,
    settled: Tally,
    calls: u64,
    throttled: u64,
    in_flight: u32,
    /// While one call at a time probes: for whose sake.
    pause: Option<Pause>,
    draining: bool,
}

/// What the run waits for.
#[derive(Debug, Clone, Copy)]
enum Pause {
    Service,
    Credentials,
}

/// Shows a run under way.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    counts: Counts,
    limits: Limits,
    bearers: usize,
    began: Instant,
    /// Recent moments, with the calls made until then.
    recent: std::collections::VecDeque<(Instant, u64)>,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn begin(started: &Started) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            let style =
                ProgressStyle::with_template("{bar:30} {percent:>3}%  {prefix}\n  {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            counts: Counts {
                rows_read: started.staged.rows_read,
                unsent: started.staged.invalid + started.staged.duplicate,
                list_complete: started.staged.complete,
                settled_before: started.settled_before,
                ..Counts::default()
            },
            limits: started.limits,
            bearers: started.bearers,
            began: now,
            recent: std::collections::VecDeque::from([(now, 0)]),
            last_line: now,
        }
    }

    /// Members whose fate is known, of those that are to be sent.
    fn done(&self) -> (u64, u64) {
        let to_send = self.counts.rows_read - self.counts.unsent.min(self.counts.rows_read);
        (
            self.counts.settled_before + self.counts.settled.total(),
            to_send,
        )
    }

    fn rate(&mut self, now: Instant) -> f64 {
        self.recent.push_back((now, self.counts.calls));
        while self.recent.len() > 2 && now.duration_since(self.recent[0].0) > RATE_OVER {
            self.recent.pop_front();
        }
        let (since, before) = self.recent[0];
        let seconds = now.duration_since(since).as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
        let rate = (self.counts.calls - before) as f64 / seconds;
        rate
    }

    /// How far it is, and how long it takes.
    fn place(&self, now: Instant) -> String {
        let (done, to_send) = self.done();
        let settled = self.counts.settled.total();
        let left = match () {
            () if self.counts.draining => "stopping".to_owned(),
            () if matches!(self.counts.pause, Some(Pause::Service)) => {
                "service down, probing".to_owned()
            }
            () if matches!(self.counts.pause, Some(Pause::Credentials)) => {
                "credentials not accepted, waiting".to_owned()
            }
            () if !self.counts.list_complete => "reading the list".to_owned(),
            () if settled == 0 => "starting".to_owned(),
            () => {
                let part = u32::try_from(to_send.saturating_sub(done)).unwrap_or(u32::MAX);
                let whole = u32::try_from(settled).unwrap_or(u32::MAX);
                let elapsed = now.duration_since(self.began);
                let left = elapsed.mul_f64(f64::from(part) / f64::from(whole));
                format!("{} left", HumanDuration(left))
            }
        };
        format!(
            "{}/{} members · {left}",
            HumanCount(done),
            HumanCount(to_send)
        )
    }

    /// The calls, against the limit.
    fn calls(&mut self, now: Instant) -> String {
        #[expect(clippy::cast_precision_loss, reason = "a small number of bearers")]
        let pool = self.limits.bearer_rate * self.bearers as f64;
        let limit = self.limits.max_rate.map_or(pool, |rate| rate.min(pool));
        let rate = self.rate(now);
        let counts = &self.counts;
        let failed = counts.settled.of(Outcome::Failed) + counts.settled.of(Outcome::Unconfirmed);
        let failed = if failed > 0 {
            format!(" · {} failed", HumanCount(failed))
        } else {
            String::new()
        };
        format!(
            "{} calls, {rate:.1}/s of {limit} · {} throttled{failed}",
            HumanCount(counts.calls),
            HumanCount(counts.throttled),
        )
    }

    /// A line that stays, above the bar.
    fn say(&self, text: impl std::fmt::Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(text)),
            None => output::note(text),
        }
    }

    fn show(&mut self) {
        let now = Instant::now();
        if self.bar.is_none() && now.duration_since(self.last_line) < LINE_EVERY {
            return;
        }
        let (place, calls) = (self.place(now), self.calls(now));
        if let Some(bar) = &self.bar {
            let (done, to_send) = self.done();
            bar.set_length(to_send.max(1));
            bar.set_position(done);
            bar.set_prefix(place);
            bar.set_message(calls);
        } else {
            self.last_line = now;
            output::note(format_args!("{place} · {calls}"));
        }
    }
}

impl Watch for Progress {
    fn event(&mut self, event: &Event) {
        let counts = &mut self.counts;
        match event {
            Event::Staged {
                rows_read, invalid, ..
            } => {
                counts.rows_read = *rows_read;
                counts.unsent = *invalid;
            }
            Event::ListComplete {
                rows_read,
                invalid,
                duplicate,
            } => {
                counts.rows_read = *rows_read;
                counts.unsent = invalid + duplicate;
                counts.list_complete = true;
            }
            Event::Bound {
                calls,
                time,
                binding,
            } => {
                let least = report::least(*calls, *time, *binding);
                self.say(format_args!("bound: {least}"));
                return;
            }
            Event::CallSent { in_flight, .. } => {
                counts.calls += 1;
                counts.in_flight = *in_flight;
            }
            Event::CallSettled {
                refusal,
                settled,
                in_flight,
                outage,
                ..
            } => {
                for outcome in Outcome::ALL {
                    counts.settled.add(outcome, settled.of(outcome));
                }
                counts.throttled += u64::from(*refusal == Some(RefusalKind::Throttled));
                counts.in_flight = *in_flight;
                let is_locked_out = matches!(
                    refusal,
                    Some(RefusalKind::Unauthorized | RefusalKind::NoCredentials)
                );
                counts.pause = outage.then_some(if is_locked_out {
                    Pause::Credentials
                } else {
                    Pause::Service
                });
            }
            Event::Draining { .. } => counts.draining = true,
            _ => {}
        }
        self.show();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
