//! Bad rows, denied bearers and times in which everything is refused, all at once: nobody fails but
//! the bad rows.

use proptest::prelude::*;

use super::refusals::failed;
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
        if self.denied == Some(flight.bearer) {
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
        mut incidents in prop::collection::vec(any_incident(), 0..4),
    ) -> Case {
        // A member who is refused alone in two incidents, and others accepted in between, looks like
        // a bad row.
        let mut members = 0;
        incidents.retain(|incident| {
            members += usize::from(incident.refusal.may_concern(Scope::Member));
            members < 2 || !incident.refusal.may_concern(Scope::Member)
        });
        Case { channels, bearers, bad, bad_refusal, denied: denied.filter(|_| bearers > 1), incidents }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2_000)))]
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
        if case.incidents.is_empty() && rows >= 2 * case.bad.min(rows) {
            prop_assert!(!is_stopped, "stopped for bad rows");
        }
    }
}
#[test]
fn trace_one() {
    let f = |kind, code: &str| Refusal {
        code: code.to_owned(),
        ..refusal(kind)
    };
    let case = Case {
        channels: vec![102],
        bearers: 2,
        bad: 51,
        bad_refusal: f(RefusalKind::Denied, "ForbiddenException"),
        denied: Some(0),
        incidents: vec![],
    };
    let mut harness = SchedulerHarness::new(&case.channels, |config| {
        config.bearers = case.bearers;
    });
    let (_, ended) = harness.play(|flight| {
        let a = case.answer(flight);
        eprintln!(
            "{:?} c{} b{} {:?} alone {:?}: {}",
            flight.sent_at,
            flight.channel.0,
            flight.bearer,
            flight.rows.iter().map(|r| r.row).collect::<Vec<_>>(),
            flight
                .refusals
                .iter()
                .map(|a| (a.bearer, a.at))
                .collect::<Vec<_>>(),
            matches!(a, Answer::Members(_))
        );
        a
    });
    eprintln!("{:?}", failed(&ended));
}
