//! Uploads files.
//!
//! Promises: files are streams, and memory does not grow with them; they are uploaded one after the
//! other, in their order; an upload that fails or is stopped leaves no parts behind if S3 can still be
//! reached. Must not: change or remove a file.

use std::path::{Path, PathBuf};

use super::{ObjectUrl, PrefixUrl};
use crate::roster::RemoteError;

/// Why a file was not uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It cannot be written to object storage.
    #[error("{url}: {fault}")]
    Remote {
        /// The address of the object.
        url: Box<ObjectUrl>,
        /// What went wrong.
        fault: RemoteError,
    },
    /// It was stopped.
    #[error("interrupted")]
    Stopped,
}

impl UploadError {
    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::File { .. } => Some("see whether the file can be read"),
            Self::Remote { fault, .. } => Some(&fault.hint),
            Self::Stopped => None,
        }
    }
}

/// Uploads these files under a prefix, in this order, each under its own name. With the credentials of
/// this profile or, without it, of the environment. Ends early when `stop` does.
///
/// # Errors
/// If one of them cannot be uploaded. Those before it are.
#[cfg(feature = "s3")]
pub async fn upload(
    files: &[PathBuf],
    to: &PrefixUrl,
    profile: Option<&str>,
    stop: impl Future<Output = ()>,
) -> Result<(), UploadError> {
    let mut stop = std::pin::pin!(stop);
    for file in files {
        parts::upload(file, &url(file, to), profile, stop.as_mut()).await?;
    }
    Ok(())
}

/// Without the feature: refuses to.
///
/// # Errors
/// Always, if there is a file to upload.
#[cfg(not(feature = "s3"))]
#[expect(clippy::unused_async, reason = "with the feature it is asynchronous")]
pub async fn upload(
    files: &[PathBuf],
    to: &PrefixUrl,
    _: Option<&str>,
    _: impl Future<Output = ()>,
) -> Result<(), UploadError> {
    match files.first() {
        None => Ok(()),
        Some(file) => Err(UploadError::Remote {
            url: Box::new(url(file, to)),
            fault: super::not_built(),
        }),
    }
}

/// The address of a file.
fn url(file: &Path, to: &PrefixUrl) -> ObjectUrl {
    let name = file.file_name().unwrap_or_default();
    to.join(&name.to_string_lossy())
}

#[cfg(feature = "s3")]
mod parts {
    use std::fs::File;
    use std::io::Read;
    use std::path::Path;
    use std::pin::Pin;

    use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

    use super::super::bucket::{Bucket, path};
    use super::super::fault::{Purpose, explain};
    use super::{ObjectUrl, UploadError};

    /// The least size of a part, in bytes. S3 takes parts of 5 MiB and more, but for the last.
    const PART: u64 = 8 * 1024 * 1024;
    /// The most parts of an object, with some room. S3 takes 10,000.
    const MAX_PARTS: u64 = 9_000;

    /// Uploads a file; in the region of the bucket, if it is not in the configured one.
    pub(super) async fn upload(
        file: &Path,
        url: &ObjectUrl,
        profile: Option<&str>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), UploadError> {
        let remote = |fault| UploadError::Remote {
            url: Box::new(url.clone()),
            fault,
        };
        let mut bucket = Bucket::connect(url, profile).await.map_err(remote)?;
        let mut result = Sending::new(file, url, &bucket)?.send(stop.as_mut()).await;
        if let Err(Failure::Store(error)) = &result
            && let Some(elsewhere) = bucket.elsewhere(error)
        {
            bucket = elsewhere;
            result = Sending::new(file, url, &bucket)?.send(stop).await;
        }
        result.map_err(|failure| match failure {
            Failure::Store(error) => remote(explain(&error, Purpose::Write, url, &bucket)),
            Failure::File(source) => UploadError::File {
                path: file.to_owned(),
                source,
            },
            Failure::Stopped => UploadError::Stopped,
        })
    }

    /// Why a file was not sent.
    enum Failure {
        Store(object_store::Error),
        File(std::io::Error),
        Stopped,
    }

    impl From<object_store::Error> for Failure {
        fn from(error: object_store::Error) -> Self {
            Self::Store(error)
        }
    }

    /// A file on its way.
    struct Sending<'a> {
        file: File,
        size: u64,
        bucket: &'a Bucket,
        path: object_store::path::Path,
    }

    impl<'a> Sending<'a> {
        fn new(file: &Path, url: &ObjectUrl, bucket: &'a Bucket) -> Result<Self, UploadError> {
            let failed = |source| UploadError::File {
                path: file.to_owned(),
                source,
            };
            let path = path(url).map_err(|fault| UploadError::Remote {
                url: Box::new(url.clone()),
                fault,
            })?;
            let opened = File::open(file).map_err(failed)?;
            Ok(Self {
                size: opened.metadata().map_err(failed)?.len(),
                file: opened,
                bucket,
                path,
            })
        }

        async fn send(mut self, stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), Failure> {
            let size = PART.max(self.size.div_ceil(MAX_PARTS));
            if self.size <= size {
                let payload = self.part(size)?;
                return tokio::select! {
                    biased;
                    () = stop => Err(Failure::Stopped),
                    put = self.bucket.store().put(&self.path, payload) => Ok(put.map(drop)?),
                };
            }
            let mut upload = self.bucket.store().put_multipart(&self.path).await?;
            let sent = tokio::select! {
                biased;
                () = stop => Err(Failure::Stopped),
                sent = self.send_parts(&mut *upload, size) => sent,
            };
            if sent.is_err() {
                // An error is ignored: the first one counts.
                let _ = upload.abort().await;
            }
            sent
        }

        /// Sends the parts one after the other: one of them is in memory.
        async fn send_parts(
            &mut self,
            upload: &mut dyn MultipartUpload,
            size: u64,
        ) -> Result<(), Failure> {
            loop {
                let part = self.part(size)?;
                if part.content_length() == 0 {
                    break;
                }
                upload.put_part(part).await?;
            }
            upload.complete().await?;
            Ok(())
        }

        /// The next bytes of the file.
        fn part(&mut self, size: u64) -> Result<PutPayload, Failure> {
            let mut part = Vec::new();
            let mut bytes = (&mut self.file).take(size);
            bytes.read_to_end(&mut part).map_err(Failure::File)?;
            Ok(part.into())
        }
    }
}
