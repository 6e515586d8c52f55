//! Metrics of a run: for Prometheus by HTTP or by a file, and for CloudWatch in lines of JSON.
//!
//! Promises: everything that is asked for is checked before the first call; later, a file that cannot be
//! written or a client that misbehaves neither stops nor delays the run. Must not: name members, channels
//! or bearers: a label has one of a few fixed values.

mod emf;
mod file;
mod gauges;
mod listener;
mod measures;

use std::path::{Path, PathBuf};

use chime_bulk::engine::{Event, Observer};
use chime_bulk::job::Started;
use clap::Args;

use crate::exit::Exit;
use crate::progress::LiveCounts;
use crate::screen::{Mode, Screen};
use crate::value;
pub(crate) use emf::{EMF_FIELD, Emf, EmfLine, EmfNamespace};
use file::MetricsFile;
use listener::Listener;
pub(crate) use listener::MetricsAddress;
use measures::{Measures, TaskMeasures};

/// Arguments for metrics.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsArguments {
    /// Serve the metrics of the run for Prometheus, at this address: :9100 is 127.0.0.1:9100, and :0 a
    /// free port.
    #[arg(long, value_name = "ADDRESS", value_parser = value::parsed::<MetricsAddress>)]
    metrics_listen: Option<MetricsAddress>,
    /// Write the metrics to this file every 15 seconds and at the end, for the textfile collector of
    /// Prometheus's node exporter: its name ends in .prom.
    #[arg(long, value_name = "FILE", value_parser = value::metrics_file)]
    metrics_file: Option<PathBuf>,
    /// Mark the numbers in lines of --progress json as metrics of CloudWatch in this namespace (embedded
    /// metric format).
    #[arg(long, value_name = "NAMESPACE", value_parser = value::parsed::<EmfNamespace>)]
    emf: Option<EmfNamespace>,
}

impl MetricsArguments {
    /// Whether the metrics go to this file.
    pub(crate) fn write_to(&self, file: &Path) -> bool {
        let metrics = self.metrics_file.as_deref().map(Path::canonicalize);
        matches!((metrics, file.canonicalize()), (Some(Ok(metrics)), Ok(file)) if metrics == file)
    }

    /// Starts what is asked for.
    pub(crate) fn open(&self, screen: &Screen) -> Result<Metrics, Exit> {
        if self.emf.is_some() && screen.mode() != Mode::Json {
            let hint = "pass --progress json, or leave out --emf";
            screen.error(&"--emf needs --progress json", Some(hint));
            return Err(Exit::Usage);
        }
        let measures = Measures::new();
        let file = self.metrics_file.as_ref().map(|path| {
            MetricsFile::begin(path, &measures, screen).map_err(|error| {
                let what = format!("cannot write the metrics file {}: {error}", path.display());
                let hint = "name another with --metrics-file; nothing is begun";
                screen.error(&what, Some(hint));
                Exit::Usage
            })
        });
        let file = file.transpose()?;
        let listener = self.metrics_listen.map(|address| {
            Listener::begin(address, measures.clone(), screen).map_err(|error| {
                let what = format!("cannot serve metrics on {address}: {error}");
                let hint = "choose another address with --metrics-listen, such as :0";
                screen.error(&what, Some(hint));
                Exit::Usage
            })
        });
        Ok(Metrics {
            listener: listener.transpose()?,
            file,
            measures,
            emf: self.emf.clone(),
        })
    }
}

/// The metrics of a command. Dropping them ends the listener, and writes the file a last time.
pub(crate) struct Metrics {
    /// Held, not called: dropping it ends it.
    listener: Option<Listener>,
    file: Option<MetricsFile>,
    measures: Measures,
    emf: Option<EmfNamespace>,
}

impl Metrics {
    /// The namespace for lines of JSON, if these are to have metrics.
    pub(crate) fn emf(&self) -> Option<EmfNamespace> {
        self.emf.clone()
    }

    /// Counts a run, or a part of one, that begins; `None` if nobody reads the counts.
    pub(crate) fn observer(
        &self,
        started: &Started,
        counts: &LiveCounts,
    ) -> Option<MetricsObserver> {
        if self.listener.is_none() && self.file.is_none() {
            return None;
        }
        Some(MetricsObserver(
            self.measures.begin(started, counts.clone()),
        ))
    }

    /// The end of the command.
    pub(crate) fn ended(&self, exit: Exit) {
        self.measures.end(Some(exit));
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.measures.end(None);
        self.listener = None;
        // Last: it contains the end.
        self.file = None;
    }
}

/// Counts a run.
pub(crate) struct MetricsObserver(TaskMeasures);

impl Observer for MetricsObserver {
    fn event(&mut self, event: &Event) {
        self.0.count(event);
    }
}
