//! Reads an HTTP body into memory.
//!
//! Promises: a body takes its own length in memory, however small the frames it comes in, and no
//! more than a limit. Must not: wait longer than its caller does.

use std::error::Error;
use std::pin::pin;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than the limit.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// It ended early.
    #[error(transparent)]
    Broken(Box<dyn Error + Send + Sync>),
}

/// Bytes reserved before a body comes, at most: more than a usual answer takes. The other side states
/// the length, and may never send as much.
const RESERVE: usize = 64 * 1024;

/// Reads a body of at most `limit` bytes to its end; trailers are dropped.
pub(crate) async fn read_body<B>(body: B, limit: usize) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let mut body = pin!(body);
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut whole = Vec::with_capacity(expected.min(RESERVE));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > limit - whole.len() {
            return Err(BodyError::TooLong(limit));
        }
        // Copied, not kept: a frame is a view of a read buffer, which would stay with it.
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}
