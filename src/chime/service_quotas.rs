//! The client of Service Quotas, which has the figures of an AWS account.
//!
//! Promises: an answer after some seconds at the latest, whatever fails; then with the reason. Must not:
//! call the address that is set for Chime.

use std::time::Duration;

use aws_sdk_servicequotas::Client;
use aws_sdk_servicequotas::types::ServiceQuota;

use super::ClientConfig;
use super::bounded_client::with_timeout;
use super::network::Network;
use super::refusal::refusal;
use super::sdk_config::configure;
use super::secrets::Secrets;
use crate::model::{AccountQuota, AccountQuotas, QuotaAnswer, QuotaSource, Refusal, RefusalKind};

/// How long one answer is waited for, credentials included.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The exception for a quota that the operation does not have (service model).
const UNKNOWN: &str = "NoSuchResourceException";

/// What was found out about an account.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedQuotas {
    /// The figures.
    pub quotas: AccountQuotas,
    /// Why some of them are not those of the account.
    pub warnings: Vec<String>,
}

/// Asks for the quotas of the account in the region of this configuration. Where there is no answer, the
/// figures of `fallback` stay.
pub async fn account_quotas(config: ClientConfig, fallback: AccountQuotas) -> AskedQuotas {
    let region = config.region.clone();
    let network = match Network::load(config.profile.as_deref()).await {
        Ok(network) => network,
        Err(error) => {
            return AskedQuotas {
                quotas: fallback,
                warnings: vec![warning("servicequotas", &error.to_string())],
            };
        }
    };
    let secrets = Secrets::with(network.secrets());
    // The address is that of Chime. The SDK finds that of Service Quotas in its own variables.
    let endpoint_url = None;
    let config = ClientConfig {
        endpoint_url,
        ..config
    };
    let asking = async {
        let config = Box::pin(configure(config, &network, &secrets)).await;
        let client = Client::new(&config);
        let ask = |quota| find(&client, quota, &secrets);
        let [rate, members] = AccountQuota::ALL;
        tokio::join!(ask(rate), ask(members))
    };
    // Beside the timeouts of both answers: loading the configuration can take time, too.
    let Ok((rate, members)) = tokio::time::timeout(3 * TIMEOUT, asking).await else {
        return AskedQuotas {
            quotas: fallback,
            warnings: vec![warning("servicequotas", "timed out")],
        };
    };
    let mut warnings = Vec::new();
    let mut figure = |quota: AccountQuota, found: Found| {
        for text in found.warnings {
            if !warnings.contains(&text) {
                warnings.push(text);
            }
        }
        let Some((value, source)) = found.figure else {
            return fallback.get(quota);
        };
        let (figure, note) = quota.figure(&region, value, source);
        warnings.extend(note.map(|note| format!("quotas: {note}")));
        figure
    };
    let quotas = AccountQuotas {
        bearer_rate: figure(AccountQuota::BearerRate, rate),
        members_per_channel: figure(AccountQuota::MembersPerChannel, members),
    };
    AskedQuotas { quotas, warnings }
}

/// The figure of one quota, if one was found, and what failed.
#[derive(Default)]
struct Found {
    figure: Option<(f64, QuotaSource)>,
    warnings: Vec<String>,
}

/// Asks what applies to the account, then for the default.
async fn find(client: &Client, quota: AccountQuota, secrets: &Secrets) -> Found {
    let mut found = Found::default();
    for source in [QuotaSource::Applied, QuotaSource::AwsDefault] {
        let asked = tokio::time::timeout(TIMEOUT, ask(client, quota, source)).await;
        let action = action(source);
        match asked {
            Ok(Ok(answer)) => match quota.read(&answer) {
                Ok(value) => {
                    found.figure = Some((value, source));
                    break;
                }
                Err(what) => found
                    .warnings
                    .push(warning(action, &format!("{}: {what}", quota.code()))),
            },
            // No value of the account's own: the default applies.
            Ok(Err(refusal)) if refusal.code == UNKNOWN && source == QuotaSource::Applied => {}
            Ok(Err(refusal)) => {
                let refusal = secrets.redacted(refusal);
                found
                    .warnings
                    .push(warning(action, &reason(&refusal, action)));
                if was_not_answered(&refusal) {
                    break;
                }
            }
            Err(_) => {
                found.warnings.push(warning(action, "no answer in time"));
                break;
            }
        }
    }
    found
}

/// Whether another question has no better chance.
fn was_not_answered(refusal: &Refusal) -> bool {
    matches!(
        refusal.kind,
        RefusalKind::NoCredentials
            | RefusalKind::Credentials
            | RefusalKind::Unreachable
            | RefusalKind::Lost
    )
}

/// The IAM action that asks for figures of this kind.
fn action(source: QuotaSource) -> &'static str {
    match source {
        QuotaSource::AwsDefault => "servicequotas:GetAWSDefaultServiceQuota",
        _ => "servicequotas:GetServiceQuota",
    }
}

fn reason(refusal: &Refusal, action: &str) -> String {
    if refusal.code.contains("AccessDenied") || refusal.code.contains("NotAuthorized") {
        format!("denied ({}): allow the IAM action {action}", refusal.code)
    } else {
        format!("{}: {}", refusal.code, refusal.message)
    }
}

fn warning(action: &str, why: &str) -> String {
    format!("quotas: {action}: {why}")
}

async fn ask(
    client: &Client,
    quota: AccountQuota,
    source: QuotaSource,
) -> Result<QuotaAnswer, Refusal> {
    let (service, code) = (AccountQuota::SERVICE, quota.code());
    let answer = with_timeout(TIMEOUT, async {
        if source == QuotaSource::AwsDefault {
            let request = client.get_aws_default_service_quota();
            let answer = request.service_code(service).quota_code(code).send().await;
            answer
                .map(|answer| answer.quota)
                .map_err(|error| refusal(&error))
        } else {
            let request = client.get_service_quota();
            let answer = request.service_code(service).quota_code(code).send().await;
            answer
                .map(|answer| answer.quota)
                .map_err(|error| refusal(&error))
        }
    });
    Ok(answer.await?.map(read).unwrap_or_default())
}

fn read(quota: ServiceQuota) -> QuotaAnswer {
    QuotaAnswer {
        code: quota.quota_code,
        value: quota.value,
        unit: quota.unit,
        period: quota.period.map(|period| {
            let unit = period.period_unit.map(|unit| unit.as_str().to_owned());
            (period.period_value, unit)
        }),
    }
}
