//! `plan`: reads and checks a list, and computes what it takes. Makes no call, keeps nothing.
//!
//! Promises: the list goes the way it goes in a run, through the same stager, into a ledger that
//! is gone with the process: so a plan and a run cannot disagree. Must not: make a run directory.

use super::{JobError, LimitOverrides};
use crate::chime::{Api, ConnectError};
use crate::ledger::{Ledger, LedgerReader, Stager};
use crate::model::{BearerPool, ChannelArn, ChannelId};
use crate::report::{Plan, PlanInput};
use crate::roster::{Options, Roster, Source};

/// A plan that is asked for.
pub struct PlanRequest {
    /// The list.
    pub source: Source,
    /// How it is to be read.
    pub options: Options,
    /// The bearers; with none, one is assumed.
    pub bearers: BearerPool,
    /// Limits.
    pub limits: LimitOverrides,
    /// Instead of the one in the ARNs.
    pub region: Option<String>,
}

/// Reads the list to its end and returns what it takes. `opened` receives how the list is read, in a
/// line, before that.
///
/// # Errors
/// If the list cannot be read, a run of it would be refused, or there is no room for temporary
/// files.
pub fn plan(request: PlanRequest, opened: impl FnOnce(&str)) -> Result<Plan, JobError> {
    let PlanRequest {
        source,
        mut options,
        bearers,
        limits,
        region,
    } = request;
    options.bearer_app_instance = bearers.instance();
    let region = region.or_else(|| bearers.region().map(str::to_owned));
    // What is wrong with the request is said before a long list is read.
    let region = region.map(checked).transpose()?;
    limits.resolve(region.as_deref().unwrap_or_default())?;

    let roster = Roster::open(&source, &limits.options(&options))?;
    opened(&roster.detected());
    let ledger = stage(roster)?;
    let region = region.map_or_else(|| checked(of_list(&ledger)?), Ok)?;
    let basis = PlanInput {
        list: source.name(),
        limits: limits.resolve(&region)?,
        bearers: bearers.len(),
        region,
    };
    Ok(Plan::of(&ledger, basis)?)
}

/// Stages the whole list and finds its duplicates.
fn stage(roster: Roster) -> Result<Ledger, JobError> {
    let mut key = [0; 16];
    rand::fill(&mut key);
    let mut ledger = Ledger::temporary(roster.layout(), key)?;
    let mut stager = Stager::new(roster, key);
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
fn of_list(ledger: &LedgerReader) -> Result<String, JobError> {
    let channel = if ledger.channels()? > 0 {
        Some(ledger.channel_arn(ChannelId(0))?)
    } else {
        ledger.layout().constant_channel().cloned()
    };
    let region = channel.as_ref().map(ChannelArn::region);
    Ok(region.unwrap_or(USUAL_REGION).to_owned())
}

/// The region of a list that names none: no row of it is good.
const USUAL_REGION: &str = "us-east-1";

/// A region where AWS runs the API: a run elsewhere would be refused.
fn checked(region: String) -> Result<String, JobError> {
    let api = Api::Messaging;
    if api.regions().contains(&region.as_str()) {
        Ok(region)
    } else {
        Err(ConnectError::Region { api, region }.into())
    }
}
