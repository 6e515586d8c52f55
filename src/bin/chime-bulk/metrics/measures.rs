//! What is measured: counters and a histogram from events; gauges, see [`Gauges`].
//!
//! Counters begin at 0 with each process: Prometheus's functions handle that. What earlier sessions did is
//! in `status --json`.

use std::fmt;
use std::sync::Arc;

use chime_bulk::engine::{Event, Task};
use chime_bulk::job::Started;
use chime_bulk::model::{Outcome, Tally};
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::gauges::{Gauges, Phase};
use crate::exit::Exit;
use crate::progress::{LiveCounts, SettledRows};

/// The names of all metrics begin with this.
const PREFIX: &str = "chime_bulk";
/// Upper bounds of the histogram's buckets, in seconds: an answer usually takes some 60 ms, and a call is
/// lost after half a minute.
const BUCKETS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// The result of a call that is not refused.
const ACCEPTED: &str = "accepted";

/// The labels of rows: what is done with them, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    task: &'static str,
    outcome: &'static str,
}

/// The labels of calls: what they are for, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    task: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

/// A format of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4.
    Prometheus,
}

/// All that is measured. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Measures {
    registry: Arc<Registry>,
    members: Family<OutcomeLabels, Counter>,
    calls: Family<ResultLabels, Counter>,
    durations: Family<TaskLabels, Histogram, Buckets>,
    phase: Phase,
}

/// Makes the histograms.
#[derive(Debug, Clone)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

impl Measures {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let (members, calls) = (Family::default(), Family::default());
        let durations = Family::new_with_constructor(Buckets);
        let phase = Phase::default();
        registry.register(
            "members",
            "Rows that have an outcome, of this process; of the task read: questions",
            members.clone(),
        );
        registry.register(
            "calls",
            "Calls that ended, of this process, by what became of them",
            calls.clone(),
        );
        // Its unit is in its name alone: some parsers refuse a histogram that declares one.
        registry.register(
            "call_duration_seconds",
            "Time from sending a call to its answer, or to its loss",
            durations.clone(),
        );
        registry.register_collector(Box::new(Gauges::new(phase.clone())));
        Self {
            registry: Arc::new(registry),
            members,
            calls,
            durations,
            phase,
        }
    }

    /// Counts a run, or a part of one.
    pub(super) fn begin(&self, started: &Started, counts: LiveCounts) -> TaskMeasures {
        self.phase.begin(counts);
        let measures = TaskMeasures {
            measures: self.clone(),
            task: started.task,
            invalid: started.staged.invalid,
            duplicate: started.staged.duplicate,
        };
        // A counter that appears only with its first value hides that value from `rate` and `increase`.
        for (outcome, _) in SettledRows::default().by_outcome(started.task) {
            measures.add_rows(outcome, 0);
        }
        if matches!(started.task, Task::Add | Task::Stage) {
            measures.add_rows(Outcome::Invalid.as_str(), 0);
            measures.add_rows(Outcome::Duplicate.as_str(), 0);
        }
        measures.add_calls(ACCEPTED, 0);
        drop(self.durations.get_or_create(&measures.label()));
        measures
    }

    /// Ends what is measured. Only the first end counts.
    pub(super) fn end(&self, exit: Option<Exit>) {
        self.phase.end(exit);
    }

    /// The metrics as text.
    pub(super) fn text(&self, format: Format) -> Result<String, fmt::Error> {
        let mut text = String::new();
        match format {
            Format::OpenMetrics => text::encode(&mut text, &self.registry)?,
            Format::Prometheus => prometheus_text::encode(&mut text, &self.registry)?,
        }
        Ok(text)
    }
}

/// Counts a run, or a part of one.
pub(super) struct TaskMeasures {
    measures: Measures,
    task: Task,
    /// Defective rows and duplicates of the list, as last counted: events contain their sums.
    invalid: u64,
    duplicate: u64,
}

impl TaskMeasures {
    fn label(&self) -> TaskLabels {
        let task = self.task.as_str();
        TaskLabels { task }
    }

    fn add_rows(&self, outcome: &'static str, rows: u64) {
        let task = self.task.as_str();
        let labels = OutcomeLabels { task, outcome };
        self.measures.members.get_or_create(&labels).inc_by(rows);
    }

    fn add_calls(&self, result: &'static str, calls: u64) {
        let task = self.task.as_str();
        let labels = ResultLabels { task, result };
        self.measures.calls.get_or_create(&labels).inc_by(calls);
    }

    fn set_invalid(&mut self, invalid: u64) {
        let more = invalid.saturating_sub(self.invalid);
        self.add_rows(Outcome::Invalid.as_str(), more);
        self.invalid += more;
    }

    fn set_duplicate(&mut self, duplicate: u64) {
        let more = duplicate.saturating_sub(self.duplicate);
        self.add_rows(Outcome::Duplicate.as_str(), more);
        self.duplicate += more;
    }

    /// Whether its list is the user's: that of a part is made by the program.
    fn has_list(&self) -> bool {
        matches!(self.task, Task::Add | Task::Stage)
    }

    fn add_settled(&self, settled: &Tally, failed: &[(String, u64)]) {
        for (outcome, rows) in SettledRows::of(self.task, settled, failed).by_outcome(self.task) {
            self.add_rows(outcome, rows);
        }
    }

    /// Counts an event.
    pub(super) fn count(&mut self, event: &Event) {
        match event {
            Event::Staged { invalid, .. } if self.has_list() => self.set_invalid(*invalid),
            Event::ListComplete {
                invalid, duplicate, ..
            } if self.has_list() => {
                self.set_invalid(*invalid);
                self.set_duplicate(*duplicate);
            }
            Event::Listed { rows } => self.add_rows(Outcome::AlreadyMember.as_str(), *rows),
            Event::CallSettled {
                refusal,
                settled,
                failed,
                round_trip,
                ..
            } => {
                self.add_calls(refusal.map_or(ACCEPTED, |refusal| refusal.as_str()), 1);
                self.add_settled(settled, failed);
                let durations = self.measures.durations.get_or_create(&self.label());
                durations.observe(round_trip.as_secs_f64());
            }
            _ => {}
        }
    }
}
