//! Faults that refuse calls with a code of the catalogue: at random, or for some seconds.
//!
//! A storm refuses every call in its time with one code; a share refuses a part of all calls. The
//! form of a code on the wire (status, exception, page, no answer) is decided here.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use super::address::{Address, begins_with_any, last_segment};
use super::exception::Exception;
use super::fault::FaultError;
use super::service_answer::ServiceAnswer;
use crate::model::RefusalKind;
use crate::model::codes::{self, CODES, Code, Effect, Level};

/// A page that a proxy might answer.
const PAGE: &str = "<!DOCTYPE html><html><body><h1>Sign in to this network</h1></body></html>";

/// A code with which calls can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCode(&'static Code);

impl CallCode {
    /// All codes that the sandbox can send.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().filter(|code| can_answer(code)).map(Self)
    }

    /// The entry of the catalogue.
    #[must_use]
    pub fn code(self) -> &'static Code {
        self.0
    }

    /// The answer to a call that is refused with it. The call is not applied.
    pub(super) fn answer<T>(self) -> ServiceAnswer<T> {
        let text = self.0.text;
        if let Some(status) = text.strip_prefix("Http") {
            let status = status.replace("xx", "18").parse().unwrap_or(418);
            return ServiceAnswer::Refused(Exception {
                status,
                name: "".into(),
                message: "as asked for".into(),
            });
        }
        match text {
            codes::TIMEOUT => ServiceAnswer::Silence,
            codes::CONNECTION_LOST => ServiceAnswer::Closed,
            codes::UNREADABLE_REPLY => ServiceAnswer::Page(200, PAGE.to_owned()),
            codes::HTML_PAGE => ServiceAnswer::Page(404, PAGE.to_owned()),
            codes::GATEWAY_ERROR => ServiceAnswer::Page(502, PAGE.to_owned()),
            codes::OTHER_CHANNEL => {
                let body = r#"{"ChannelArn":"another","BatchChannelMemberships":{"ChannelArn":"another"}}"#;
                ServiceAnswer::Page(200, body.to_owned())
            }
            _ => ServiceAnswer::Refused(Exception {
                status: status(self.0),
                name: text.into(),
                message: "as asked for".into(),
            }),
        }
    }
}

impl FromStr for CallCode {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let found = codes::of_call(text).filter(|code| can_answer(code));
        found
            .map(Self)
            .ok_or_else(|| FaultError::Unknown(text.to_owned()))
    }
}

/// Whether a service can send it. False for codes of failures before a call arrives.
fn can_answer(code: &Code) -> bool {
    match code.level {
        Level::Call => true,
        Level::Program => matches!(
            code.text,
            codes::TIMEOUT
                | codes::CONNECTION_LOST
                | codes::UNREADABLE_REPLY
                | codes::HTML_PAGE
                | codes::GATEWAY_ERROR
                | codes::OTHER_CHANNEL
        ),
        Level::Member => false,
    }
}

/// The HTTP status that comes with an exception (service model; AWS, Common Error Types; of
/// throttling under its other names 400).
fn status(code: &Code) -> u16 {
    let Effect::Call(kind) = code.effect else {
        return 500;
    };
    match kind {
        RefusalKind::Throttled if code.text == "ThrottledClientException" => 429,
        RefusalKind::BadRequest | RefusalKind::LimitExceeded | RefusalKind::Throttled => 400,
        RefusalKind::Denied if code.text == "UnauthorizedClientException" => 401,
        RefusalKind::Denied if code.text == "NotAuthorized" => 400,
        RefusalKind::Denied | RefusalKind::Credentials | RefusalKind::NoCredentials => 403,
        RefusalKind::NotFound | RefusalKind::WrongAddress => 404,
        RefusalKind::ServiceUnavailable => 503,
        RefusalKind::ServiceFailure | RefusalKind::Lost | RefusalKind::Unreachable => 500,
    }
}

/// A share of all calls that is refused with a code: `CODE=SHARE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodeShare {
    /// The code.
    pub code: CallCode,
    /// Of all calls, 0 to 1.
    pub share: f64,
}

/// Calls refused with a code for some time: `CODE=FROM..TO`, in seconds since the service's start,
/// and optionally `,bearer=PREFIX` or `,channel=PREFIX` for those whose id begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// The code.
    pub code: CallCode,
    /// When.
    pub during: Range<Duration>,
    /// Bearers whose id begins so; all if there are none.
    pub bearers: Vec<String>,
    /// Channels whose id begins so; all if there are none.
    pub channels: Vec<String>,
}

impl Storm {
    /// Whether it covers a call now.
    pub(super) fn covers(&self, at: Address<'_>, now: Duration) -> bool {
        let has = |prefixes: &[String], arn: &str| {
            prefixes.is_empty() || begins_with_any(last_segment(arn), prefixes)
        };
        self.during.contains(&now)
            && has(&self.bearers, at.bearer.as_str())
            && has(&self.channels, at.channel.as_str())
    }
}

impl FromStr for Storm {
    type Err = FaultError;
    fn from_str(text: &str) -> Result<Self, FaultError> {
        const FORM: &str = "CODE=FROM..TO[,bearer=PREFIX][,channel=PREFIX]";
        let wrong = || FaultError::Form(text.to_owned(), FORM);
        let mut parts = text.split(',');
        let (code, during) = parts
            .next()
            .and_then(|part| part.split_once('='))
            .ok_or_else(wrong)?;
        let mut storm = Self {
            code: code.parse()?,
            during: seconds(during).ok_or_else(wrong)?,
            bearers: Vec::new(),
            channels: Vec::new(),
        };
        for part in parts {
            match part.split_once('=') {
                Some(("bearer", prefix)) if !prefix.is_empty() => {
                    storm.bearers.push(prefix.to_owned());
                }
                Some(("channel", prefix)) if !prefix.is_empty() => {
                    storm.channels.push(prefix.to_owned());
                }
                _ => return Err(wrong()),
            }
        }
        Ok(storm)
    }
}

/// A time from second to second: `FROM..TO`, without an end `FROM..`.
pub(super) fn seconds(text: &str) -> Option<Range<Duration>> {
    let (from, to) = text.split_once("..")?;
    let second = |text: &str| {
        let seconds: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    let to = if to.is_empty() {
        Duration::MAX
    } else {
        second(to)?
    };
    Some(second(from)?..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storms_are_read_as_they_are_written() {
        let storm: Storm = "AccessDenied=2..4.5,bearer=admin1,channel=c1,channel=c2"
            .parse()
            .unwrap();
        assert_eq!(storm.code.code().text, "AccessDeniedException");
        assert_eq!(
            storm.during,
            Duration::from_secs(2)..Duration::from_millis(4_500)
        );
        assert_eq!((storm.bearers.len(), storm.channels.len()), (1, 2));
        let endless: Storm = "HtmlPage=0..".parse().unwrap();
        assert_eq!(endless.during.end, Duration::MAX);
        for (text, reason) in [
            ("Nonsense=0..1", "Nonsense"),
            ("NotFound=0..1", "NotFound"),
            ("Unreachable=0..1", "Unreachable"),
            ("AccessDenied=1", "CODE=FROM..TO"),
            ("AccessDenied=x..1", "CODE=FROM..TO"),
            ("AccessDenied=0..1,user=x", "CODE=FROM..TO"),
            ("AccessDenied", "CODE=FROM..TO"),
        ] {
            let error = text.parse::<Storm>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn what_a_code_is_on_the_wire_is_read_back_as_that_code() {
        assert!(CallCode::all().count() > 60);
        for code in CallCode::all() {
            let (kind, text) = match code.answer::<()>() {
                ServiceAnswer::Refused(exception) => {
                    codes::refused_call(exception.status, &exception.name, false)
                }
                ServiceAnswer::Page(status, body) => {
                    codes::refused_call(status, "", body.starts_with('<'))
                }
                ServiceAnswer::Silence | ServiceAnswer::Closed => continue,
                other => panic!("{other:?}"),
            };
            assert_eq!(Effect::Call(kind), code.code().effect, "{code:?}");
            let entry = codes::explain(&text).unwrap();
            let is_page = code.code().text == codes::OTHER_CHANNEL;
            assert!(entry == code.code() || is_page, "{code:?}: {text}");
        }
    }
}
