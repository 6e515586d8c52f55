//! `--quotas`: the figures of the account, before a session begins.

use super::{RunSettings, Target};
use crate::chime;
use crate::model::{AccountQuotas, QuotaFigure, QuotaSource};

/// Asks for the quotas of the account, if these settings are to have them, and keeps the figures there:
/// they are stored with the run, so that `resume` is as fast without asking. Where there is no answer,
/// figures of an earlier session stay. Returns why some figures are not those of the account; that never
/// stops a run.
pub(super) async fn ask(settings: &mut RunSettings, target: &Target) -> Vec<String> {
    if !std::mem::take(&mut settings.limits.ask_quotas) {
        return Vec::new();
    }
    let region = settings.region.clone();
    let fallback = settings.limits.quotas;
    let fallback = fallback.unwrap_or_else(|| AccountQuotas::built_in(&region));
    match target {
        Target::Aws(aws) => {
            let asked = Box::pin(chime::account_quotas(aws.client_config(region), fallback)).await;
            settings.limits.quotas = Some(asked.quotas);
            asked.warnings
        }
        // A sandbox in the process has no account to ask about: its own figures apply.
        Target::Sandbox(service) => {
            settings.limits.quotas = Some(AccountQuotas::of(|quota| QuotaFigure {
                value: service.account_quota(quota, &region),
                source: QuotaSource::Applied,
            }));
            Vec::new()
        }
    }
}
