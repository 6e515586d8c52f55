//! Questions to the service go through the same engine as adding.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::model::{Finding, MembershipType, Outcome, Question, QuestionRow, quota};
use chime_bulk::report::{QuestionList, Subject};
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig};
use chime_bulk::schedule::Stop;

use super::SECOND;
use crate::support::harness::{Harness, Interruption, channel, list, one_channel, user};

/// Asks about a channel.
fn ask(
    list: &mut QuestionList,
    row: QuestionRow,
    id: usize,
    member: Option<&str>,
    kind: MembershipType,
) {
    let (channel, member) = (channel(id), member.map(|id| user(id).to_string()));
    let about = Subject {
        channel: channel.as_str(),
        instance: channel.app_instance(),
        member: member.as_deref(),
        membership_type: kind,
        sub_channel: None,
    };
    list.ask(row, about).unwrap();
}

fn ask_channel(list: &mut QuestionList, question: Question, id: usize) {
    ask(
        list,
        QuestionRow::new(question),
        id,
        None,
        MembershipType::Default,
    );
}

fn ask_member(list: &mut QuestionList, id: usize, member: &str) {
    let row = QuestionRow::new(Question::Membership);
    ask(list, row, id, Some(member), MembershipType::Default);
}

/// The members on the pages of a listing, and how many pages there are.
fn listed(inquiry: &Harness, row: u64) -> (Vec<String>, usize) {
    let pages = inquiry.findings(row);
    let mut members = Vec::new();
    for page in &pages {
        let Finding::Members { members: page, .. } = page else {
            panic!("{page:?}");
        };
        members.extend(page.iter().cloned());
    }
    (members, pages.len())
}

fn users(ids: std::ops::Range<usize>) -> BTreeSet<String> {
    ids.map(|n| user(&format!("u{n}")).to_string()).collect()
}

/// A run that has added this many members to channel 0, and 3 to channel 1.
async fn added(members: usize, sandbox: SandboxConfig) -> Harness {
    let rows = (0..members).map(|n| (0, format!("u{n}")));
    let rows = rows.chain((0..3).map(|n| (1, format!("u{n}"))));
    let mut run = Harness::with_sandbox(list(rows), sandbox);
    run.run().await;
    run
}

#[tokio::test(start_paused = true)]
async fn every_question_is_answered() {
    let sandbox = SandboxConfig {
        moderators: vec![user("boss")],
        missing_channels: vec!["c9".to_owned()],
        ..SandboxConfig::default()
    };
    let run = added(170, sandbox).await;
    let mut inquiry = run.inquiry(quota::LIST_RATE, |list| {
        ask_channel(list, Question::Members, 0);
        ask(
            list,
            QuestionRow::new(Question::Members),
            0,
            None,
            MembershipType::Hidden,
        );
        ask_channel(list, Question::Moderators, 0);
        ask_channel(list, Question::Channel, 0);
        ask_member(list, 0, "u7");
        ask_member(list, 0, "nobody");
        ask_channel(list, Question::Members, 9);
        let two_pages = QuestionRow {
            question: Question::Members,
            max_pages: Some(2),
        };
        ask(list, two_pages, 0, None, MembershipType::Default);
    });
    let result = inquiry.run().await;
    assert!(result.is_finished(), "{:?}", result.ending);
    assert_eq!(
        (result.count(Outcome::Added), result.count(Outcome::Failed)),
        (7, 1)
    );
    let (members, pages) = listed(&inquiry, 1);
    assert_eq!((members.len(), pages), (170, 4));
    assert_eq!(BTreeSet::from_iter(members), users(0..170));
    assert_eq!(listed(&inquiry, 2), (Vec::new(), 1));
    assert_eq!(listed(&inquiry, 3), (vec![user("boss").to_string()], 1));
    assert!(matches!(inquiry.findings(4)[..], [Finding::Channel(_)]));
    let [Finding::Membership(facts)] = &inquiry.findings(5)[..] else {
        panic!("{:?}", inquiry.findings(5));
    };
    assert_eq!(facts.member, user("u7").to_string());
    assert_eq!(facts.invited_by, Some(user("admin").to_string()));
    assert_eq!(inquiry.findings(6), [Finding::NoMembership]);
    assert_eq!(inquiry.findings(7), []);
    assert_eq!(result.rows[&7].code, "ForbiddenException");
    let (members, pages) = listed(&inquiry, 8);
    assert_eq!((members.len(), pages), (100, 2));
    assert!(inquiry.calls().is_empty(), "a question adds nobody");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_was_cut_off_begins_anew() {
    for (after, interruption) in [(600, Interruption::Crash), (900, Interruption::Crash)] {
        let sandbox = SandboxConfig {
            latency: Duration::from_millis(150),
            ..SandboxConfig::default()
        };
        let run = added(1_000, sandbox).await;
        let mut inquiry = run.inquiry(quota::LIST_RATE, |list| {
            ask_channel(list, Question::Members, 0);
            ask_channel(list, Question::Members, 1);
        });
        inquiry
            .run_until(Duration::from_millis(after), interruption)
            .await;
        let (begun, _) = listed(&inquiry, 1);
        assert!((50..1_000).contains(&begun.len()), "{}", begun.len());
        run.service.ban(&channel(0), &user("u3"));
        tokio::time::sleep(SECOND).await;
        let result = inquiry.run().await;
        assert_eq!(result.count(Outcome::Added), 2);
        let (members, pages) = listed(&inquiry, 1);
        assert_eq!((members.len(), pages), (999, 20));
        assert!(!members.contains(&user("u3").to_string()));
        assert_eq!(listed(&inquiry, 2).0.len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn no_page_is_lost_whatever_the_service_answers() {
    let sandbox = SandboxConfig {
        latency: Duration::from_millis(100),
        faults: [
            (Fault::CallThrottled, 0.1),
            (Fault::CallUnavailable, 0.1),
            (Fault::Lost, 0.05),
        ]
        .map(|(fault, share)| FaultShare { fault, share })
        .to_vec(),
        ..SandboxConfig::default()
    };
    let run = added(2_000, sandbox).await;
    let mut inquiry = run.inquiry(quota::LIST_RATE, |list| {
        ask_channel(list, Question::Members, 0);
        for n in 0..50 {
            ask_member(list, 0, &format!("u{n}"));
        }
    });
    let result = inquiry.run().await;
    assert_eq!(result.count(Outcome::Added), 51);
    let (members, pages) = listed(&inquiry, 1);
    assert_eq!((members.len(), pages), (2_000, 40));
    assert_eq!(BTreeSet::from_iter(members), users(0..2_000));
    for row in 2..52 {
        assert!(matches!(
            inquiry.findings(row)[..],
            [Finding::Membership(_)]
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn questions_take_no_longer_than_the_limits_allow() {
    let sandbox = SandboxConfig {
        latency: Duration::from_millis(100),
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(one_channel(400), sandbox);
    run.run().await;
    tokio::time::sleep(SECOND * 2).await;
    let mut inquiry = run.inquiry(1_000.0, |list| {
        (0..400).for_each(|n| ask_member(list, 0, &format!("u{n}")));
    });
    let result = inquiry.run().await;
    assert_eq!(result.count(Outcome::Added), 400);
    // 10 calls at once, then 10 a second.
    let bound = SECOND * 39;
    assert!(result.took <= bound.mul_f64(1.05), "{:?}", result.took);
    assert_eq!(run.service.stats().throttled_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn five_thousand_channels_are_described_at_the_rate_of_the_bearers() {
    let sandbox = SandboxConfig {
        latency: Duration::from_millis(60),
        ..SandboxConfig::default()
    };
    for (bearers, seconds) in [(1, 499), (4, 124)] {
        let run = Harness::with_sandbox(one_channel(1), sandbox.clone()).bearers(bearers);
        let mut inquiry = run.inquiry(quota::DESCRIBE_RATE, |list| {
            (0..5_000).for_each(|id| ask_channel(list, Question::Channel, id));
        });
        let result = inquiry.run().await;
        assert_eq!(result.count(Outcome::Added), 5_000);
        // Each bearer: 10 calls at once, then 10 a second.
        let bound = SECOND * seconds;
        assert!(result.took <= bound.mul_f64(1.05), "{:?}", result.took);
        let stats = run.service.stats();
        assert_eq!(stats.calls["DescribeChannel"], 5_000);
        assert_eq!(stats.throttled_calls, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_refused_fails_alone_and_nobody_is_asked_for_ever() {
    let sandbox = SandboxConfig {
        missing_channels: vec!["c".to_owned()],
        ..SandboxConfig::default()
    };
    for (bearers, channels) in [(1, 1), (2, 3), (2, 200)] {
        let run = Harness::with_sandbox(one_channel(1), sandbox.clone()).bearers(bearers);
        let mut inquiry = run.inquiry(quota::LIST_RATE, |list| {
            (0..channels).for_each(|id| ask_channel(list, Question::Members, id));
        });
        let result = inquiry.run().await;
        let calls = run.service.stats().calls["ListChannelMemberships"];
        if channels == 200 {
            let denied = matches!(result.ending, Some(Ending::Stopped(Stop::Denied(_))));
            assert!(denied, "{:?}", result.ending);
            assert!(calls <= 100, "{calls}");
        } else {
            assert!(result.is_finished(), "{:?}", result.ending);
            assert_eq!(result.count(Outcome::Failed), channels as u64);
            let least = (bearers * channels) as u64;
            assert!((least..=2 * least + 1).contains(&calls), "{calls}");
        }
    }
}
