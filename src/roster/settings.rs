//! What the user said for all rows, checked before the first of them.

use super::Options;
use super::entry::check_same_instance;
use super::error::Problem;
use super::layout::RequiredInstance;
use crate::model::{AppInstanceArn, ChannelArn};

/// The app instance all rows must be of.
pub(super) fn required_instance(options: &Options) -> Result<Option<RequiredInstance>, Problem> {
    let home = |arn: &Option<AppInstanceArn>, whose: &str| {
        let whose = whose.to_owned();
        arn.clone().map(|arn| RequiredInstance { arn, whose })
    };
    let given = home(&options.app_instance, "the app instance given");
    let bearer = home(&options.bearer_app_instance, "the bearer");
    if let (Some(given), Some(bearer)) = (&given, &bearer) {
        check_same_instance(given.arn.as_str(), bearer.arn.as_str(), &bearer.whose).map_err(
            |reason| Problem::Setting {
                what: "--app-instance-arn",
                reason,
            },
        )?;
    }
    Ok(bearer.or(given))
}

/// The one channel for all rows.
pub(super) fn constant_channel(
    options: &Options,
    home: Option<&RequiredInstance>,
) -> Result<Option<ChannelArn>, Problem> {
    let problem = |reason: String| Problem::Setting {
        what: "--channel-arn",
        reason,
    };
    let Some(name) = &options.channel_arn else {
        return Ok(None);
    };
    if options.channel_column.is_some() {
        return Err(problem(
            "one for all rows and a column of channels exclude each other".to_owned(),
        ));
    }
    let channel = name.resolve(home.map(|home| &home.arn)).map_err(problem)?;
    if let Some(home) = home {
        check_same_instance(channel.app_instance(), home.arn.as_str(), &home.whose)
            .map_err(problem)?;
    }
    Ok(Some(channel))
}
