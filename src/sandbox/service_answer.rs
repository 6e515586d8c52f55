//! What a caller receives.

use super::exception::Exception;

/// The result of a call.
#[derive(Debug)]
pub(super) enum ServiceAnswer<T> {
    /// A success.
    Success(T),
    /// An error.
    Refused(Exception),
    /// An answer with this status and body instead of the service's.
    Page(u16, String),
    /// The connection is closed, applied or not.
    Closed,
    /// Applied; the answer is lost on its way.
    Lost,
    /// Applied; nothing comes, and the connection stays open.
    Silence,
}

impl<T> ServiceAnswer<T> {
    /// The same answer, with a success converted.
    pub(super) fn map<U>(self, form: impl FnOnce(T) -> U) -> ServiceAnswer<U> {
        match self {
            Self::Success(value) => ServiceAnswer::Success(form(value)),
            Self::Refused(exception) => ServiceAnswer::Refused(exception),
            Self::Page(status, body) => ServiceAnswer::Page(status, body),
            Self::Closed => ServiceAnswer::Closed,
            Self::Lost => ServiceAnswer::Lost,
            Self::Silence => ServiceAnswer::Silence,
        }
    }
}
