//! A recorder in front of the service: sees every call, and judges them by the rules that hold
//! whatever happens.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::model::codes::{MemberAction, member_action};
use chime_bulk::model::{
    AddMembers, ChannelArn, MemberArn, Membership, Refusal, RefusalKind, Reply,
};
use chime_bulk::sandbox::{Service, Simulated};
use tokio::time::Instant;

/// Answers a call instead of the simulated service.
pub(crate) type Intercept = Box<dyn Fn(&AddMembers) -> Option<Refusal> + Send + Sync>;

/// Makes something else of what the simulated service answered.
pub(crate) type Distort =
    Box<dyn Fn(&AddMembers, Result<Reply, Refusal>) -> Result<Reply, Refusal> + Send + Sync>;

pub(crate) fn refusal(kind: RefusalKind, code: &str) -> Refusal {
    Refusal {
        kind,
        code: code.to_owned(),
        message: "as rehearsed".to_owned(),
    }
}

/// A call as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) channel: ChannelArn,
    pub(crate) bearer: MemberArn,
    pub(crate) membership: Membership,
    pub(crate) members: Vec<MemberArn>,
    /// When the answer came, and what it was; none if it was given up.
    pub(crate) answer: Option<(Duration, Result<Reply, Refusal>)>,
}

/// What the recorder saw, in its order.
#[derive(Debug, Default)]
struct Testimony {
    calls: Vec<Seen>,
    /// Numbers of calls, as they left and as they were answered.
    story: Vec<Scene>,
}

#[derive(Debug, Clone, Copy)]
enum Scene {
    Left(usize),
    Answered(usize),
}

/// The service, behind a recorder.
pub(crate) struct Recorder {
    pub(crate) inner: Arc<dyn Chime>,
    pub(crate) intercept: Option<Intercept>,
    pub(crate) distort: Option<Arc<Distort>>,
    /// Calls given up arrive at the service all the same.
    pub(crate) unstoppable: bool,
    start: Instant,
    testimony: Arc<Mutex<Testimony>>,
    under_way: Arc<Mutex<BTreeSet<(ChannelArn, MemberArn)>>>,
}

/// Members under way; no longer when it is dropped.
struct UnderWay {
    all: Arc<Mutex<BTreeSet<(ChannelArn, MemberArn)>>>,
    these: Vec<(ChannelArn, MemberArn)>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap();
        for one in &self.these {
            all.remove(one);
        }
    }
}

impl Chime for Recorder {
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
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
            let is_new = self.under_way.lock().unwrap().insert(one.clone());
            assert!(is_new, "{one:?} is in two calls at a time");
        }
        let under_way = UnderWay {
            all: Arc::clone(&self.under_way),
            these,
        };
        let mut testimony = self.testimony.lock().unwrap();
        let number = testimony.calls.len();
        testimony.story.push(Scene::Left(number));
        testimony.calls.push(Seen {
            at: self.start.elapsed(),
            channel: call.channel.clone(),
            bearer: call.bearer.clone(),
            membership: call.membership.clone(),
            members,
            answer: None,
        });
        drop(testimony);
        let intercepted = self
            .intercept
            .as_ref()
            .and_then(|intercept| intercept(&call));
        let distort = self.distort.clone().map(|distort| (distort, call.clone()));
        let mut answer = self.inner.add_members(call, timeout);
        if self.unstoppable && intercepted.is_none() {
            let under_way = tokio::spawn(answer);
            answer = Box::pin(async { under_way.await.unwrap() });
        }
        let (testimony, start) = (Arc::clone(&self.testimony), self.start);
        Box::pin(async move {
            let mut answer = match intercepted {
                Some(refusal) => Err(refusal),
                None => answer.await,
            };
            if let Some((distort, call)) = distort {
                answer = distort(&call, answer);
            }
            let mut testimony = testimony.lock().unwrap();
            testimony.calls[number].answer = Some((start.elapsed(), answer.clone()));
            testimony.story.push(Scene::Answered(number));
            drop(testimony);
            drop(under_way);
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
            testimony: Arc::default(),
            under_way: Arc::default(),
        }
    }

    /// Time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Every call so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.testimony.lock().unwrap().calls.clone()
    }

    /// What holds of all calls whatever happens: nobody is sent again after a final answer, but
    /// for those that came when perhaps nobody read them.
    pub(crate) fn audit(&self, unread: &[RangeInclusive<Duration>]) {
        let mut settled: HashMap<(&ChannelArn, &str), &str> = HashMap::new();
        let testimony = self.testimony.lock().unwrap();
        for scene in &testimony.story {
            match *scene {
                Scene::Left(number) => {
                    let call = &testimony.calls[number];
                    // A control call adds one member that is in already.
                    let is_control = call.members.len() == 1;
                    for member in &call.members {
                        let before = settled.get(&(&call.channel, member.as_str()));
                        let before = before.filter(|code| !(is_control && is_in(code)));
                        assert!(before.is_none(), "{member} is sent again after {before:?}");
                    }
                }
                Scene::Answered(number) => {
                    let call = &testimony.calls[number];
                    let Some((at, Ok(reply))) = &call.answer else {
                        continue;
                    };
                    if unread.iter().any(|time| time.contains(at)) {
                        continue;
                    }
                    let said = said(reply);
                    for member in &call.members {
                        let code = said.get(member.as_str()).copied().flatten();
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

/// What a reply says of each member it names: a code, empty for one who was added; none where it
/// contradicts itself.
fn said(reply: &Reply) -> HashMap<&str, Option<&str>> {
    let added = reply.added.iter().map(|member| (member.as_str(), ""));
    let errors = reply.errors.iter();
    let errors = errors.map(|error| (error.member.as_str(), error.code.as_str()));
    let mut said: HashMap<&str, Option<&str>> = HashMap::new();
    for (member, code) in added.chain(errors) {
        let known = said.entry(member).or_insert(Some(code));
        if *known != Some(code) {
            *known = None;
        }
    }
    said
}
