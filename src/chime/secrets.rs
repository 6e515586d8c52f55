//! Removes the credentials in use from the service's messages.
//!
//! A service that refuses a signature repeats the signed request in its message, with the access key
//! id and the session token. Messages go into the ledger, the reports and the terminal.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;

use super::refusal::sanitize;
use super::{Chime, Pending};
use crate::model::{
    AddMember, AddMembers, ChannelCall, ChannelFacts, Described, ListChannel, ListMembers,
    MemberCall, MemberPage, Refusal, Removed, Reply, SubChannelPage,
};

/// Longest message kept, in characters: a ledger row, not a web page.
const MAX_MESSAGE: usize = 500;
/// Longest code kept, in characters.
const MAX_CODE: usize = 100;
/// Shorter texts are no credentials, and taking them out would garble messages.
const MIN_SECRET: usize = 8;
/// The same for proxies, whose passwords people choose.
const MIN_PROXY_SECRET: usize = 4;

/// The credentials in use. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    /// Those that calls are signed with.
    signing: Arc<Mutex<Vec<String>>>,
    /// Those of proxies, which last as long as the process.
    proxies: Arc<[String]>,
}

impl Secrets {
    /// Those of proxies, to begin with.
    pub(super) fn with(mut proxies: Vec<String>) -> Self {
        proxies.retain(|text| text.len() >= MIN_PROXY_SECRET);
        Self {
            proxies: proxies.into(),
            ..Self::default()
        }
    }

    /// Keeps the credentials that calls are signed with from now on.
    pub(super) fn set(&self, credentials: &Credentials) {
        let token = credentials.session_token().unwrap_or_default();
        let mut texts = [
            token,
            credentials.secret_access_key(),
            credentials.access_key_id(),
        ]
        .map(str::to_owned)
        .to_vec();
        texts.retain(|text| text.len() >= MIN_SECRET);
        *self.signing.lock().unwrap_or_else(PoisonError::into_inner) = texts;
    }

    /// A text without them, on one line.
    #[cfg(feature = "s3")]
    pub(super) fn redact_text(&self, text: &str) -> String {
        let signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = self.proxies.iter().chain(signing.iter());
        let text = secrets.fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "(credentials)")
        });
        sanitize(&text, MAX_MESSAGE)
    }

    /// A refusal without them.
    pub(super) fn redacted(&self, refusal: Refusal) -> Refusal {
        match self.redact::<Reply>(Err(refusal.clone())) {
            Err(redacted) => redacted,
            Ok(_) => refusal,
        }
    }

    /// An answer without them.
    fn redact<T: Answer>(&self, mut answer: Result<T, Refusal>) -> Result<T, Refusal> {
        let signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let redact = |text: &mut String, max: usize| {
            for secret in self.proxies.iter().chain(signing.iter()) {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "(credentials)");
                }
            }
            if text.len() > max {
                *text = sanitize(text, max);
            }
        };
        let both = |code: &mut String, message: &mut String| {
            redact(code, MAX_CODE);
            redact(message, MAX_MESSAGE);
        };
        match &mut answer {
            Ok(answer) => answer.for_each_message(both),
            Err(refusal) => both(&mut refusal.code, &mut refusal.message),
        }
        answer
    }
}

/// An answer that may contain messages of the service.
trait Answer: Send + 'static {
    /// Passes on each code with its message.
    fn for_each_message(&mut self, change: impl Fn(&mut String, &mut String));
}

impl Answer for Reply {
    fn for_each_message(&mut self, change: impl Fn(&mut String, &mut String)) {
        for error in &mut self.errors {
            change(&mut error.code, &mut error.message);
        }
    }
}

impl Answer for Described {
    fn for_each_message(&mut self, change: impl Fn(&mut String, &mut String)) {
        if let Self::NotFound(refusal) = self {
            change(&mut refusal.code, &mut refusal.message);
        }
    }
}

impl Answer for Removed {
    fn for_each_message(&mut self, change: impl Fn(&mut String, &mut String)) {
        if let Self::NotFound(refusal) = self {
            change(&mut refusal.code, &mut refusal.message);
        }
    }
}

impl Answer for MemberPage {
    fn for_each_message(&mut self, _: impl Fn(&mut String, &mut String)) {}
}

impl Answer for ChannelFacts {
    fn for_each_message(&mut self, _: impl Fn(&mut String, &mut String)) {}
}

impl Answer for SubChannelPage {
    fn for_each_message(&mut self, _: impl Fn(&mut String, &mut String)) {}
}

/// A client that takes the credentials in use out of what it is answered.
pub(super) struct RedactingClient {
    inner: Arc<dyn Chime>,
    secrets: Secrets,
}

impl RedactingClient {
    pub(super) fn new(inner: Arc<dyn Chime>, secrets: Secrets) -> Self {
        Self { inner, secrets }
    }

    fn redacted<T: Answer>(&self, answer: Pending<T>) -> Pending<T> {
        let secrets = self.secrets.clone();
        Box::pin(async move { secrets.redact(answer.await) })
    }
}

impl Chime for RedactingClient {
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        self.redacted(self.inner.add_members(call, timeout))
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        self.redacted(self.inner.add_member(call, timeout))
    }

    fn list_members(&self, call: ListMembers, timeout: Duration) -> Pending<MemberPage> {
        self.redacted(self.inner.list_members(call, timeout))
    }

    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described> {
        self.redacted(self.inner.describe_member(call, timeout))
    }

    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed> {
        self.redacted(self.inner.remove_member(call, timeout))
    }

    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts> {
        self.redacted(self.inner.describe_channel(call, timeout))
    }

    fn list_moderators(&self, call: ListChannel, timeout: Duration) -> Pending<MemberPage> {
        self.redacted(self.inner.list_moderators(call, timeout))
    }

    fn list_sub_channels(&self, call: ListChannel, timeout: Duration) -> Pending<SubChannelPage> {
        self.redacted(self.inner.list_sub_channels(call, timeout))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MemberError, RefusalKind};

    #[test]
    fn credentials_are_taken_out_of_all_that_is_said() {
        let secrets = Secrets::default();
        let (id, token) = ("AKIDEXAMPLE0001", "IQoJb3JpZ2luX2VjE/token==");
        let used = Credentials::new(id, "the-secret-key", Some(token.to_owned()), None, "test");
        secrets.set(&used);
        let said = format!("Credential={id}/20240101, x-amz-security-token:{token}");
        let refused = secrets.redact::<Reply>(Err(Refusal {
            kind: RefusalKind::Credentials,
            code: "SignatureDoesNotMatch".to_owned(),
            message: said.clone(),
        }));
        let refusal = refused.unwrap_err();
        assert_eq!(
            refusal.message,
            "Credential=(credentials)/20240101, x-amz-security-token:(credentials)"
        );
        assert_eq!(refusal.code, "SignatureDoesNotMatch");
        // Also where the message is cut just within them.
        let long = "x".repeat(490) + id;
        let refusal = secrets.redact::<Reply>(Err(Refusal {
            message: long,
            ..refusal
        }));
        let message = refusal.unwrap_err().message;
        assert!(!message.contains("AKID") && message.chars().count() == 501);
        let reply = secrets.redact(Ok(Reply {
            errors: vec![MemberError {
                member: "m".to_owned(),
                code: "Odd".to_owned(),
                message: said,
            }],
            ..Reply::default()
        }));
        assert!(!reply.unwrap().errors[0].message.contains(id));
        let not_found = || Refusal {
            kind: RefusalKind::NotFound,
            code: "NotFoundException".to_owned(),
            message: format!("by {id}"),
        };
        let described = secrets.redact(Ok(Described::NotFound(not_found())));
        let removed = secrets.redact(Ok(Removed::NotFound(not_found())));
        assert!(!format!("{described:?} {removed:?}").contains(id));
        assert!(!format!("{secrets:?}").contains(id));
    }
}
