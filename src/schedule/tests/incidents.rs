//! Bad rows, denied bearers and times in which everything is refused, all at once: nobody fails but
//! the bad rows.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::model::codes::Scope;

/// Refusals from and to a time, to one bearer or to all.
#[derive(Debug, Clone)]
struct Incident {
    from: Duration,
    to: Duration,
    bearer: Option<usize>,
    refusal: Refusal,
}

#[derive(Debug, Clone)]
struct Case {
    channels: Vec<u64>,
    bearers: usize,
    /// Each row whose number is a multiple of this is refused, and so is a call that carries it.
    bad: u64,
    bad_refusal: Refusal,
    /// A bearer of several that is denied every call.
    denied: Option<usize>,
    /// Each channel may be added to by one bearer only.
    has_moderators: bool,
    incidents: Vec<Incident>,
}

impl Case {
    fn answer(&self, flight: &InFlightCall) -> Answer {
        let is_now = |incident: &&Incident| {
            (incident.from..incident.to).contains(&flight.sent_at)
                && incident.bearer.is_none_or(|bearer| bearer == flight.bearer)
        };
        if let Some(incident) = self.incidents.iter().find(is_now) {
            return Answer::Refused(incident.refusal.clone());
        }
        let moderator = flight.channel.index() % self.bearers;
        let is_denied = self.has_moderators && moderator != flight.bearer;
        if is_denied || self.denied == Some(flight.bearer) {
            return Answer::Refused(refusal(RefusalKind::Denied));
        }
        if flight
            .rows
            .iter()
            .any(|pending| pending.row % self.bad == 0)
        {
            return Answer::Refused(self.bad_refusal.clone());
        }
        added(flight)
    }
}

fn any_refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just((RefusalKind::Denied, "ForbiddenException")),
        Just((RefusalKind::Denied, "AccessDeniedException")),
        Just((RefusalKind::BadRequest, "BadRequestException")),
        Just((RefusalKind::BadRequest, "SerializationException")),
    ]
    .prop_map(|(kind, code)| Refusal {
        code: code.to_owned(),
        ..refusal(kind)
    })
}

prop_compose! {
    fn any_incident()(
        from in 0_u64..40_000,
        length in 1_u64..30_000,
        bearer in prop::option::of(0_usize..3),
        refusal in any_refusal(),
    ) -> Incident {
        Incident {
            from: Duration::from_millis(from),
            to: Duration::from_millis(from + length),
            bearer,
            refusal,
        }
    }
}

prop_compose! {
    fn any_case()(
        channels in prop::collection::vec(prop_oneof![1_u64..4, 1_u64..30, 50_u64..400], 1..7),
        bearers in 1_usize..4,
        bad in prop_oneof![7_u64..60, Just(u64::MAX)],
        bad_refusal in prop_oneof![Just(RefusalKind::Denied), Just(RefusalKind::BadRequest)].prop_map(refusal),
        denied in prop::option::of(0_usize..3),
        has_moderators in prop::bool::weighted(0.2),
        mut incidents in prop::collection::vec(any_incident(), 0..4),
    ) -> Case {
        // A member who is refused alone in two incidents, and others accepted in between, looks like
        // a bad row.
        let mut members = 0;
        incidents.retain(|incident| {
            members += usize::from(incident.refusal.may_concern(Scope::Member));
            members < 2 || !incident.refusal.may_concern(Scope::Member)
        });
        // Three members refused alone show that a bearer is denied: few enough must be bad.
        let bad = if has_moderators { bad.max(40) } else { bad };
        // Ten seconds of denial end a channel to which one bearer alone is allowed.
        for incident in incidents.iter_mut().filter(|one| has_moderators && one.bearer.is_some()) {
            incident.to = incident.to.min(incident.from + 8 * SECOND);
        }
        Case { channels, bearers, bad, bad_refusal, denied: denied.filter(|_| bearers > 1 && !has_moderators), has_moderators, incidents }
    }
}

/// The same cases in each run, unless `PROPTEST_RNG_SEED` or more `PROPTEST_CASES` ask for others: a
/// bearer is denied as far as a few refusals show, so one case in some ten thousand is judged wrongly.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig {
        cases: asked.cases.max(2_000),
        rng_seed: match asked.rng_seed {
            RngSeed::Random => RngSeed::Fixed(11),
            fixed @ RngSeed::Fixed(_) => fixed,
        },
        ..asked
    }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn nobody_fails_but_bad_rows(case in any_case()) {
        let mut harness = SchedulerHarness::new(&case.channels, |config| {
            config.bearers = case.bearers;
        });
        let (_, ended) = harness.play(|flight| case.answer(flight));
        for (row, outcome) in &ended {
            let is_bad = row % case.bad == 0;
            prop_assert_eq!(*outcome == Outcome::Failed, is_bad, "row {}: {:?}", row, outcome);
        }
        let rows: u64 = case.channels.iter().sum();
        let is_stopped = harness.scheduler.stopped().is_some();
        prop_assert!(is_stopped || ended.len() as u64 == rows);
        // Before anything was accepted, a few refusals are enough to stop for: nobody fails for that.
        let is_any_in = ended.iter().any(|(_, outcome)| outcome.is_in());
        if case.incidents.is_empty() && (is_any_in || !case.has_moderators && rows >= case.bad.saturating_mul(2)) {
            prop_assert!(!is_stopped, "stopped for bad rows");
        }
    }
}
