//! `plan`: reads and checks a list, and computes its calls and its time. Makes no call.
//!
//! Promises: the list goes through the same stager as in a run, into a temporary ledger, so a plan
//! and a run cannot disagree. Must not: create a run directory or leave a file.

use std::num::NonZeroU32;

use super::{AwsTarget, JobError, LimitOverrides, RunSettings, Target, account_quotas, supported};
use crate::chime::{Api, ConnectError};
use crate::ledger::{Ledger, LedgerReader, Stager};
use crate::model::{BearerPool, ChannelArn, ChannelId, LimitShare, Shard, SkipExisting};
use crate::report::{Plan, PlanInput};
use crate::roster::{Options, Roster, Source};

/// The request for a plan.
pub struct PlanRequest {
    /// The list.
    pub source: Source,
    /// How to read it.
    pub options: Options,
    /// The bearers; with none, one is assumed.
    pub bearers: BearerPool,
    /// Limits.
    pub limits: LimitOverrides,
    /// The AWS service that a run would call. Its region is used instead of that in the ARNs.
    pub aws: AwsTarget,
    /// Whether a run would call a sandbox.
    pub sandbox: bool,
    /// Which channels the run would list first.
    pub skip_existing: SkipExisting,
    /// The shard of the list to plan; without one, all of it.
    pub shard: Option<Shard>,
    /// The number of shards to compare, if any.
    pub shards: Option<NonZeroU32>,
}

/// Reads the list to its end and returns the plan. `opened` receives the detected format, in one
/// line, before the rows are read.
///
/// # Errors
/// If the list cannot be read, a run of it would be refused, or a temporary file cannot be written.
pub fn plan(request: PlanRequest, opened: impl FnOnce(&str)) -> Result<Plan, JobError> {
    let (input, ledger) = read(request, opened)?;
    Ok(Plan::of(&ledger, input)?)
}

/// As [`plan`], but asks this service for the quotas of the account, if the limits are to have them.
/// That makes no call to Chime, and no answer is an error.
///
/// # Errors
/// As `plan`.
pub async fn plan_with_quotas(
    request: PlanRequest,
    target: &Target,
    opened: impl FnOnce(&str),
) -> Result<Plan, JobError> {
    let (plan, _, _) = Box::pin(plan_list(request, target, opened)).await?;
    Ok(plan)
}

/// The plan, the ledger with the list, and the limits with the quotas of the account.
pub(super) async fn plan_list(
    request: PlanRequest,
    target: &Target,
    opened: impl FnOnce(&str),
) -> Result<(Plan, Ledger, LimitOverrides), JobError> {
    let (limits, bearers) = (request.limits, request.bearers.clone());
    let (input, ledger) = read(request, opened)?;
    let mut settings = RunSettings {
        limits,
        region: input.region.clone(),
        ..target.settings(bearers)
    };
    let warnings = account_quotas::ask(&mut settings, target).await;
    let input = PlanInput {
        limits: settings.limits.resolve(&input.region)?,
        quotas: settings.limits.quotas,
        ..input
    };
    let plan = Plan {
        quota_warnings: warnings,
        ..Plan::of(&ledger, input)?
    };
    Ok((plan, ledger, settings.limits))
}

/// Reads the list to its end.
fn read(request: PlanRequest, opened: impl FnOnce(&str)) -> Result<(PlanInput, Ledger), JobError> {
    let PlanRequest {
        source,
        mut options,
        bearers,
        limits,
        aws,
        sandbox,
        skip_existing,
        shard,
        shards,
    } = request;
    let api = if sandbox { Api::Messaging } else { aws.api() };
    let checked = |region: String| {
        // A run would find these regions at the address, or in the sandbox.
        if sandbox || aws.endpoint_url.is_some() || api.regions().contains(&region.as_str()) {
            Ok(region)
        } else {
            Err(ConnectError::Region { api, region })
        }
    };
    options.bearer_app_instance = bearers.instance();
    options.legacy_api = api == Api::Legacy;
    supported::check_request(api, &options, &bearers)?;
    let region = aws.region.clone();
    let region = region.or_else(|| bearers.region().map(str::to_owned));
    // Report an invalid request before reading a long list.
    let region = region.map(checked).transpose()?;
    limits.resolve(region.as_deref().unwrap_or_default())?;

    let roster = Roster::open(&source, &limits.options(&options))?;
    opened(&roster.detected());
    let ledger = stage(roster, shard)?;
    let region = match region {
        Some(region) => region,
        None => checked(list_region(&ledger)?)?,
    };
    let (bearers, share) = match shard {
        Some(shard) => shard.bearers(&bearers),
        None => (bearers, LimitShare::default()),
    };
    let limits = share.of(limits.resolve(&region)?);
    limits.check()?;
    let input = PlanInput {
        list: source.name(),
        limits,
        bearers: bearers.len(),
        region,
        skip_existing,
        shard,
        shards,
        quotas: None,
    };
    Ok((input, ledger))
}

/// Stages the whole list and finds its duplicates.
fn stage(roster: Roster, shard: Option<Shard>) -> Result<Ledger, JobError> {
    let mut key = [0; 16];
    rand::fill(&mut key);
    let mut ledger = Ledger::temporary(roster.layout(), key)?;
    let mut stager = Stager::new(roster, key).of_shard(shard);
    while let Some(chunk) = stager.next_chunk()? {
        ledger.stage(&chunk)?;
        if ledger.should_flush() {
            ledger.flush_staged()?;
        }
    }
    ledger.flush_staged()?;
    ledger.end_list()?;
    while !ledger.scan_duplicates()? {
        ledger.flush_staged()?;
    }
    Ok(ledger)
}

/// The region of the first channel, or of the one for all rows.
fn list_region(ledger: &LedgerReader) -> Result<String, JobError> {
    let channel = if ledger.channels()? > 0 {
        Some(ledger.channel_arn(ChannelId(0))?)
    } else {
        ledger.layout().constant_channel().cloned()
    };
    let region = channel.as_ref().map(ChannelArn::region);
    Ok(region.unwrap_or(DEFAULT_REGION).to_owned())
}

/// The region of a list without a valid row.
const DEFAULT_REGION: &str = "us-east-1";
