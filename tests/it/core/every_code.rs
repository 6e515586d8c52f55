//! Every code of the catalogue: the service answers it from the first call on or from the middle of a
//! run on, to all calls or to those of one bearer or channel.
//!
//! With every code, no member fails that the service would have accepted, and the run ends.

use std::sync::Arc;
use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::model::codes::{Code, Effect};
use chime_bulk::model::{CallAction, Outcome, RefusalKind};
use chime_bulk::sandbox::{CallCode, SandboxConfig, Storm};
use chime_bulk::schedule::Stop;

use crate::support::backends::Backend;
use crate::support::harness::{Harness, SessionResult, channel, list};

const CHANNELS: usize = 4;
const ROWS: u64 = 250;

/// The calls that are answered with the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    All,
    /// Those of the second of three bearers.
    Bearer,
    /// Those on the second of four channels.
    Channel,
}

fn kind(code: &Code) -> RefusalKind {
    match code.effect {
        Effect::Call(kind) => kind,
        other => panic!("{other:?}"),
    }
}

fn rows() -> impl Iterator<Item = (usize, String)> {
    (0..CHANNELS).flat_map(|c| (0..ROWS).map(move |n| (c, format!("u{n}"))))
}

fn storm(code: CallCode, from: Duration, to: To) -> Storm {
    let only = |whom, name: &str| {
        if to == whom {
            vec![name.to_owned()]
        } else {
            Vec::new()
        }
    };
    Storm {
        code,
        during: from..Duration::MAX,
        bearers: only(To::Bearer, "admin1"),
        channels: only(To::Channel, "c1"),
    }
}

fn sandbox(code: CallCode, from: Duration, to: To) -> SandboxConfig {
    SandboxConfig {
        storms: vec![storm(code, from, to)],
        latency: Duration::from_millis(150),
        ..SandboxConfig::default()
    }
}

/// Runs to the end of the session.
async fn run_with_code(code: CallCode, from: Duration, to: To) -> (Harness, SessionResult) {
    let mut run = Harness::with_sandbox(list(rows()), sandbox(code, from, to))
        .in_memory()
        .bearers(3);
    let result = run.run().await;
    (run, result)
}

/// Whether a run that is always answered with this code may stop for this reason.
fn is_expected(code: &Code, stop: &Stop) -> bool {
    match kind(code).action() {
        CallAction::StopRun => matches!(stop, Stop::Credentials(_)),
        CallAction::Examine => matches!(stop, Stop::Denied(_)),
        CallAction::SlowDown => matches!(stop, Stop::Outage(_)),
        CallAction::Retry => match stop {
            Stop::Outage(_) | Stop::WrongAddress(_) => true,
            // Such an answer is none of a service.
            Stop::NoAnswer(_) => {
                matches!(kind(code), RefusalKind::Lost | RefusalKind::Unreachable)
            }
            _ => false,
        },
        CallAction::EndChannel => false,
    }
}

/// Checks what holds for every code.
fn check(code: &Code, to: To, run: &Harness, result: &SessionResult, what: &str) {
    let message = || {
        format!(
            "{} {what} to {to:?}: {:?}, {:?}",
            code.text, result.ending, result.tally
        )
    };
    let failed = result.count(Outcome::Failed);
    match (to, kind(code)) {
        // The service answers that the channels do not exist.
        (To::All | To::Bearer, RefusalKind::NotFound) => {
            assert!(failed > 0, "{}", message());
            assert_eq!(
                result.with_code(Outcome::Failed, code.text) as u64,
                failed,
                "{}",
                message()
            );
        }
        (To::All, _) => {
            assert_eq!(failed, 0, "{}", message());
            let Some(Ending::Stopped(stop)) = &result.ending else {
                panic!("{}", message());
            };
            assert!(is_expected(code, stop), "{}", message());
            // Rows whose answer was lost are in doubt.
            let open = result.count(Outcome::NotAttempted) + result.count(Outcome::Unconfirmed);
            assert!(open > 0, "{}", message());
        }
        (To::Bearer, _) => {
            assert_eq!(failed, 0, "{}", message());
            if kind(code).action() == CallAction::Examine {
                assert!(result.is_finished(), "{}", message());
                assert_eq!(
                    result.count(Outcome::Added),
                    CHANNELS as u64 * ROWS,
                    "{}",
                    message()
                );
            }
        }
        (To::Channel, _) => {
            let others = (0..CHANNELS).filter(|c| *c != 1);
            for other in others.map(channel) {
                let present = run.service.members(&other).len() as u64;
                let is_stopped = kind(code).action() == CallAction::StopRun;
                assert!(present == ROWS || is_stopped, "{}", message());
            }
            match kind(code).action() {
                CallAction::Examine | CallAction::EndChannel => {
                    assert!(result.is_finished(), "{}", message());
                    let named = result.with_code(Outcome::Failed, code.text) as u64;
                    assert_eq!(named, failed, "{}", message());
                    assert_eq!(
                        failed + result.count(Outcome::Added),
                        CHANNELS as u64 * ROWS
                    );
                    let calls = run.calls_on(&channel(1));
                    let most = 24;
                    assert!(calls <= most, "{calls} calls on c1, {}", message());
                }
                // The rows of this channel may use up their attempts.
                CallAction::Retry if kind(code) != RefusalKind::WrongAddress => {
                    assert!(failed <= ROWS, "{}", message());
                }
                _ => assert_eq!(failed, 0, "{}", message()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_code_fails_a_member_that_the_service_would_accept() {
    for code in CallCode::all() {
        for to in [To::All, To::Bearer, To::Channel] {
            for from in [Duration::ZERO, Duration::from_millis(1_050)] {
                let what = format!("from {from:?}");
                let (run, result) = run_with_code(code, from, to).await;
                check(code.code(), to, &run, &result, &what);
                if from.is_zero() && to == To::All {
                    let added = result.count(Outcome::Added) + result.count(Outcome::AlreadyMember);
                    assert_eq!(added, 0, "{what}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_stopped_by_a_code_can_be_resumed_after_the_storm() {
    for code in CallCode::all() {
        if kind(code.code()) == RefusalKind::NotFound {
            continue;
        }
        let mut sandbox = sandbox(code, Duration::from_millis(1_050), To::All);
        sandbox.storms[0].during.end = Duration::from_mins(20);
        let mut run = Harness::with_sandbox(list(rows()), sandbox)
            .in_memory()
            .bearers(3);
        let result = run.run().await;
        assert!(!result.is_finished(), "{code:?}");
        tokio::time::sleep(Duration::from_mins(20)).await;
        let result = run.run().await;
        assert!(result.is_finished(), "{code:?}: {:?}", result.ending);
        let present = result.count(Outcome::Added) + result.count(Outcome::AlreadyMember);
        assert_eq!(
            present,
            CHANNELS as u64 * ROWS,
            "{code:?}: {:?}",
            result.tally
        );
    }
}

/// The bounds are the present counts. They must not grow.
#[tokio::test(start_paused = true)]
async fn a_denial_of_everything_costs_few_calls() {
    for name in [
        "ForbiddenException",
        "AccessDeniedException",
        "UnauthorizedClientException",
    ] {
        for (from, most) in [(0, 24), (1_050, 60)] {
            let code: CallCode = name.parse().unwrap();
            let (run, _) = run_with_code(code, Duration::from_millis(from), To::All).await;
            let calls = run.calls().len();
            assert!(calls <= most, "{name} from {from} ms: {calls} calls");
        }
    }
}

/// The same over HTTP, in real time, with a short storm of each code: the run adds all members, or it
/// stops.
#[tokio::test]
async fn over_http_a_short_storm_of_any_code_fails_no_member() {
    use tokio::task::{JoinSet, LocalSet};

    let local = LocalSet::new();
    local
        .run_until(async {
            let mut runs = JoinSet::new();
            let backends = [
                Backend::Messaging,
                #[cfg(feature = "legacy-chime")]
                Backend::Legacy,
            ];
            for backend in backends {
                for code in CallCode::all() {
                    let is_left_out = kind(code.code()) == RefusalKind::NotFound
                        || code.code().text == chime_bulk::model::codes::TIMEOUT;
                    if is_left_out {
                        continue;
                    }
                    runs.spawn_local(async move {
                        let fixture = backend
                            .fixture_with(|sandbox| {
                                sandbox.storms = vec![Storm {
                                    during: Duration::from_millis(30)..Duration::from_millis(150),
                                    ..storm(code, Duration::ZERO, To::All)
                                }];
                            })
                            .await;
                        let mut run = Harness::new(list(rows()))
                            .over(Arc::clone(&fixture.service), Arc::clone(&fixture.client))
                            .in_memory()
                            .scheduling(|settings| {
                                settings.limits.channel_rate = 50.0;
                                settings.limits.bearer_rate = 100.0;
                            });
                        let result = run.run().await;
                        assert_eq!(
                            result.count(Outcome::Failed),
                            0,
                            "{backend:?} {code:?}: {result:?}"
                        );
                        match &result.ending {
                            Some(Ending::Stopped(stop)) => {
                                let is_expected = is_expected(code.code(), stop);
                                assert!(is_expected, "{backend:?} {code:?}: {stop:?}");
                            }
                            _ => assert_eq!(result.tally.in_channel(), CHANNELS as u64 * ROWS),
                        }
                    });
                }
            }
            let mut done = 0;
            while let Some(run) = runs.join_next().await {
                run.unwrap();
                done += 1;
            }
            assert!(done > 60 * backends.len(), "{done}");
        })
        .await;
}
