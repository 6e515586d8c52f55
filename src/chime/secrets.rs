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
use crate::model::{AddMember, AddMembers, Refusal, Reply};

/// Longest message kept, in characters: a ledger row, not a web page.
const MAX_MESSAGE: usize = 500;
/// Longest code kept, in characters.
const MAX_CODE: usize = 100;
/// Shorter texts are no credentials, and taking them out would garble messages.
const MIN_SECRET: usize = 8;

/// The credentials in use. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Secrets(Arc<Mutex<Vec<String>>>);

impl Secrets {
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
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = texts;
    }

    /// An answer without them.
    fn redact(&self, answer: Result<Reply, Refusal>) -> Result<Reply, Refusal> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let redact = |text: &mut String, max: usize| {
            for secret in secrets.iter() {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "(credentials)");
                }
            }
            if text.len() > max {
                *text = sanitize(text, max);
            }
        };
        match answer {
            Ok(mut reply) => {
                for error in &mut reply.errors {
                    redact(&mut error.code, MAX_CODE);
                    redact(&mut error.message, MAX_MESSAGE);
                }
                Ok(reply)
            }
            Err(mut refusal) => {
                redact(&mut refusal.code, MAX_CODE);
                redact(&mut refusal.message, MAX_MESSAGE);
                Err(refusal)
            }
        }
    }
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

    fn redacted(&self, answer: Pending<Reply>) -> Pending<Reply> {
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
        let refused = secrets.redact(Err(Refusal {
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
        let refusal = secrets.redact(Err(Refusal {
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
        assert!(!format!("{secrets:?}").contains(id));
    }
}
