//! Amazon Resource Names of app instances, users, bots and channels.
//!
//! Shapes: AWS, "Actions, resources, and condition keys for Amazon Chime" and the `ChimeArn`
//! pattern of the service model.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest ARN that the service accepts, in characters (service model, `ChimeArn`).
const MAX_ARN: usize = 1600;
/// The longest `AppInstanceUserId`, in characters (service model, `UserId`).
const MAX_USER_ID: usize = 64;

/// Why a text is not the expected ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not of the form `arn:partition:chime:region:account:resource`.
    #[error("not an ARN (expected arn:aws:chime:REGION:ACCOUNT:app-instance/ID/…)")]
    Malformed,
    /// Longer than the service accepts.
    #[error("longer than {MAX_ARN} characters")]
    TooLong,
    /// An ARN of another AWS service.
    #[error("an ARN of the service `{0}`, not of chime")]
    OtherService(String),
    /// A Chime ARN, but of another kind of resource.
    #[error("not the ARN of {expected}")]
    OtherResource {
        /// The expected kind, with its article.
        expected: &'static str,
    },
    /// A user id that the service does not accept.
    #[error("{0}")]
    UserId(String),
}

impl ArnError {
    /// The error without any part of the text, so that it can be printed and logged.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::OtherService(_) => "an ARN of another AWS service, not of chime".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Checks an `AppInstanceUserId`: 1 to 64 characters of `[A-Za-z0-9:\-_.@]`, a letter or digit at
/// both ends (service model, `UserId`).
///
/// # Errors
/// Names the rule that is broken.
pub fn check_user_id(id: &str) -> Result<(), ArnError> {
    let reason = |text: String| Err(ArnError::UserId(text));
    let bytes = id.as_bytes();
    if bytes.is_empty() {
        return reason("the user id is empty".into());
    }
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'@');
    // Without a branch per byte: this runs several times for every row of the list.
    let is_plain = bytes.iter().fold(true, |plain, b| plain & allowed(*b));
    if !is_plain && let Some(bad) = id.chars().find(|c| !u8::try_from(*c).is_ok_and(allowed)) {
        let shown = super::escape_control(&bad.to_string(), usize::MAX);
        return reason(format!(
            "`{shown}` cannot stand in a user id (letters, digits and : - _ . @ can)"
        ));
    }
    if bytes.len() > MAX_USER_ID {
        return reason(format!(
            "the user id has {} characters, at most {MAX_USER_ID} are allowed",
            bytes.len()
        ));
    }
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    if !ends(bytes.first()) || !ends(bytes.last()) {
        return reason("a user id begins and ends with a letter or digit".into());
    }
    Ok(())
}

/// Splits a Chime ARN into its app instance part and the rest of its resource, without the slash.
///
/// `arn:aws:chime:us-east-1:1:app-instance/i/user/u` returns `(arn:…:app-instance/i, user/u)`.
fn split(text: &str) -> Result<(&str, &str), ArnError> {
    if text.len() > MAX_ARN {
        return Err(ArnError::TooLong);
    }
    let mut fields = text.splitn(6, ':');
    if fields.next() != Some("arn") {
        return Err(ArnError::Malformed);
    }
    let in_field = |part: &str| {
        part.len() <= 63
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    };
    let mut field = || {
        fields
            .next()
            .filter(|part| !part.is_empty() && in_field(part))
    };
    let (Some(_partition), Some(service)) = (field(), field()) else {
        return Err(ArnError::Malformed);
    };
    if service != "chime" {
        return Err(ArnError::OtherService(service.to_owned()));
    }
    let (Some(_region), Some(_account)) = (field(), field()) else {
        return Err(ArnError::Malformed);
    };
    let resource = fields.next().ok_or(ArnError::Malformed)?;
    let instance = resource
        .strip_prefix("app-instance/")
        .ok_or(ArnError::Malformed)?;
    let id = instance.split('/').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ArnError::Malformed);
    }
    let rest = &instance[id.len()..];
    let head = &text[..text.len() - rest.len()];
    Ok((head, rest.strip_prefix('/').unwrap_or(rest)))
}

/// Whether a resource id (of a channel or bot) is one path segment of plain characters.
pub(crate) fn is_resource_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
}

macro_rules! arn {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads the ARN.
            ///
            /// # Errors
            /// If the text is not such an ARN.
            pub fn parse(text: &str) -> Result<Self, ArnError> {
                Self::check(text)?;
                Ok(Self(text.into()))
            }

            /// Checks the text without a copy. Returns the ARN of its app instance.
            ///
            /// # Errors
            /// As [`Self::parse`].
            pub fn check(text: &str) -> Result<&str, ArnError> {
                let (instance, rest) = split(text)?;
                let check: fn(&str) -> Result<(), ArnError> = $check;
                check(rest)?;
                Ok(instance)
            }

            /// The ARN as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The ARN of the app instance it belongs to (of an app instance: itself).
            #[must_use]
            pub fn app_instance(&self) -> &str {
                split(&self.0).map_or(&self.0, |(instance, _)| instance)
            }

            /// The AWS region named in the ARN.
            #[must_use]
            pub fn region(&self) -> &str {
                self.0.split(':').nth(3).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ArnError;
            fn from_str(text: &str) -> Result<Self, ArnError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    };
}

arn!(
    /// The ARN of an app instance: `arn:aws:chime:REGION:ACCOUNT:app-instance/ID`.
    AppInstanceArn,
    |rest| if rest.is_empty() {
        Ok(())
    } else {
        Err(ArnError::OtherResource { expected: "an app instance" })
    }
);

arn!(
    /// The ARN of a channel: `…:app-instance/ID/channel/CHANNEL_ID`.
    ChannelArn,
    |rest| match rest.strip_prefix("channel/") {
        Some(id) if is_resource_id(id) => Ok(()),
        _ => Err(ArnError::OtherResource { expected: "a channel" }),
    }
);

arn!(
    /// The ARN of a member or bearer: an app instance user (`…/user/ID`) or bot (`…/bot/ID`).
    MemberArn,
    |rest| match (rest.strip_prefix("user/"), rest.strip_prefix("bot/")) {
        (Some(id), _) => check_user_id(id),
        (_, Some(id)) if is_resource_id(id) => Ok(()),
        _ => Err(ArnError::OtherResource { expected: "an app instance user or bot" }),
    }
);

impl MemberArn {
    /// The app instance it belongs to.
    #[must_use]
    pub fn instance(&self) -> AppInstanceArn {
        AppInstanceArn(self.app_instance().into())
    }

    /// Wraps a text whose parts were checked before.
    pub(crate) fn checked(text: &str) -> Self {
        debug_assert_eq!(Self::check(text).err(), None);
        Self(text.into())
    }

    /// The user's or bot's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether this is a bot, which the legacy API does not support.
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.0[self.app_instance().len()..].starts_with("/bot/")
    }
}

impl AppInstanceArn {
    /// The ARN of the user with this id.
    ///
    /// # Errors
    /// If the service does not accept the id, or the ARN is too long.
    pub fn user(&self, id: &str) -> Result<MemberArn, ArnError> {
        MemberArn::parse(&format!("{}/user/{id}", self.0))
    }

    /// The ARN of the channel with this id.
    ///
    /// # Errors
    /// If the id is empty or contains a slash, a space or a control character.
    pub fn channel(&self, id: &str) -> Result<ChannelArn, ArnError> {
        ChannelArn::parse(&format!("{}/channel/{id}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/abc";

    #[test]
    fn a_member_names_its_app_instance_and_region() {
        let member = MemberArn::parse(&format!("{INSTANCE}/user/ann@example.com")).unwrap();
        assert_eq!(member.app_instance(), INSTANCE);
        assert_eq!(member.region(), "us-east-1");
        assert!(!member.is_bot());
        assert!(
            MemberArn::parse(&format!("{INSTANCE}/bot/b-1"))
                .unwrap()
                .is_bot()
        );
    }

    #[test]
    fn each_defect_has_its_reason() {
        let cases = [
            ("ann", "not an ARN"),
            ("arn:aws:s3:::bucket", "service `s3`"),
            ("arn:aws:chime:us-east-1:1:meeting/1", "not an ARN"),
            (
                &format!("{INSTANCE}/channel/c"),
                "not the ARN of an app instance user",
            ),
            (&format!("{INSTANCE}/user/auth0|b"), "`|` cannot stand"),
            (&format!("{INSTANCE}/user/-a"), "begins and ends"),
            (
                &format!("{INSTANCE}/user/{}", "a".repeat(65)),
                "65 characters",
            ),
            (&format!("{INSTANCE}/user/"), "empty"),
            (
                &format!("{INSTANCE}/user/{}", "a".repeat(1600)),
                "longer than 1600",
            ),
        ];
        for (text, reason) in cases {
            let error = MemberArn::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn bare_ids_become_arns() {
        let instance = AppInstanceArn::parse(INSTANCE).unwrap();
        assert_eq!(
            instance.user("u").unwrap().as_str(),
            format!("{INSTANCE}/user/u")
        );
        assert_eq!(
            instance.channel("c").unwrap().as_str(),
            format!("{INSTANCE}/channel/c")
        );
        assert!(instance.channel("a/b").is_err());
        assert!(instance.user("a+b@example.com").is_err());
        let long = AppInstanceArn::parse(&format!("{INSTANCE}{}", "x".repeat(1530))).unwrap();
        assert!(long.user("u").is_ok());
        assert_eq!(long.user("sandbox-admin"), Err(ArnError::TooLong));
    }
}
