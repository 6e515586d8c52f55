//! A channel as a user names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{AppInstanceArn, ArnError, ChannelArn, is_resource_id};

/// A channel's ARN, or its id in an app instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelName(Given);

/// What was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Arn(ChannelArn),
    Id(Box<str>),
}

/// A text that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// It is empty.
    #[error("the channel is missing")]
    Missing,
    /// It is no ARN, and no id either.
    #[error("a channel's id has visible ASCII characters only, and no slash")]
    Id,
    /// It begins as an ARN, but is not a channel's.
    #[error("{}", .0.reason())]
    Arn(ArnError),
}

impl ChannelName {
    /// How to write one.
    pub const HINT: &str = "give the whole ARN, arn:aws:chime:REGION:ACCOUNT:app-instance/ID/channel/ID, \
         or an id and --app-instance-arn";

    /// The channel's ARN; that of an id is in this app instance.
    pub(super) fn resolve(&self, home: Option<&AppInstanceArn>) -> Result<ChannelArn, String> {
        match (&self.0, home) {
            (Given::Arn(arn), _) => Ok(arn.clone()),
            (Given::Id(id), Some(home)) => home.channel(id).map_err(|error| error.reason()),
            (Given::Id(_), None) => {
                Err("a channel's id, but no app instance is given for it".to_owned())
            }
        }
    }
}

impl FromStr for ChannelName {
    type Err = ChannelNameError;
    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ChannelNameError::Missing);
        }
        Ok(Self(if text.starts_with("arn:") {
            Given::Arn(ChannelArn::parse(text).map_err(ChannelNameError::Arn)?)
        } else if is_resource_id(text) {
            Given::Id(text.into())
        } else {
            return Err(ChannelNameError::Id);
        }))
    }
}

impl From<ChannelArn> for ChannelName {
    fn from(arn: ChannelArn) -> Self {
        Self(Given::Arn(arn))
    }
}

impl TryFrom<String> for ChannelName {
    type Error = ChannelNameError;
    fn try_from(text: String) -> Result<Self, ChannelNameError> {
        text.parse()
    }
}

impl From<ChannelName> for String {
    fn from(name: ChannelName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Given::Arn(arn) => arn.fmt(f),
            Given::Id(id) => f.write_str(id),
        }
    }
}
