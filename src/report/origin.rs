//! Where the members of a run were added: a real service or a sandbox. A rehearsal is marked wherever
//! a run is named.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ledger::{LedgerError, LedgerReader, fact};
use crate::model::Shard;

/// The service of a run, from its settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Origin {
    sandbox: bool,
    region: String,
    aws: Endpoint,
    sync: Option<IgnoredAny>,
    shard: Option<Shard>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    endpoint_url: Option<String>,
}

impl Origin {
    /// Reads it from a ledger.
    pub(super) fn of(ledger: &LedgerReader) -> Result<Self, LedgerError> {
        Ok(ledger.fact(fact::SETTINGS)?.unwrap_or_default())
    }

    /// Whether the service was the sandbox of `--sandbox`.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.sandbox
    }

    /// Whether it is a sync, which goes on by its own command.
    pub(super) fn is_sync(&self) -> bool {
        self.sync.is_some()
    }

    /// Which shard of its job it is; `None` if it is a whole job.
    pub(super) fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// What the run changed, in a sentence for the page.
    pub(super) fn sentence(&self) -> String {
        match &self.aws.endpoint_url {
            _ if self.sandbox => {
                "Rehearsal: against the sandbox. No real channel was changed.".to_owned()
            }
            Some(_) => "Real run, against the address of --endpoint-url (see Settings).".to_owned(),
            None if self.region.is_empty() => "Real run.".to_owned(),
            None => format!("Real run, against Amazon Chime in {}.", self.region),
        }
    }
}

/// The word for a run in headlines.
pub(super) fn noun(is_rehearsal: bool) -> &'static str {
    if is_rehearsal { "rehearsal" } else { "run" }
}
