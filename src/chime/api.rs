//! The two APIs that have the batch operation, and what one of them cannot do.
//!
//! Promises: what an API lacks is refused before any request. Must not: depend on how it is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{AddMembers, MESSAGING_REGIONS, MemberArn, SubChannelId};

/// The only region of the legacy API (its endpoint rules have no other).
const LEGACY_REGION: &str = "us-east-1";

/// Which of the service's APIs is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `ChimeSDKMessaging`, 2021-05-15.
    #[default]
    Messaging,
    /// `Chime`, 2018-05-01: the operation under its first namespace. Supports neither sub-channels
    /// nor bots.
    Legacy,
}

/// A request that the legacy API does not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A sub-channel id: the legacy request has no field for it.
    #[error("the legacy API knows no sub-channels")]
    SubChannel,
    /// A bot, as member or bearer.
    #[error("the legacy API knows no bots, neither as members nor as bearer")]
    Bot,
    /// What a channel is: the legacy answer does not contain whether it is elastic or expires.
    #[error("the legacy API does not describe a channel in full: --online needs the messaging API")]
    Description,
    /// Rows that were not read yet, which may need either.
    #[error("the list is not read to its end, and the legacy API may lack what its rest needs")]
    Unread,
}

impl Unsupported {
    /// How to fix it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        "leave --api at messaging"
    }
}

impl Api {
    /// The name by which it is chosen.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messaging => "messaging",
            Self::Legacy => "legacy",
        }
    }

    /// The regions where AWS runs it.
    #[must_use]
    pub fn regions(self) -> &'static [&'static str] {
        match self {
            Self::Messaging => &MESSAGING_REGIONS,
            Self::Legacy => &[LEGACY_REGION],
        }
    }

    /// Whether members can be added to sub-channels.
    ///
    /// # Errors
    /// If the API has none.
    pub fn supports_sub_channels(self) -> Result<(), Unsupported> {
        match self {
            Self::Messaging => Ok(()),
            Self::Legacy => Err(Unsupported::SubChannel),
        }
    }

    /// Whether this can be a member or bearer.
    ///
    /// # Errors
    /// If it is a bot and the API supports none.
    pub fn supports_identity(self, identity: &MemberArn) -> Result<(), Unsupported> {
        match self {
            Self::Legacy if identity.is_bot() => Err(Unsupported::Bot),
            _ => Ok(()),
        }
    }

    /// Whether the call can be made: all of the above.
    ///
    /// # Errors
    /// Names the first thing the API does not have.
    pub fn supports(self, call: &AddMembers) -> Result<(), Unsupported> {
        self.supports_parts(call.membership.sub_channel.as_ref(), [&call.bearer])?;
        self.supports_parts(None, call.members.members())
    }

    /// Whether a call with this sub-channel and these identities can be made.
    ///
    /// # Errors
    /// Names the first thing the API does not have.
    pub(super) fn supports_parts<'a>(
        self,
        sub_channel: Option<&SubChannelId>,
        identities: impl IntoIterator<Item = &'a MemberArn>,
    ) -> Result<(), Unsupported> {
        if sub_channel.is_some() {
            self.supports_sub_channels()?;
        }
        let mut identities = identities.into_iter();
        identities.try_for_each(|identity| self.supports_identity(identity))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Api {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "messaging" => Ok(Self::Messaging),
            "legacy" => Ok(Self::Legacy),
            _ => Err("the API is messaging or legacy".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, ChannelArn, Membership};

    const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

    fn call(bearer: &str, sub_channel: Option<&str>, members: &[&str]) -> AddMembers {
        let identity = |name: &&str| MemberArn::parse(&format!("{INSTANCE}/{name}")).unwrap();
        AddMembers {
            channel: ChannelArn::parse(&format!("{INSTANCE}/channel/c")).unwrap(),
            bearer: identity(&bearer),
            membership: Membership {
                sub_channel: sub_channel.map(|id| id.parse().unwrap()),
                ..Membership::default()
            },
            members: Batch::new(members.iter().map(identity).collect()).unwrap(),
        }
    }

    #[test]
    fn only_the_legacy_api_lacks_bots_and_sub_channels() {
        let cases = [
            (call("user/admin", None, &["user/a", "user/b"]), Ok(())),
            (
                call("user/admin", None, &["user/a", "bot/b"]),
                Err(Unsupported::Bot),
            ),
            (call("bot/b", None, &["user/a"]), Err(Unsupported::Bot)),
            (
                call("user/admin", Some("s"), &["user/a"]),
                Err(Unsupported::SubChannel),
            ),
        ];
        for (call, legacy) in cases {
            assert_eq!(Api::Messaging.supports(&call), Ok(()));
            assert_eq!(Api::Legacy.supports(&call), legacy);
        }
    }

    #[test]
    fn an_api_is_chosen_by_its_name() {
        for api in [Api::Messaging, Api::Legacy] {
            assert_eq!(api.as_str().parse(), Ok(api));
        }
        assert!("Messaging".parse::<Api>().is_err());
    }
}
