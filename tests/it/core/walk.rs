//! A walk over the catalogue of codes: what follows when the service answers each of them, from the
//! first call on or in mid-run, to all or to one bearer or channel only.
//!
//! Whatever it is: nobody fails whom the service would have accepted, and the run ends.

use std::sync::Arc;
use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::model::codes::{Code, Effect};
use chime_bulk::model::{CallAction, Outcome, RefusalKind};
use chime_bulk::sandbox::{CallCode, SandboxConfig, Storm};
use chime_bulk::schedule::Stop;

use crate::support::backends::Backend;
use crate::support::harness::{Ended, Harness, channel, list};

const CHANNELS: usize = 4;
const ROWS: u64 = 250;

/// Whom the code is answered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    All,
    /// The second of three bearers.
    Bearer,
    /// The second of four channels.
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

fn world(code: CallCode, from: Duration, to: To) -> SandboxConfig {
    SandboxConfig {
        storms: vec![storm(code, from, to)],
        latency: Duration::from_millis(150),
        ..SandboxConfig::default()
    }
}

/// The run, to its end, and how many calls it made after the code was first answered.
async fn walk(code: CallCode, from: Duration, to: To) -> (Harness, Ended) {
    let mut run = Harness::in_world(list(rows()), world(code, from, to))
        .in_memory()
        .bearers(3);
    let ended = run.run().await;
    (run, ended)
}

/// A stop that fits the code.
fn is_fitting(code: &Code, stop: &Stop) -> bool {
    match kind(code).action() {
        CallAction::StopRun => matches!(stop, Stop::Credentials(_)),
        CallAction::Examine => matches!(stop, Stop::Denied(_)),
        CallAction::SlowDown => matches!(stop, Stop::Outage(_)),
        CallAction::Retry => matches!(stop, Stop::Outage(_) | Stop::WrongAddress(_)),
        CallAction::EndChannel => false,
    }
}

/// What holds of every code.
fn judge(code: &Code, to: To, run: &Harness, ended: &Ended, what: &str) {
    let say = || {
        format!(
            "{} {what} to {to:?}: {:?}, {:?}",
            code.text, ended.ending, ended.tally
        )
    };
    let failed = ended.of(Outcome::Failed);
    match (to, kind(code)) {
        // The service answers that there are no such channels.
        (To::All | To::Bearer, RefusalKind::NotFound) => {
            assert_eq!(
                ended.with_code(Outcome::Failed, code.text) as u64,
                failed,
                "{}",
                say()
            );
        }
        (To::All, _) => {
            assert_eq!(failed, 0, "{}", say());
            let Some(Ending::Stopped(stop)) = &ended.ending else {
                panic!("{}", say());
            };
            assert!(is_fitting(code, stop), "{}", say());
            // What was lost on its way back is in doubt.
            let open = ended.of(Outcome::NotAttempted) + ended.of(Outcome::Unconfirmed);
            assert!(open > 0, "{}", say());
        }
        (To::Bearer, _) => {
            assert_eq!(failed, 0, "{}", say());
            if kind(code).action() == CallAction::Examine {
                assert!(ended.is_finished(), "{}", say());
                assert_eq!(
                    ended.of(Outcome::Added),
                    CHANNELS as u64 * ROWS,
                    "{}",
                    say()
                );
            }
        }
        (To::Channel, _) => {
            let others = (0..CHANNELS).filter(|c| *c != 1);
            for other in others.map(channel) {
                let present = run.service.members(&other).len() as u64;
                let is_stopped = kind(code).action() == CallAction::StopRun;
                assert!(present == ROWS || is_stopped, "{}", say());
            }
            match kind(code).action() {
                CallAction::Examine | CallAction::EndChannel => {
                    assert!(ended.is_finished(), "{}", say());
                    let named = ended.with_code(Outcome::Failed, code.text) as u64;
                    assert_eq!(named, failed, "{}", say());
                    assert_eq!(failed + ended.of(Outcome::Added), CHANNELS as u64 * ROWS);
                    let calls = run.calls_on(&channel(1));
                    let most = 24;
                    assert!(calls <= most, "{calls} calls on it, {}", say());
                }
                // Its rows may use up their attempts; others' do not.
                CallAction::Retry if kind(code) != RefusalKind::WrongAddress => {
                    assert!(failed <= ROWS, "{}", say());
                }
                _ => assert_eq!(failed, 0, "{}", say()),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_service_answers_nobody_fails_for_it() {
    for code in CallCode::all() {
        for to in [To::All, To::Bearer, To::Channel] {
            for from in [Duration::ZERO, Duration::from_millis(1_050)] {
                let what = format!("from {from:?}");
                let (run, ended) = walk(code, from, to).await;
                judge(code.code(), to, &run, &ended, &what);
                if from.is_zero() && to == To::All {
                    let added = ended.of(Outcome::Added) + ended.of(Outcome::AlreadyMember);
                    assert_eq!(added, 0, "{what}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_stopped_for_a_code_is_resumed_once_that_is_over() {
    for code in CallCode::all() {
        if kind(code.code()) == RefusalKind::NotFound {
            continue;
        }
        let mut world = world(code, Duration::from_millis(1_050), To::All);
        world.storms[0].during.end = Duration::from_mins(20);
        let mut run = Harness::in_world(list(rows()), world)
            .in_memory()
            .bearers(3);
        let ended = run.run().await;
        assert!(!ended.is_finished(), "{code:?}");
        tokio::time::sleep(Duration::from_mins(20)).await;
        let ended = run.run().await;
        assert!(ended.is_finished(), "{code:?}: {:?}", ended.ending);
        let present = ended.of(Outcome::Added) + ended.of(Outcome::AlreadyMember);
        assert_eq!(
            present,
            CHANNELS as u64 * ROWS,
            "{code:?}: {:?}",
            ended.tally
        );
    }
}

/// Few calls find out what is denied for good: today's counts, to be kept.
#[tokio::test(start_paused = true)]
async fn a_denial_of_everything_costs_few_calls() {
    for name in [
        "ForbiddenException",
        "AccessDeniedException",
        "UnauthorizedClientException",
    ] {
        for (from, most) in [(0, 24), (1_050, 60)] {
            let code: CallCode = name.parse().unwrap();
            let (run, _) = walk(code, Duration::from_millis(from), To::All).await;
            let calls = run.seen().len();
            assert!(calls <= most, "{name} from {from} ms: {calls} calls");
        }
    }
}

/// The same over HTTP, in real time: a short time of each code, then everybody is in, or the run is
/// stopped with nobody failed.
#[tokio::test]
async fn over_http_a_short_time_of_any_code_fails_nobody() {
    use tokio::task::{JoinSet, LocalSet};

    let local = LocalSet::new();
    local
        .run_until(async {
            let mut walks = JoinSet::new();
            let faces = [
                Backend::Messaging,
                #[cfg(feature = "legacy-chime")]
                Backend::Legacy,
            ];
            for face in faces {
                for code in CallCode::all() {
                    let is_left_out = kind(code.code()) == RefusalKind::NotFound
                        || code.code().text == chime_bulk::model::codes::TIMEOUT;
                    if is_left_out {
                        continue;
                    }
                    walks.spawn_local(async move {
                        let stand = face
                            .stand_with(|world| {
                                world.storms = vec![Storm {
                                    during: Duration::from_millis(30)..Duration::from_millis(150),
                                    ..storm(code, Duration::ZERO, To::All)
                                }];
                            })
                            .await;
                        let mut run = Harness::new(list(rows()))
                            .over(Arc::clone(&stand.service), Arc::clone(&stand.client))
                            .in_memory()
                            .scheduling(|settings| {
                                settings.limits.channel_rate = 50.0;
                                settings.limits.bearer_rate = 100.0;
                            });
                        let ended = run.run().await;
                        assert_eq!(ended.of(Outcome::Failed), 0, "{face:?} {code:?}: {ended:?}");
                        if let Some(Ending::Stopped(stop)) = &ended.ending {
                            assert!(is_fitting(code.code(), stop), "{face:?} {code:?}: {stop:?}");
                        }
                    });
                }
            }
            let mut done = 0;
            while let Some(walk) = walks.join_next().await {
                walk.unwrap();
                done += 1;
            }
            assert!(done > 60 * faces.len(), "{done}");
        })
        .await;
}
