//! How a member is added to a channel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The `Type` of a membership.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum MembershipType {
    /// Listed for all members.
    #[default]
    Default,
    /// Only moderators add hidden members; a default listing omits them.
    Hidden,
}

impl MembershipType {
    /// All types.
    pub const ALL: [Self; 2] = [Self::Default, Self::Hidden];

    /// The other type.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Default => Self::Hidden,
            Self::Hidden => Self::Default,
        }
    }

    /// Its text in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::Hidden => "HIDDEN",
        }
    }
}

impl fmt::Display for MembershipType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MembershipType {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("DEFAULT") {
            Ok(Self::Default)
        } else if text.eq_ignore_ascii_case("HIDDEN") {
            Ok(Self::Hidden)
        } else {
            Err("the type is DEFAULT or HIDDEN".to_owned())
        }
    }
}

/// The id of a sub-channel of an elastic channel: 1 to 128 of `[-_a-zA-Z0-9]` (service model,
/// `SubChannelId`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SubChannelId(Box<str>);

/// A text that is not a sub-channel id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a sub-channel id has 1 to 128 letters, digits, - or _")]
pub struct SubChannelIdError;

impl SubChannelId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubChannelId {
    type Err = SubChannelIdError;
    fn from_str(text: &str) -> Result<Self, SubChannelIdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(SubChannelIdError)
        }
    }
}

impl TryFrom<String> for SubChannelId {
    type Error = SubChannelIdError;
    fn try_from(text: String) -> Result<Self, SubChannelIdError> {
        text.parse()
    }
}

/// The membership's properties that all members of one call share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The membership's type.
    pub membership_type: MembershipType,
    /// The sub-channel, for moderators of an elastic channel.
    pub sub_channel: Option<SubChannelId>,
}
