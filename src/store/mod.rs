//! Lists and reports in object storage (Amazon S3).
//!
//! Promises: all bytes of a list are of one version of its object, however often the connection
//! breaks; memory does not grow with an object; `summary.json` is uploaded last, so that it marks a
//! complete set of reports; no message contains a credential. Must not: choose credentials or an HTTP
//! client: they come from `chime/`.
//!
//! Requests are those of `object_store`, which signs them and resumes a broken download by range and
//! `ETag`; they are sent by the HTTP client of all calls. Without the feature `s3`, addresses are still
//! parsed, and then refused.

#[cfg(feature = "s3")]
mod bucket;
#[cfg(feature = "s3")]
mod download;
#[cfg(feature = "s3")]
mod fault;
#[cfg(feature = "s3")]
mod http;
mod list;
mod upload;
mod url;

pub use list::ObjectList;
pub use upload::{UploadError, upload};
pub use url::{ObjectUrl, PrefixUrl, StoreUrlError};

/// Why nothing is read or written, if the program was built without the feature.
#[cfg(not(feature = "s3"))]
fn not_built() -> crate::roster::RemoteError {
    crate::roster::RemoteError {
        what: "S3 is not built into this program".to_owned(),
        hint: "copy the file, for example with aws s3 cp, or build with the feature `s3`"
            .to_owned(),
        is_usage: true,
    }
}
