//! Progress: how far a run is, as `--progress` asks for it. Names nobody.
//!
//! An event only counts, or in JSON is written; what is shown is shown by a thread of its own, so
//! that time passes on the screen also while nothing happens.

pub(crate) mod counts;
mod json;
mod settled;
mod text;

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chime_bulk::engine::{Event, Observer, Task};
use chime_bulk::job::Started;
use chime_bulk::report;

use crate::line::Line;
use crate::metrics::{EmfLine, EmfNamespace};
use crate::screen::{Mode, Screen};
use counts::{Counts, View};
pub(crate) use settled::SettledRows;

/// Between two frames on a terminal.
const VIEW_EVERY: Duration = Duration::from_millis(125);
/// Between two lines elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The counts of a run in progress. Clones are the same counts.
#[derive(Debug, Clone)]
pub(crate) struct LiveCounts {
    counts: Arc<Mutex<Counts>>,
    began: Instant,
}

impl LiveCounts {
    fn begin(started: &Started) -> Self {
        Self {
            counts: Arc::new(Mutex::new(Counts::new(started))),
            began: Instant::now(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is shown now.
    pub(crate) fn view(&self) -> View {
        self.counts().view(self.began.elapsed())
    }
}

/// Shows a run in progress.
pub(crate) struct Progress {
    counts: LiveCounts,
    task: Task,
    screen: Screen,
    /// The namespace of the metrics in lines of JSON.
    emf: Option<EmfNamespace>,
    /// Dropped to end the painter.
    end: Option<Sender<()>>,
    painter: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn begin(started: &Started, screen: &Screen, emf: Option<EmfNamespace>) -> Self {
        let counts = LiveCounts::begin(started);
        let (end, ended) = channel();
        let painter = {
            let counts = counts.clone();
            let view = move || counts.view();
            let every = move |pause, show: &dyn Fn()| {
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    show();
                }
            };
            let screen = screen.clone();
            let thread = std::thread::Builder::new();
            match screen.mode() {
                Mode::Bars => Some(thread.spawn(move || {
                    every(VIEW_EVERY, &|| {
                        let view = view();
                        screen.draw(|size| text::frame(&view, size));
                    });
                })),
                Mode::Plain => Some(thread.spawn(move || {
                    every(LINE_EVERY, &|| screen.note(text::line(&view())));
                })),
                _ => None,
            }
        };
        // The run is worth more than its progress.
        let painter = painter.transpose().unwrap_or_else(|error| {
            screen.note(format_args!("progress is not shown: {error}"));
            None
        });
        let progress = Self {
            counts,
            task: started.task,
            screen: screen.clone(),
            emf,
            end: Some(end),
            painter,
        };
        if screen.mode() == Mode::Json {
            progress.print(&json::begun(started));
        }
        progress
    }

    /// The counts, for others who show them.
    pub(crate) fn counts(&self) -> &LiveCounts {
        &self.counts
    }

    fn print(&self, line: &Line) {
        match &self.emf {
            Some(namespace) => self.screen.event(&EmfLine::of(line, namespace)),
            None => self.screen.event(line),
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        let now = self.counts.began.elapsed();
        if self.screen.mode() == Mode::Json
            && let Some(line) = json::event(event, self.task, now)
        {
            self.print(&line);
        }
        if let (
            Event::Bound {
                calls,
                time,
                binding,
            },
            Mode::Bars | Mode::Plain,
        ) = (event, self.screen.mode())
        {
            let least = report::lower_bound_text(*calls, *time, *binding);
            self.screen.note(format_args!("bound: {least}"));
        }
        self.counts.counts().apply(event, now);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end = None;
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
        }
        self.screen.clear();
    }
}
