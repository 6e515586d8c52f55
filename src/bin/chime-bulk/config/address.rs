//! The address that a command would call, for `--print-config`.

use std::path::Path;

use chime_bulk::job::{self, AwsTarget, JobError};
use chime_bulk::model::{MemberArn, escape_control};
use clap::{ArgMatches, Command, FromArgMatches};

use crate::args::AwsArguments;

/// The address as a comment in TOML. Empty for a command that makes no call.
pub(super) fn comment(command: &Command, flags: &ArgMatches) -> String {
    if !has(command, "endpoint_url") {
        return String::new();
    }
    let text = match address(command, flags) {
        Ok(Some(address)) => address,
        Ok(None) => "none: a sandbox in this process".to_owned(),
        Err(why) => format!("not known: {why}"),
    };
    format!("# address called: {}\n", escape_control(&text, usize::MAX))
}

/// Whether a command has this argument. Its matches tell only in debug builds of clap.
fn has(command: &Command, argument: &str) -> bool {
    command.get_arguments().any(|one| one.get_id() == argument)
}

fn address(command: &Command, flags: &ArgMatches) -> Result<Option<String>, String> {
    if flags.try_get_one("sandbox").ok().flatten() == Some(&true) {
        return Ok(None);
    }
    let aws: AwsTarget = AwsArguments::from_arg_matches(flags)
        .map_err(|error| error.kind().to_string())?
        .into();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let text = |error: JobError| error.to_string();
    if let Ok(Some(dir)) = flags.try_get_one::<std::path::PathBuf>("run_dir")
        && !has(command, "list")
    {
        let dir: &Path = dir;
        return runtime
            .block_on(job::address_of_run(dir, aws))
            .map_err(text);
    }
    let bearer = flags.try_get_one::<MemberArn>("bearer").ok().flatten();
    let region = bearer.map(MemberArn::region).or(aws.region.as_deref());
    let Some(region) = region else {
        return Err("it depends on --bearer or --region".to_owned());
    };
    let address = runtime.block_on(job::address(&aws, region));
    address.map(Some).map_err(text)
}
