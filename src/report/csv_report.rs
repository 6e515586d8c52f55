//! A report in CSV, in any encoding.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::ReportError;
use super::files::{AtomicFile, FinishedFile};
use crate::roster::{Delimiter, Encoding};

/// A CSV report being written.
pub(super) struct CsvReport {
    path: PathBuf,
    writer: csv::Writer<EncodedFile>,
}

impl CsvReport {
    /// Begins a report of this name, with this byte order mark.
    pub(super) fn create(
        dir: &Path,
        name: &str,
        delimiter: Delimiter,
        encoding: Encoding,
        mark: &[u8],
    ) -> Result<Self, ReportError> {
        let path = dir.join(name);
        let mut file = AtomicFile::create(path.clone())?;
        let start = start(delimiter, encoding, mark);
        file.write_all(&start).map_err(|source| ReportError::Io {
            path: path.clone(),
            source,
        })?;
        let partial = Vec::new();
        // Defective rows may have any number of fields.
        let writer = csv::WriterBuilder::new()
            .delimiter(delimiter.byte())
            .flexible(true)
            .from_writer(EncodedFile {
                file,
                encoding,
                partial,
            });
        Ok(Self { path, writer })
    }

    /// Adds a record.
    pub(super) fn record<F: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = F>,
    ) -> Result<(), ReportError> {
        self.writer
            .write_record(fields)
            .map_err(|error| self.error(error.into()))
    }

    /// Ends the report, which is then on the disk under its temporary name.
    pub(super) fn finish(self) -> Result<FinishedFile, ReportError> {
        let Self { path, writer } = self;
        let file = writer.into_inner().map_err(|error| ReportError::Io {
            path,
            source: io::Error::new(error.error().kind(), error.error().to_string()),
        })?;
        file.file.finish()
    }

    fn error(&self, source: io::Error) -> ReportError {
        ReportError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// What is before the first record.
fn start(delimiter: Delimiter, encoding: Encoding, mark: &[u8]) -> Vec<u8> {
    let mut start = mark.to_vec();
    if !delimiter.is_usual() {
        let line = format!("sep={}\n", char::from(delimiter.byte()));
        start.extend_from_slice(&encoding.encode(&line));
    }
    start
}

/// The first bytes of a report whose columns have these names.
pub(super) fn beginning(
    delimiter: Delimiter,
    encoding: Encoding,
    mark: &[u8],
    names: &[&str],
) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter.byte())
        .from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(names);
    let header = writer.into_inner().unwrap_or_default();
    let header = encoding
        .encode(&String::from_utf8_lossy(&header))
        .into_owned();
    [start(delimiter, encoding, mark), header].concat()
}

/// Checks that a file of this name, if there is one, begins as a report with these columns.
///
/// # Errors
/// [`ReportError::Foreign`] if it does not.
pub(super) fn check_csv(dir: &Path, name: &str, columns: &[&str]) -> Result<(), ReportError> {
    let path = dir.join(name);
    let start = beginning(Delimiter::COMMA, Encoding::UTF_8, b"", columns);
    let mut begin = Vec::new();
    let read =
        File::open(&path).and_then(|file| file.take(start.len() as u64).read_to_end(&mut begin));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ReportError::Io { path, source }),
        Ok(_) if begin == start => Ok(()),
        Ok(_) => Err(ReportError::Foreign(path)),
    }
}

/// Takes UTF-8 and writes it in another encoding.
struct EncodedFile {
    file: AtomicFile,
    encoding: Encoding,
    /// The start of a character whose other bytes are still to come.
    partial: Vec<u8>,
}

impl Write for EncodedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.encoding == Encoding::UTF_8 {
            return self.file.write(bytes);
        }
        self.partial.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.partial.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.partial, rest))
            .map_err(io::Error::other)?;
        self.file.write_all(&self.encoding.encode(&text))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_comes_in_the_encoding_it_is_asked_for_in() {
        // Longer than the writer's buffer, and with characters of every width across its bounds.
        let field = "aä€😀".repeat(5_000);
        let dir = tempfile::tempdir().unwrap();
        for encoding in [Encoding::UTF_8, Encoding::UTF_16LE, Encoding::UTF_16BE] {
            let mut report = CsvReport::create(
                dir.path(),
                "r.csv",
                Delimiter::COMMA,
                encoding,
                encoding.mark(true),
            )
            .unwrap();
            for start in ["", "b", "bb", "bbb"] {
                report.record([start, &field]).unwrap();
            }
            report.finish().unwrap().persist().unwrap();
            let lines = ["", "b", "bb", "bbb"].map(|start| format!("{start},{field}\n"));
            let wanted = [encoding.mark(true), &encoding.encode(&lines.concat())].concat();
            assert!(
                std::fs::read(dir.path().join("r.csv")).unwrap() == wanted,
                "{encoding}"
            );
        }
    }
}
