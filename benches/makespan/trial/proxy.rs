//! A proxy in front of the service. It counts the members that faults make it necessary to send again,
//! and throttles some members once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::model::{
    AddMember, AddMembers, Batch, ChannelArn, ChannelCall, ChannelFacts, Described, ListChannel,
    ListMembers, MemberArn, MemberCall, MemberError, MemberPage, RefusalKind, Removed, Reply,
    SubChannelPage,
};
use chime_bulk::schedule::LowerBound;

use super::roster::{Roster, number};

/// The state of the proxy.
struct State {
    /// Members still to be throttled.
    to_throttle: HashSet<String>,
    /// For each channel, how often a member had to be sent again because of a fault.
    resends: Vec<u64>,
}

/// The proxy. Clones share their state.
#[derive(Clone)]
pub(super) struct Proxy {
    inner: Arc<dyn Chime>,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub(super) fn new(
        inner: Arc<dyn Chime>,
        channels: usize,
        to_throttle: HashSet<String>,
    ) -> Self {
        let state = State {
            to_throttle,
            resends: vec![0; channels],
        };
        Self {
            inner,
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lower bound with the faults that occurred: a member that was throttled, or whose answer
    /// was lost, has to be sent again in a later call.
    pub(super) fn lower_bound(&self, roster: &Roster) -> LowerBound {
        let mut bound = LowerBound::default();
        for (members, resends) in roster.sizes().iter().zip(&self.state().resends) {
            let calls = (members + resends).div_ceil(roster.members_per_call().into());
            bound.add_calls(if *resends > 0 { calls.max(2) } else { calls });
        }
        bound
    }

    /// The members to throttle now, and the others, which are at least one.
    fn split(&self, members: &Batch) -> (Vec<MemberArn>, Vec<MemberArn>) {
        let state = self.state();
        let mut throttled = Vec::new();
        let mut others = Vec::new();
        for (index, member) in members.members().iter().enumerate() {
            if index > 0 && state.to_throttle.contains(member.as_str()) {
                throttled.push(member.clone());
            } else {
                others.push(member.clone());
            }
        }
        (throttled, others)
    }
}

/// Counts the members of a call that have to be sent again: all of them until there is an answer,
/// because the caller may drop the call at any time. Adds the count to the state when dropped.
struct Resends {
    proxy: Proxy,
    channel: Option<usize>,
    members: u64,
}

impl Resends {
    /// Sets the number of members. A method, so that the future captures the whole value, not the field.
    fn set(&mut self, members: usize) {
        self.members = members as u64;
    }
}

impl Drop for Resends {
    fn drop(&mut self) {
        let mut state = self.proxy.state();
        if let Some(resends) = self
            .channel
            .and_then(|number| state.resends.get_mut(number))
        {
            *resends += self.members;
        }
    }
}

impl Chime for Proxy {
    fn add_members(&self, mut call: AddMembers, timeout: Duration) -> Pending<Reply> {
        let resends = self.resends(&call.channel, call.members.members().len());
        let (throttled, others) = self.split(&call.members);
        if let Ok(others) = Batch::new(others) {
            call.members = others;
        }
        let answer = self.inner.add_members(call, timeout);
        self.counted(resends, throttled, answer)
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let resends = self.resends(&call.channel, 1);
        let answer = self.inner.add_member(call, timeout);
        self.counted(resends, Vec::new(), answer)
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

impl Proxy {
    /// The members of a call on a channel, before its answer.
    fn resends(&self, channel: &ChannelArn, members: usize) -> Resends {
        Resends {
            proxy: self.clone(),
            channel: number(channel),
            members: members as u64,
        }
    }

    /// Counts an answer, and adds an error for each throttled member.
    fn counted(
        &self,
        mut resends: Resends,
        throttled: Vec<MemberArn>,
        answer: Pending<Reply>,
    ) -> Pending<Reply> {
        let proxy = self.clone();
        Box::pin(async move {
            let answer = answer.await;
            let mut state = proxy.state();
            match answer {
                Ok(mut reply) => {
                    for member in &throttled {
                        state.to_throttle.remove(member.as_str());
                        reply.errors.push(MemberError {
                            member: member.as_str().to_owned(),
                            code: "Throttled".to_owned(),
                            message: "once".to_owned(),
                        });
                    }
                    let errors = reply.errors.iter();
                    let throttled = errors.filter(|error| error.code == "Throttled");
                    resends.set(throttled.count());
                    Ok(reply)
                }
                Err(refusal) => {
                    if refusal.kind != RefusalKind::Lost {
                        resends.set(0);
                    }
                    Err(refusal)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test(start_paused = true)]
    async fn resends_are_counted_by_channel_and_some_members_are_throttled_once() {
        use chime_bulk::model::Membership;
        use chime_bulk::sandbox::{SandboxConfig, Scripted, Service, Simulated};

        use super::super::roster::{Group, INSTANCE, bearers, channel_arn};
        use super::*;

        let roster = Roster::new(&[Group::new(1, 200), Group::new(1, 99)], None, 100);
        let service = Arc::new(Service::new(SandboxConfig {
            unlimited: true,
            ..SandboxConfig::default()
        }));
        let to_throttle = roster.share(0.01);
        assert_eq!(to_throttle.len(), 2);
        let client = Arc::new(Simulated::new(Arc::clone(&service)));
        let proxy = Proxy::new(client, 2, to_throttle);
        let call = |channel: usize, from: u64| {
            let member = |n| MemberArn::parse(&format!("{INSTANCE}/user/m{channel}-{n}"));
            let members = (from..from + 99).map(member);
            AddMembers {
                channel: channel_arn(channel).unwrap(),
                bearer: bearers(1).unwrap().remove(0),
                membership: Membership::default(),
                members: Batch::new(members.map(Result::unwrap).collect()).unwrap(),
            }
        };
        assert_eq!(proxy.lower_bound(&roster).calls(), 3);
        service.script([vec![], vec![], vec![], vec![Scripted::Reset]]);
        for expected in [1, 0] {
            let reply = proxy
                .add_members(call(0, 1), Duration::from_mins(1))
                .await
                .unwrap();
            let throttled = reply
                .errors
                .iter()
                .filter(|error| error.code == "Throttled");
            assert_eq!(throttled.count(), expected);
        }
        assert_eq!(proxy.lower_bound(&roster).calls(), 4);
        proxy
            .add_members(call(1, 0), Duration::from_mins(1))
            .await
            .unwrap();
        assert!(
            proxy
                .add_members(call(1, 0), Duration::from_mins(1))
                .await
                .is_err()
        );
        // 99 members, and 99 whose answer was lost: 2 calls.
        assert_eq!(proxy.lower_bound(&roster).calls(), 5);
    }
}
