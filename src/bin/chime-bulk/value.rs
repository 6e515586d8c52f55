//! Parsers for the values of flags, with errors that have a hint.
//!
//! Blanks and line ends around a value are left out: a variable from a file with Windows line ends has
//! them, and so has what is pasted.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use chime_bulk::chime::EndpointUrl;
use chime_bulk::model::{AppInstanceArn, ArnError, MemberArn, Shard, ShardError, SubChannelId};
use chime_bulk::roster::ChannelName;
use chime_bulk::store::PrefixUrl;

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

/// Parses `--shard`: I/N, or the name of an engine whose variables have them.
pub(crate) fn shard(text: &str) -> Result<Shard, ValueError> {
    let text = text.trim();
    let (number, count) = match text.split_once('/') {
        None if text == "batch" => (
            variable("AWS_BATCH_JOB_ARRAY_INDEX", BATCH_HINT)?.saturating_add(1),
            variable("AWS_BATCH_JOB_ARRAY_SIZE", BATCH_HINT)?,
        ),
        Some(("slurm", count)) => (variable("SLURM_ARRAY_TASK_ID", SLURM_HINT)?, shards(count)?),
        Some(("kubernetes", count)) => (
            variable("JOB_COMPLETION_INDEX", KUBERNETES_HINT)?.saturating_add(1),
            shards(count)?,
        ),
        None if ["slurm", "kubernetes"].contains(&text) => {
            return Err(ValueError {
                what: format!("--shard {text}: the number of shards is missing"),
                hint: Some("it does not come with the job: pass --shard slurm/N or kubernetes/N"),
            });
        }
        _ => return text.parse().map_err(|error| shard_error(&error)),
    };
    Shard::new(number, count).map_err(|error| ValueError {
        hint: Some(match text {
            "batch" => BATCH_HINT,
            text if text.starts_with("slurm") => SLURM_HINT,
            _ => KUBERNETES_HINT,
        }),
        ..shard_error(&error)
    })
}

const BATCH_HINT: &str = "--shard batch is for a job of an AWS Batch array";
const SLURM_HINT: &str =
    "--shard slurm/N is for a task of an array from 1 to N: #SBATCH --array=1-N";
const KUBERNETES_HINT: &str =
    "--shard kubernetes/N is for a pod of a Job with completionMode: Indexed and N completions";

/// Parses `--shards`.
pub(crate) fn shard_count(text: &str) -> Result<NonZeroU32, ValueError> {
    let count = shards(text.trim())?;
    let counted = Shard::new(1, count).map_err(|error| ValueError {
        what: format!("--shards {count}: {error}"),
        hint: None,
    });
    counted.map(|_| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
}

/// The number of shards.
fn shards(text: &str) -> Result<u32, ValueError> {
    text.parse().map_err(|_| ValueError {
        what: format!("`{text}` is no number of shards"),
        hint: Some("pass a number, such as 4"),
    })
}

fn shard_error(error: &ShardError) -> ValueError {
    ValueError {
        what: format!("--shard: {error}"),
        hint: Some(
            "pass I/N, such as 1/4, or batch, slurm/N or kubernetes/N where such an engine runs it",
        ),
    }
}

/// The number in a variable of an engine.
fn variable(name: &str, hint: &'static str) -> Result<u32, ValueError> {
    let value = std::env::var(name).unwrap_or_default();
    let number = value.trim().parse();
    number.map_err(|_| ValueError {
        what: if value.is_empty() {
            format!("--shard: the variable {name} is not set")
        } else {
            format!("--shard: the variable {name} is no number")
        },
        hint: Some(hint),
    })
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

/// Parses a quota of the sandbox: calls per second.
pub(crate) fn quota(text: &str) -> Result<f64, String> {
    let rate = text.trim().parse().ok();
    rate.filter(|rate| (0.001..=1e6).contains(rate))
        .ok_or_else(|| "calls per second: a number from 0.001 to 1000000".to_owned())
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

/// Parses `--reports-to` and `--to`.
pub(crate) fn reports_to(text: &str) -> Result<PrefixUrl, ValueError> {
    text.trim().parse().map_err(|error| ValueError {
        what: format!("the place of the reports: {error}"),
        hint: Some("give it as s3://BUCKET/PREFIX/"),
    })
}

/// Parses `--metrics-file`.
pub(crate) fn metrics_file(text: &str) -> Result<PathBuf, ValueError> {
    let path = PathBuf::from(text);
    if path
        .extension()
        .is_some_and(|extension| extension == "prom")
    {
        return Ok(path);
    }
    Err(ValueError {
        what: format!("--metrics-file {text}: its name does not end in .prom"),
        hint: Some("the textfile collector reads no other files: name it such as chime-bulk.prom"),
    })
}

/// Parses `--endpoint-url`.
pub(crate) fn endpoint_url(text: &str) -> Result<EndpointUrl, ValueError> {
    text.trim().parse().map_err(|error| ValueError {
        what: format!("{error}"),
        hint: Some("give it as --endpoint-url http://127.0.0.1:8480"),
    })
}
