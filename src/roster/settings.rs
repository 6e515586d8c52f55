//! What the user said for all rows, checked before the first of them.

use super::entry::{check_same_instance, parse_app_instance};
use super::error::Problem;
use super::layout::RequiredInstance;
use super::{Entry, Options};

/// The app instance all rows must be of.
pub(super) fn required_instance(options: &Options) -> Result<Option<RequiredInstance>, Problem> {
    let read = |text: &Option<String>, what: &'static str, whose: &str| {
        text.as_deref()
            .map(|text| {
                parse_app_instance(text).map_err(|reason| Problem::Setting { what, reason })
            })
            .transpose()
            .map(|arn| {
                arn.map(|arn| RequiredInstance {
                    arn,
                    whose: whose.to_owned(),
                })
            })
    };
    let given = read(
        &options.app_instance,
        "--app-instance-arn",
        "the app instance given",
    )?;
    let bearer = read(
        &options.bearer_app_instance,
        "bearer's app instance",
        "the bearer",
    )?;
    if let (Some(given), Some(bearer)) = (&given, &bearer) {
        check_same_instance(&given.arn, &bearer.arn, &bearer.whose).map_err(|reason| {
            Problem::Setting {
                what: "--app-instance-arn",
                reason,
            }
        })?;
    }
    Ok(bearer.or(given))
}

/// The one channel for all rows.
pub(super) fn constant_channel(
    options: &Options,
    home: Option<&RequiredInstance>,
) -> Result<Option<String>, Problem> {
    let problem = |reason: String| Problem::Setting {
        what: "--channel-arn",
        reason,
    };
    let Some(text) = options.channel_arn.as_deref() else {
        return Ok(None);
    };
    if options.channel_column.is_some() {
        return Err(problem(
            "one for all rows and a column of channels exclude each other".to_owned(),
        ));
    }
    let mut entry = Entry::default();
    entry
        .set_channel(text.trim(), home.map(|home| home.arn.as_str()))
        .and_then(|()| {
            home.map_or(Ok(()), |home| {
                check_same_instance(entry.app_instance(), &home.arn, &home.whose)
            })
        })
        .map_err(problem)?;
    Ok(Some(entry.channel_arn().to_owned()))
}

/// The sub-channel for rows that name none; empty for none.
pub(super) fn sub_channel(options: &Options) -> Result<String, Problem> {
    let text = options.sub_channel.clone().unwrap_or_default();
    Entry::default()
        .set_sub_channel(&text)
        .map_err(|reason| Problem::Setting {
            what: "--sub-channel-id",
            reason,
        })?;
    Ok(text)
}
