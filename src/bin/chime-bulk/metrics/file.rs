//! The metrics in a file, for the textfile collector of Prometheus's node exporter.
//!
//! Promises: the collector reads a whole file or none, because the file is replaced by a rename. Must not:
//! replace anything but a regular file.

use std::fs::Permissions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use chime_bulk::private_file;

use super::measures::{Format, Measures};
use crate::screen::Screen;

/// How often the file is written: as often as Prometheus usually scrapes the node exporter.
const WRITE_EVERY: Duration = Duration::from_secs(15);

/// A file with metrics. Written now and then until this is dropped, and then a last time.
pub(super) struct MetricsFile {
    writer: Writer,
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<Writer>>,
}

impl MetricsFile {
    /// Writes the file, and goes on doing so.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn begin(path: &Path, measures: &Measures, screen: &Screen) -> io::Result<Self> {
        let mut writer = Writer {
            path: path.to_owned(),
            measures: measures.clone(),
            screen: screen.clone(),
            has_warned: false,
        };
        writer.replace()?;
        let (end, ended) = channel();
        let mut writing = writer.clone();
        // Not a task: a slow disk would hold up those of the run.
        let thread = std::thread::Builder::new().spawn(move || {
            while ended.recv_timeout(WRITE_EVERY) == Err(RecvTimeoutError::Timeout) {
                writing.write();
            }
            writing
        });
        if let Err(error) = &thread {
            writer.warn(error);
        }
        Ok(Self {
            writer,
            end: Some(end),
            thread: thread.ok(),
        })
    }
}

impl Drop for MetricsFile {
    fn drop(&mut self) {
        self.end = None;
        let written = self.thread.take().and_then(|thread| thread.join().ok());
        written.unwrap_or_else(|| self.writer.clone()).write();
    }
}

/// Writes the file.
#[derive(Clone)]
struct Writer {
    path: PathBuf,
    measures: Measures,
    screen: Screen,
    has_warned: bool,
}

impl Writer {
    /// Writes the file, with a warning if that fails for the first time.
    fn write(&mut self) {
        if let Err(error) = self.replace() {
            self.warn(&error);
        }
    }

    fn warn(&mut self, error: &io::Error) {
        if !self.has_warned {
            self.has_warned = true;
            let path = self.path.display();
            self.screen.note(format_args!(
                "warning: cannot write the metrics file {path}: {error}; the run goes on"
            ));
        }
    }

    fn replace(&self) -> io::Result<()> {
        private_file::check_replaceable(&self.path).map_err(io::Error::other)?;
        let text = self.measures.text(Format::Prometheus);
        let text = text.map_err(io::Error::other)?;
        // The collector reads only names that end in .prom.
        let mut file = tempfile::Builder::new()
            .prefix(".chime-bulk-")
            .suffix(".tmp")
            .tempfile_in(parent(&self.path))?;
        file.write_all(text.as_bytes())?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The collector is another user.
            file.as_file()
                .set_permissions(Permissions::from_mode(0o644))?;
        }
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// The directory of a file.
fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}
