//! What is measured at the moment when it is asked for, from the counts that are shown.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::exit::Exit;
use crate::progress::LiveCounts;
use crate::progress::counts::{State, View};

/// The states before the first row and after the last, beside those of [`State`].
const STARTING: &str = "starting";
const ENDED: &str = "ended";

/// How far the command is. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<Mutex<PhaseNow>>);

#[derive(Debug, Clone, Default)]
struct PhaseNow {
    /// The counts of the run or part that began last.
    counts: Option<LiveCounts>,
    is_ended: bool,
    exit: Option<Exit>,
}

impl Phase {
    fn now(&self) -> MutexGuard<'_, PhaseNow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run, or a part of one, begins.
    pub(super) fn begin(&self, counts: LiveCounts) {
        self.now().counts = Some(counts);
    }

    /// The command ends. Only the first end counts.
    pub(super) fn end(&self, exit: Option<Exit>) {
        let mut now = self.now();
        if !now.is_ended {
            (now.is_ended, now.exit) = (true, exit);
        }
    }
}

/// The gauges.
#[derive(Debug)]
pub(super) struct Gauges {
    phase: Phase,
    started_at: Duration,
}

impl Gauges {
    /// The gauges of a process that starts now.
    pub(super) fn new(phase: Phase) -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            phase,
            started_at: started_at.unwrap_or_default(),
        }
    }
}

impl Collector for Gauges {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let now = self.phase.now().clone();
        let view = now.counts.map(|counts| counts.view());
        let state = match &view {
            _ if now.is_ended => ENDED,
            Some(view) => view.state.as_str(),
            None => STARTING,
        };
        let mut encoder = Encoder(encoder);
        encoder.state(state)?;
        encoder.labelled(
            "build_info",
            "The version of chime-bulk",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1)],
        )?;
        encoder.seconds(
            "start_time",
            "When the process started, since 1970",
            self.started_at,
        )?;
        if let Some(view) = view {
            encoder.view(&view, now.is_ended)?;
        }
        if let Some(exit) = now.exit {
            let help = "The exit code of the process, absent until it ends";
            encoder.gauge("exit_code", help, u32::from(exit.code()))?;
        }
        Ok(())
    }
}

/// Encodes gauges.
struct Encoder<'a>(DescriptorEncoder<'a>);

impl Encoder<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        let encoder = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(encoder)
    }

    fn seconds(&mut self, name: &str, help: &str, value: Duration) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        let encoder = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        ConstGauge::new(value.as_secs_f64()).encode(encoder)
    }

    /// A gauge for each value of a label.
    fn labelled(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, u32)>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value, number) in values {
            let labels = [(label, value)];
            ConstGauge::new(number).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn state(&mut self, state: &str) -> fmt::Result {
        let others = State::ALL.map(State::as_str);
        let names = [STARTING].into_iter().chain(others).chain([ENDED]);
        let values = names.map(|name| (name, u32::from(name == state)));
        self.labelled(
            "state",
            "The state of the run: 1, all others 0",
            "state",
            values,
        )
    }

    fn view(&mut self, view: &View, is_ended: bool) -> fmt::Result {
        // A call without an answer is not waited for after the end.
        let in_flight = if is_ended { 0 } else { view.in_flight };
        self.gauge(
            "calls_in_flight",
            "Calls that are sent and have no answer yet",
            in_flight,
        )?;
        self.gauge(
            "limit_calls_per_second",
            "Calls per second that the limits allow on the channels with calls left",
            view.limit,
        )?;
        self.gauge(
            "members_left",
            "Rows without an outcome, as far as the list is read",
            view.to_send.saturating_sub(view.done),
        )?;
        self.gauge(
            "members_retrying",
            "Rows that wait to be sent again",
            view.retrying,
        )?;
        self.gauge(
            "channels_open",
            "Channels with calls left",
            view.standing.open,
        )?;
        self.gauge(
            "channels_cooling",
            "Channels with calls left that wait because they were throttled",
            view.standing.cooling,
        )?;
        match view.left.filter(|_| !is_ended) {
            Some(left) => self.seconds(
                "time_left",
                "Time left at the pace of the last seconds, absent while it is unknown",
                left,
            ),
            None => Ok(()),
        }
    }
}
