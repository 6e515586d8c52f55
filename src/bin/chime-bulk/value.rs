//! Parsers for the values of flags, with errors that have a hint.
//!
//! Blanks and line ends around a value are left out: a variable from a file with Windows line ends has
//! them, and so has what is pasted.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use chime_bulk::chime::EndpointUrl;
use chime_bulk::model::{AppInstanceArn, ArnError, MemberArn, SubChannelId};
use chime_bulk::roster::ChannelName;

/// A value that its flag does not accept. Its message is printed without clap's own, which contains
/// the value: the value may have a password in it.
#[derive(Debug)]
pub(crate) struct ValueError {
    what: String,
    hint: Option<&'static str>,
}

impl ValueError {
    /// The cause of an error of clap, if that is a `ValueError`.
    pub(crate) fn of(error: &clap::Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// How to fix it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        self.hint
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for ValueError {}

/// Parses a name of AWS: a region or a profile.
#[expect(clippy::unnecessary_wraps, reason = "clap's signature")]
pub(crate) fn name(text: &str) -> Result<String, ValueError> {
    Ok(text.trim().to_owned())
}

/// Parses any other value.
pub(crate) fn parsed<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().parse()
}

/// Parses `--bearer`.
pub(crate) fn bearer(text: &str) -> Result<MemberArn, ValueError> {
    member("--bearer", text)
}

/// Parses `--admin`.
pub(crate) fn admin(text: &str) -> Result<MemberArn, ValueError> {
    member("--admin", text)
}

/// Parses `--moderator`.
pub(crate) fn moderator(text: &str) -> Result<MemberArn, ValueError> {
    member("--moderator", text)
}

fn member(flag: &str, text: &str) -> Result<MemberArn, ValueError> {
    let text = text.trim();
    MemberArn::parse(text).map_err(|error| ValueError {
        what: format!("{flag} `{text}`: {error}"),
        hint: Some(
            "the bearer is an app instance user or bot: arn:aws:chime:REGION:ACCOUNT:app-instance/ID/user/ID",
        ),
    })
}

/// Parses `--channel-arn`.
pub(crate) fn channel(text: &str) -> Result<ChannelName, ValueError> {
    text.trim().parse().map_err(|error| ValueError {
        what: format!("--channel-arn: {error}"),
        hint: Some(ChannelName::HINT),
    })
}

/// Parses `--app-instance-arn`.
pub(crate) fn app_instance(text: &str) -> Result<AppInstanceArn, ValueError> {
    text.trim().parse().map_err(|error: ArnError| ValueError {
        what: format!("--app-instance-arn: {}", error.reason()),
        hint: None,
    })
}

/// Parses `--sub-channel-id`.
pub(crate) fn sub_channel(text: &str) -> Result<SubChannelId, ValueError> {
    text.trim().parse().map_err(|error| ValueError {
        what: format!("--sub-channel-id: {error}"),
        hint: None,
    })
}

/// Parses `--endpoint-url`.
pub(crate) fn endpoint_url(text: &str) -> Result<EndpointUrl, ValueError> {
    text.trim().parse().map_err(|error| ValueError {
        what: format!("{error}"),
        hint: Some("give it as --endpoint-url http://127.0.0.1:8480"),
    })
}
