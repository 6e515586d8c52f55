//! A recorder in front of the service: it records every call, and checks the rules that hold for
//! all of them.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::model::codes::{MemberAction, member_action};
use chime_bulk::model::{
    AddMember, AddMembers, ChannelArn, ChannelCall, ChannelFacts, Described, ListChannel,
    ListMembers, MemberArn, MemberCall, MemberPage, Membership, Refusal, RefusalKind, Removed,
    Reply, SubChannelPage,
};
use chime_bulk::sandbox::{Service, Simulated};
use tokio::time::Instant;

/// Answers a call in place of the simulated service, or returns `None` to pass it on.
pub(crate) type Intercept = Box<dyn Fn(&AddMembers) -> Option<Refusal> + Send + Sync>;

/// Replaces an answer of the simulated service.
pub(crate) type Distort =
    Box<dyn Fn(&AddMembers, Result<Reply, Refusal>) -> Result<Reply, Refusal> + Send + Sync>;

pub(crate) fn refusal(kind: RefusalKind, code: &str) -> Refusal {
    Refusal {
        kind,
        code: code.to_owned(),
        message: "injected".to_owned(),
    }
}

/// A call that was made.
#[derive(Debug, Clone)]
pub(crate) struct RecordedCall {
    pub(crate) at: Duration,
    pub(crate) channel: ChannelArn,
    pub(crate) bearer: MemberArn,
    pub(crate) membership: Membership,
    pub(crate) members: Vec<MemberArn>,
    /// When the answer came, and the answer; `None` if the caller gave the call up.
    pub(crate) answer: Option<(Duration, Result<Reply, Refusal>)>,
}

/// All calls, and the order in which they were sent and answered.
#[derive(Debug, Default)]
struct Recording {
    calls: Vec<RecordedCall>,
    order: Vec<CallEvent>,
}

/// What happened to a call, with its index in `Recording::calls`.
#[derive(Debug, Clone, Copy)]
enum CallEvent {
    Sent(usize),
    Answered(usize),
}

/// Passes calls on to a service, and records them.
pub(crate) struct Recorder {
    pub(crate) inner: Arc<dyn Chime>,
    pub(crate) intercept: Option<Intercept>,
    pub(crate) distort: Option<Arc<Distort>>,
    /// Whether calls that the caller gave up reach the service all the same.
    pub(crate) unstoppable: bool,
    start: Instant,
    recording: Arc<Mutex<Recording>>,
    in_flight: Arc<Mutex<BTreeSet<(ChannelArn, MemberArn)>>>,
}

/// Members of a call in flight; removed from the set of all when this is dropped.
struct InFlight {
    all: Arc<Mutex<BTreeSet<(ChannelArn, MemberArn)>>>,
    these: Vec<(ChannelArn, MemberArn)>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap();
        for one in &self.these {
            all.remove(one);
        }
    }
}

impl Chime for Recorder {
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        let answer = self.inner.add_members(call.clone(), timeout);
        self.record(call, answer)
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let answer = self.inner.add_member(call.clone(), timeout);
        self.record(call.into(), answer)
    }

    fn list_members(&self, call: ListMembers, timeout: Duration) -> Pending<MemberPage> {
        self.inner.list_members(call, timeout)
    }

    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described> {
        self.inner.describe_member(call, timeout)
    }

    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed> {
        self.inner.remove_member(call, timeout)
    }

    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts> {
        self.inner.describe_channel(call, timeout)
    }

    fn list_moderators(&self, call: ListChannel, timeout: Duration) -> Pending<MemberPage> {
        self.inner.list_moderators(call, timeout)
    }

    fn list_sub_channels(&self, call: ListChannel, timeout: Duration) -> Pending<SubChannelPage> {
        self.inner.list_sub_channels(call, timeout)
    }
}

impl Recorder {
    /// Records a call. `answer` is the service's.
    fn record(&self, call: AddMembers, mut answer: Pending<Reply>) -> Pending<Reply> {
        let members = call.members.members().to_vec();
        assert!(
            (1..=100).contains(&members.len()),
            "{} members",
            members.len()
        );
        let these: Vec<_> = members
            .iter()
            .map(|member| (call.channel.clone(), member.clone()))
            .collect();
        for one in &these {
            let is_new = self.in_flight.lock().unwrap().insert(one.clone());
            assert!(is_new, "{one:?} is in two calls in flight");
        }
        let in_flight = InFlight {
            all: Arc::clone(&self.in_flight),
            these,
        };
        let mut recording = self.recording.lock().unwrap();
        let number = recording.calls.len();
        recording.order.push(CallEvent::Sent(number));
        recording.calls.push(RecordedCall {
            at: self.start.elapsed(),
            channel: call.channel.clone(),
            bearer: call.bearer.clone(),
            membership: call.membership.clone(),
            members,
            answer: None,
        });
        drop(recording);
        let intercepted = self
            .intercept
            .as_ref()
            .and_then(|intercept| intercept(&call));
        let distort = self.distort.clone().map(|distort| (distort, call));
        if self.unstoppable && intercepted.is_none() {
            let task = tokio::spawn(answer);
            answer = Box::pin(async { task.await.unwrap() });
        }
        let (recording, start) = (Arc::clone(&self.recording), self.start);
        Box::pin(async move {
            let mut answer = match intercepted {
                Some(refusal) => Err(refusal),
                None => answer.await,
            };
            if let Some((distort, call)) = distort {
                answer = distort(&call, answer);
            }
            let mut recording = recording.lock().unwrap();
            recording.calls[number].answer = Some((start.elapsed(), answer.clone()));
            recording.order.push(CallEvent::Answered(number));
            drop(recording);
            drop(in_flight);
            answer
        })
    }
}

impl Recorder {
    pub(crate) fn new(service: &Arc<Service>) -> Self {
        Self {
            inner: Arc::new(Simulated::new(Arc::clone(service))),
            intercept: None,
            distort: None,
            unstoppable: false,
            start: Instant::now(),
            recording: Arc::default(),
            in_flight: Arc::default(),
        }
    }

    /// The time since the recorder was created.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        self.recording.lock().unwrap().calls.clone()
    }

    /// Checks that no member is sent again after a final answer, except an answer that came in one
    /// of the `unread` times.
    pub(crate) fn audit(&self, unread: &[RangeInclusive<Duration>]) {
        let mut settled: HashMap<(&ChannelArn, &str), &str> = HashMap::new();
        let recording = self.recording.lock().unwrap();
        for event in &recording.order {
            match *event {
                CallEvent::Sent(number) => {
                    let call = &recording.calls[number];
                    // A control call adds one existing member again.
                    let is_control = call.members.len() == 1;
                    for member in &call.members {
                        let before = settled.get(&(&call.channel, member.as_str()));
                        let before = before.filter(|code| !(is_control && is_in(code)));
                        assert!(before.is_none(), "{member} is sent again after {before:?}");
                    }
                }
                CallEvent::Answered(number) => {
                    let call = &recording.calls[number];
                    let Some((at, Ok(reply))) = &call.answer else {
                        continue;
                    };
                    if unread.iter().any(|time| time.contains(at)) {
                        continue;
                    }
                    let codes = codes_by_member(reply);
                    for member in &call.members {
                        let code = codes.get(member.as_str()).copied().flatten();
                        let is_final = |code| member_action(code) != MemberAction::Retry;
                        if let Some(code) = code.filter(|code| is_final(code)) {
                            settled.insert((&call.channel, member.as_str()), code);
                        }
                    }
                }
            }
        }
    }
}

/// Whether a member that was answered with this code is in the channel.
fn is_in(code: &str) -> bool {
    code.is_empty() || member_action(code) == MemberAction::AlreadyMember
}

/// The code of each member that a reply names: empty for an added member, `None` if the reply
/// contradicts itself.
fn codes_by_member(reply: &Reply) -> HashMap<&str, Option<&str>> {
    let added = reply.added.iter().map(|member| (member.as_str(), ""));
    let errors = reply.errors.iter();
    let errors = errors.map(|error| (error.member.as_str(), error.code.as_str()));
    let mut codes: HashMap<&str, Option<&str>> = HashMap::new();
    for (member, code) in added.chain(errors) {
        let known = codes.entry(member).or_insert(Some(code));
        if *known != Some(code) {
            *known = None;
        }
    }
    codes
}
