//! The download of an object, as a stream that is read without a runtime.
//!
//! Promises: every byte once and in order, all of the version that was opened, however often the
//! connection breaks; a few chunks are ahead of the reader, and no more. Must not: block the threads of
//! a runtime: it has a thread and a runtime of its own, so that a list can be read from anywhere.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::body::Bytes;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::ObjectUrl;
use super::bucket::{Bucket, path};
use super::fault::{Purpose, explain, is_replaced, may_pass};
use crate::roster::{Problem, RemoteError, RemoteIdentity, RemoteStream};

/// Chunks ahead of the reader. A chunk is what one read of the connection returns: at most 400 KB.
const AHEAD: usize = 16;
/// A connection that is silent for this long counts as broken.
const SILENCE: Duration = Duration::from_mins(1);
/// A download ends after this many attempts in a row that brought nothing, with a delay of 1, 2, 4 ...
/// seconds in between.
const ATTEMPTS: u32 = 5;

/// A chunk, or why there is no more.
type Chunk = Result<Bytes, RemoteError>;

/// Opens an object.
///
/// # Errors
/// If it cannot be read.
pub(super) fn open(url: ObjectUrl, profile: Option<String>) -> Result<RemoteStream, RemoteError> {
    let (send_identity, identity) = sync_channel(1);
    let (send, chunks) = sync_channel(AHEAD);
    on_own_runtime(move |runtime| {
        runtime.block_on(async {
            match Download::begin(url, profile.as_deref()).await {
                Ok((download, stream)) => {
                    if send_identity.send(Ok(download.identity.clone())).is_ok() {
                        download.pass_on(stream, &send).await;
                    }
                }
                // Nobody waits for it if the reader was interrupted.
                Err(error) => drop(send_identity.send(Err(error))),
            }
        });
    })?;
    let identity: RemoteIdentity = identity.recv().unwrap_or_else(|_| Err(broke()))?;
    let bytes = Box::new(Reader {
        left: identity.size,
        chunks,
        chunk: Bytes::new(),
    });
    Ok(RemoteStream { bytes, identity })
}

/// What an object is now.
///
/// # Errors
/// If it cannot be looked up.
pub(super) fn identity(
    url: ObjectUrl,
    profile: Option<String>,
) -> Result<RemoteIdentity, RemoteError> {
    let (send, identity) = sync_channel(1);
    on_own_runtime(move |runtime| {
        let found = runtime.block_on(async {
            let options = GetOptions {
                head: true,
                ..GetOptions::default()
            };
            let (_, result) = get(&url, profile.as_deref(), options).await?;
            Ok(of_meta(&result.meta))
        });
        let _ = send.send(found);
    })?;
    identity.recv().unwrap_or_else(|_| Err(broke()))
}

/// Does this on a thread with a runtime.
fn on_own_runtime(
    action: impl FnOnce(&tokio::runtime::Runtime) + Send + 'static,
) -> Result<(), RemoteError> {
    let failed = |error: io::Error| RemoteError {
        what: format!("cannot be read: no thread can be started: {error}"),
        hint: "raise the limit on processes or on open files".to_owned(),
        is_usage: false,
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    let run = move || {
        action(&runtime);
        // A name may be being resolved; nothing is waited for.
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name("object-storage".to_owned());
    thread.spawn(run).map(drop).map_err(failed)
}

fn broke() -> RemoteError {
    RemoteError {
        what: "reading it failed unexpectedly".to_owned(),
        hint: "try again".to_owned(),
        is_usage: false,
    }
}

fn replaced() -> RemoteError {
    RemoteError {
        what: "was replaced while it was read".to_owned(),
        hint: "put the object back as it was and resume, or start a new run with the object as it is now"
            .to_owned(),
        is_usage: false,
    }
}

fn of_meta(meta: &ObjectMeta) -> RemoteIdentity {
    RemoteIdentity {
        size: meta.size,
        // A weak one is kept by other content, too (RFC 9110, section 8.8.1).
        etag: meta.e_tag.clone().filter(|etag| !etag.starts_with("W/")),
        version: meta.version.clone(),
    }
}

/// Asks for an object; in the region of its bucket, if it is not in the configured one.
async fn get(
    url: &ObjectUrl,
    profile: Option<&str>,
    options: GetOptions,
) -> Result<(Bucket, GetResult), RemoteError> {
    let path = path(url)?;
    let mut bucket = Bucket::connect(url, profile).await?;
    let mut result = bucket.store().get_opts(&path, options.clone()).await;
    if let Err(error) = &result
        && let Some(elsewhere) = bucket.elsewhere(error)
    {
        bucket = elsewhere;
        result = bucket.store().get_opts(&path, options).await;
    }
    match result {
        Ok(result) => Ok((bucket, result)),
        Err(error) => Err(explain(&error, Purpose::Read, url, &bucket)),
    }
}

/// An object that is being downloaded.
struct Download {
    url: ObjectUrl,
    bucket: Bucket,
    identity: RemoteIdentity,
}

type Stream = BoxStream<'static, object_store::Result<Bytes>>;

impl Download {
    async fn begin(url: ObjectUrl, profile: Option<&str>) -> Result<(Self, Stream), RemoteError> {
        let (bucket, result) = get(&url, profile, GetOptions::default()).await?;
        let identity = of_meta(&result.meta);
        let download = Self {
            url,
            bucket,
            identity,
        };
        Ok((download, result.into_stream()))
    }

    /// Passes on the object to its end.
    async fn pass_on(self, mut stream: Stream, reader: &SyncSender<Chunk>) {
        let (mut at, mut failed) = (0, 0);
        while at < self.identity.size {
            let error = match timeout(SILENCE, stream.next()).await {
                Ok(Some(Ok(chunk))) => {
                    at += chunk.len() as u64;
                    failed = 0;
                    // Blocks this thread: the connection is not read while the reader is behind.
                    if reader.send(Ok(chunk)).is_err() {
                        return;
                    }
                    continue;
                }
                Ok(Some(Err(error))) if !may_pass(&error) => Some(error),
                Ok(Some(Err(_)) | None) | Err(_) => None,
            };
            let next = match error {
                Some(error) => Err(self.fault(&error)),
                None => self.resume(at, &mut failed).await,
            };
            match next {
                Ok(next) => stream = next,
                Err(error) => {
                    // Nobody reads it if the run has ended.
                    let _ = reader.send(Err(error));
                    return;
                }
            }
        }
    }

    /// The rest of the object from here on, after the connection broke.
    async fn resume(&self, at: u64, failed: &mut u32) -> Result<Stream, RemoteError> {
        let path = path(&self.url)?;
        if self.identity.etag.is_none() {
            return Err(RemoteError {
                what: "the connection broke, and there is no ETag to continue with".to_owned(),
                hint: "copy the object, and read the copy".to_owned(),
                is_usage: false,
            });
        }
        loop {
            if *failed > 0 {
                sleep(Duration::from_secs(1 << (*failed - 1).min(5))).await;
            }
            *failed += 1;
            let options = GetOptions {
                range: Some(GetRange::Bounded(at..self.identity.size)),
                if_match: self.identity.etag.clone(),
                version: self.identity.version.clone(),
                ..GetOptions::default()
            };
            match self.bucket.store().get_opts(&path, options).await {
                // A server may not observe the condition.
                Ok(result) if !self.is_same(&result.meta) => return Err(replaced()),
                Ok(result) => return Ok(result.into_stream()),
                Err(error) if *failed >= ATTEMPTS || !may_pass(&error) => {
                    return Err(self.fault(&error));
                }
                Err(_) => {}
            }
        }
    }

    /// Whether an answer is of the object that was opened.
    fn is_same(&self, meta: &ObjectMeta) -> bool {
        let now = of_meta(meta);
        now.size == self.identity.size && now.etag == self.identity.etag
    }

    fn fault(&self, error: &object_store::Error) -> RemoteError {
        if is_replaced(error) {
            return replaced();
        }
        RemoteError {
            is_usage: false,
            ..explain(error, Purpose::Read, &self.url, &self.bucket)
        }
    }
}

/// The chunks as a stream of bytes.
struct Reader {
    /// Bytes that are still to come.
    left: u64,
    chunks: Receiver<Chunk>,
    chunk: Bytes,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            if self.left == 0 {
                return Ok(0);
            }
            let chunk = self.chunks.recv().unwrap_or_else(|_| Err(broke()));
            self.chunk = chunk.map_err(|error| io::Error::from(Problem::from(error)))?;
            self.left = self.left.saturating_sub(self.chunk.len() as u64);
        }
        let length = buffer.len().min(self.chunk.len());
        buffer[..length].copy_from_slice(&self.chunk.split_to(length));
        Ok(length)
    }
}
