//! The two operations of Service Quotas that `--quotas` calls, about the quotas of the sandbox.
//!
//! Requests and answers: AWS, Service Quotas API reference; AWS JSON 1.1.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use super::exception::Exception;
use super::service::Service;
use crate::model::AccountQuota;

/// The service that requests are signed for.
pub(super) const SIGNED_FOR: &str = "servicequotas";
/// What the header with the operation begins with.
const TARGET: &str = "ServiceQuotasV20190624.";

/// A request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    service_code: String,
    quota_code: String,
}

/// The operation that a request names, if it is one of Service Quotas.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    let is_post = parts.method == Method::POST && parts.uri.path() == "/";
    let target = text(&parts.headers, "x-amz-target").filter(|_| is_post)?;
    target.strip_prefix(TARGET)
}

/// Answers a request whose signature is valid.
pub(super) fn answer(service: &Service, parts: &Parts, body: &[u8]) -> Result<Value, Exception> {
    let region = region(&parts.headers).unwrap_or_default();
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|why| exception("IllegalArgumentException", why.to_string()))?;
    let known = |quota: &AccountQuota| {
        asked.service_code == AccountQuota::SERVICE && asked.quota_code == quota.code()
    };
    let quota = AccountQuota::ALL.into_iter().find(known);
    let quota = quota.ok_or_else(|| exception("NoSuchResourceException", "no such quota here"))?;
    let value = match operation(parts) {
        Some("GetServiceQuota") => service.account_quota(quota, region),
        Some("GetAWSDefaultServiceQuota") => quota.built_in(region),
        _ => {
            return Err(exception(
                "UnknownOperationException",
                "no such operation here",
            ));
        }
    };
    let mut answer = json!({
        "ServiceCode": AccountQuota::SERVICE,
        "QuotaCode": quota.code(),
        "Value": value,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    });
    if quota == AccountQuota::BearerRate {
        answer["Period"] = json!({ "PeriodValue": 1, "PeriodUnit": "SECOND" });
    }
    Ok(json!({ "Quota": answer }))
}

/// The region that a request is signed for.
fn region(headers: &HeaderMap) -> Option<&str> {
    let (_, scope) = text(headers, "authorization")?.split_once("Credential=")?;
    scope.split('/').nth(2)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn exception(name: &'static str, message: impl Into<String>) -> Exception {
    Exception {
        status: 400,
        name: name.into(),
        message: message.into().into(),
    }
}
