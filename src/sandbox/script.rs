//! What shall go wrong, told beforehand: so that one contract suite runs over every face of the
//! service.

/// One thing that happens to a call. A call's script is a list of them. The first two concern only
/// calls that add members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scripted {
    /// This member is answered with this error, and not added.
    MemberError {
        /// The member's ARN.
        member: String,
        /// The error code, any text.
        code: String,
    },
    /// This member is in neither list of the answer, and not added.
    LeaveOut {
        /// The member's ARN.
        member: String,
    },
    /// The call is refused as a whole, not applied, and takes nothing out of the quotas.
    Refuse {
        /// HTTP status.
        status: u16,
        /// The exception's name; empty for an answer that names none.
        exception: String,
        /// The body's `Message`.
        message: String,
    },
    /// The call is not applied, and answered with this page in place of the service's JSON.
    Page {
        /// HTTP status.
        status: u16,
        /// The page.
        body: String,
    },
    /// The call is applied, its answer never comes, the connection stays open.
    Silence,
    /// The call is applied, then the connection is closed without an answer.
    Reset,
    /// The call is applied and answered with HTTP 200 and this body.
    Garbage(String),
}
