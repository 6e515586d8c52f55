//! A witness at the service's door: sees every call, and judges them by the rules that hold
//! whatever happens.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::model::{AddMembers, ChannelArn, MemberArn, Refusal, RefusalKind, Reply};
use chime_bulk::sandbox::{Service, Simulated};
use chime_bulk::schedule::{MemberVerdict, member_verdict};
use tokio::time::Instant;

/// Answers a call instead of the simulated service.
pub(crate) type Intercept = Box<dyn Fn(&AddMembers) -> Option<Refusal> + Send + Sync>;

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
    pub(crate) members: Vec<MemberArn>,
    /// When the answer came, and what it was; none if it was given up.
    pub(crate) answer: Option<(Duration, Result<Reply, Refusal>)>,
}

/// What the witness saw, in its order.
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

/// The service, with a witness at the door.
pub(crate) struct Witness {
    inner: Simulated,
    pub(crate) intercept: Option<Intercept>,
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

impl Chime for Witness {
    fn add_members(&self, call: AddMembers) -> Pending<Reply> {
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
            members,
            answer: None,
        });
        drop(testimony);
        let intercepted = self
            .intercept
            .as_ref()
            .and_then(|intercept| intercept(&call));
        let answer = self.inner.add_members(call);
        let (testimony, start) = (Arc::clone(&self.testimony), self.start);
        Box::pin(async move {
            let answer = match intercepted {
                Some(refusal) => Err(refusal),
                None => answer.await,
            };
            let mut testimony = testimony.lock().unwrap();
            testimony.calls[number].answer = Some((start.elapsed(), answer.clone()));
            testimony.story.push(Scene::Answered(number));
            drop(testimony);
            drop(under_way);
            answer
        })
    }
}

impl Witness {
    pub(crate) fn new(service: &Arc<Service>) -> Self {
        Self {
            inner: Simulated::new(Arc::clone(service)),
            intercept: None,
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
    /// for those that came in the very instant of a crash.
    pub(crate) fn audit(&self, crashes: &BTreeSet<Duration>) {
        let mut settled: HashMap<(&ChannelArn, &str), &str> = HashMap::new();
        let testimony = self.testimony.lock().unwrap();
        for scene in &testimony.story {
            match *scene {
                Scene::Left(number) => {
                    let call = &testimony.calls[number];
                    for member in &call.members {
                        let before = settled.get(&(&call.channel, member.as_str()));
                        assert!(before.is_none(), "{member} is sent again after {before:?}");
                    }
                }
                Scene::Answered(number) => {
                    let call = &testimony.calls[number];
                    let Some((at, Ok(reply))) = &call.answer else {
                        continue;
                    };
                    if crashes.contains(at) {
                        continue;
                    }
                    for member in &reply.added {
                        settled.insert((&call.channel, member), "added");
                    }
                    for error in &reply.errors {
                        if member_verdict(&error.code) != MemberVerdict::Retry {
                            settled.insert((&call.channel, &error.member), &error.code);
                        }
                    }
                }
            }
        }
    }
}
