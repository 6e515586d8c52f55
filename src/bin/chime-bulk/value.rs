//! Values of flags that stand for something: read from their text, with an error that names how to
//! fix it.

use std::error::Error;
use std::fmt;

use chime_bulk::chime::EndpointUrl;
use chime_bulk::model::{AppInstanceArn, ArnError, MemberArn, SubChannelId};
use chime_bulk::roster::ChannelName;

/// A text that is not what its flag stands for. Printed as it is, unlike other errors of clap, which
/// repeat the text: it may be a password.
#[derive(Debug)]
pub(crate) struct ValueError {
    what: String,
    hint: Option<&'static str>,
}

impl ValueError {
    /// The one among the causes of an error of clap.
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

/// Reads `--bearer`.
pub(crate) fn bearer(text: &str) -> Result<MemberArn, ValueError> {
    member("--bearer", text)
}

/// Reads `--admin`.
pub(crate) fn admin(text: &str) -> Result<MemberArn, ValueError> {
    member("--admin", text)
}

fn member(flag: &str, text: &str) -> Result<MemberArn, ValueError> {
    MemberArn::parse(text).map_err(|error| ValueError {
        what: format!("{flag} `{text}`: {error}"),
        hint: Some(
            "the bearer is an app instance user or bot: arn:aws:chime:REGION:ACCOUNT:app-instance/ID/user/ID",
        ),
    })
}

/// Reads `--channel-arn`.
pub(crate) fn channel(text: &str) -> Result<ChannelName, ValueError> {
    text.parse().map_err(|error| ValueError {
        what: format!("--channel-arn: {error}"),
        hint: Some(ChannelName::HINT),
    })
}

/// Reads `--app-instance-arn`.
pub(crate) fn app_instance(text: &str) -> Result<AppInstanceArn, ValueError> {
    text.parse().map_err(|error: ArnError| ValueError {
        what: format!("--app-instance-arn: {}", error.reason()),
        hint: None,
    })
}

/// Reads `--sub-channel-id`.
pub(crate) fn sub_channel(text: &str) -> Result<SubChannelId, ValueError> {
    text.parse().map_err(|error| ValueError {
        what: format!("--sub-channel-id: {error}"),
        hint: None,
    })
}

/// Reads `--endpoint-url`.
pub(crate) fn endpoint_url(text: &str) -> Result<EndpointUrl, ValueError> {
    text.parse().map_err(|error| ValueError {
        what: format!("{error}"),
        hint: Some("give it as --endpoint-url http://127.0.0.1:8480"),
    })
}
