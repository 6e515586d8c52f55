//! Stands at the service's door: counts what the faults make needful, notes when calls are
//! accepted, and answers for the members that are to be throttled once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::model::{AddMembers, Batch, MemberArn, MemberError, RefusalKind, Reply};
use chime_bulk::schedule::LowerBound;
use tokio::time::Instant;

use super::roster::number;

/// What is known at the door.
struct Seen {
    /// Members still to be throttled.
    to_throttle: HashSet<String>,
    /// By channel: times that a member had to be sent once more, for no fault of the caller.
    again: Vec<u64>,
    /// When calls were answered as accepted.
    accepted: Vec<Duration>,
}

/// A service with somebody at its door.
#[derive(Clone)]
pub(super) struct Door {
    inner: Arc<dyn Chime>,
    start: Instant,
    seen: Arc<Mutex<Seen>>,
}

impl Door {
    pub(super) fn new(
        inner: Arc<dyn Chime>,
        channels: usize,
        to_throttle: HashSet<String>,
    ) -> Self {
        let seen = Seen {
            to_throttle,
            again: vec![0; channels],
            accepted: Vec::new(),
        };
        Self {
            inner,
            start: Instant::now(),
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fewest calls and least time that could have done: a member that was throttled, or sent
    /// in a call whose answer was lost, has to be sent again, in a later call than the first.
    pub(super) fn hindsight(&self, sizes: &[u64]) -> LowerBound {
        let mut bound = LowerBound::default();
        for (members, again) in sizes.iter().zip(&self.seen().again) {
            let calls = (members + again).div_ceil(100);
            bound.add_calls(if *again > 0 { calls.max(2) } else { calls });
        }
        bound
    }

    /// From this moment to the first second in which this many calls are accepted.
    pub(super) fn recovery(&self, from: Duration, calls: usize) -> Option<Duration> {
        let seen = self.seen();
        let later: Vec<Duration> = seen
            .accepted
            .iter()
            .copied()
            .filter(|at| *at >= from)
            .collect();
        let in_a_second =
            |window: &&[Duration]| window[calls - 1] < window[0] + Duration::from_secs(1);
        let found = later.windows(calls.max(1)).find(in_a_second);
        found.map(|window| window[0].saturating_sub(from))
    }

    /// Parts the members that are to be throttled now from the others, of whom one at least stays.
    fn part(&self, members: &Batch) -> (Vec<MemberArn>, Vec<MemberArn>) {
        let seen = self.seen();
        let mut throttled = Vec::new();
        let mut others = Vec::new();
        for (place, member) in members.members().iter().enumerate() {
            if place > 0 && seen.to_throttle.contains(member.as_str()) {
                throttled.push(member.clone());
            } else {
                others.push(member.clone());
            }
        }
        (throttled, others)
    }
}

/// Members to be sent once more: all of a call, as long as it has no answer. The caller may give
/// it up at any time.
struct Due {
    door: Door,
    channel: Option<usize>,
    again: u64,
}

impl Due {
    fn are(&mut self, members: usize) {
        self.again = members as u64;
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        let mut seen = self.door.seen();
        if let Some(again) = self.channel.and_then(|number| seen.again.get_mut(number)) {
            *again += self.again;
        }
    }
}

impl Chime for Door {
    fn add_members(&self, mut call: AddMembers, timeout: Duration) -> Pending<Reply> {
        let door = self.clone();
        let channel = number(&call.channel);
        let sent = call.members.members().len() as u64;
        let (throttled, others) = self.part(&call.members);
        if let Ok(others) = Batch::new(others) {
            call.members = others;
        }
        let mut due = Due {
            door: door.clone(),
            channel,
            again: sent,
        };
        Box::pin(async move {
            let mut answer = door.inner.add_members(call, timeout).await;
            let mut seen = door.seen();
            match &mut answer {
                Ok(reply) => {
                    seen.accepted.push(door.start.elapsed());
                    for member in &throttled {
                        seen.to_throttle.remove(member.as_str());
                        reply.errors.push(MemberError {
                            member: member.as_str().to_owned(),
                            code: "Throttled".to_owned(),
                            message: "once".to_owned(),
                        });
                    }
                    let refused = reply.errors.iter();
                    due.are(refused.filter(|error| error.code == "Throttled").count());
                }
                Err(refusal) if refusal.kind == RefusalKind::Lost => {}
                Err(_) => due.are(0),
            }
            drop(seen);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test(start_paused = true)]
    async fn what_was_needful_is_counted_by_channel_and_some_are_throttled_once() {
        use std::collections::HashMap;

        use chime_bulk::model::{ChannelArn, Membership};
        use chime_bulk::sandbox::{SandboxConfig, Scripted, Service, Simulated};

        use super::super::roster::{Group, INSTANCE, Roster, bearers};
        use super::*;

        let groups = "roster = [{ channels = 1, members = 200 }, { channels = 1, members = 99 }]";
        let groups: HashMap<String, Vec<Group>> = toml::from_str(groups).unwrap();
        let roster = Roster::new(&groups["roster"], None);
        let service = Arc::new(Service::new(SandboxConfig {
            unlimited: true,
            ..SandboxConfig::default()
        }));
        let to_throttle = roster.share(0.01);
        assert_eq!(to_throttle.len(), 2);
        let face = Arc::new(Simulated::new(Arc::clone(&service)));
        let door = Door::new(face, 2, to_throttle);
        let call = |channel: usize, from: u64| {
            let member = |n| MemberArn::parse(&format!("{INSTANCE}/user/m{channel}-{n}"));
            let members = (from..from + 99).map(member);
            AddMembers {
                channel: ChannelArn::parse(&format!("{INSTANCE}/channel/c{channel}")).unwrap(),
                bearer: bearers(1).unwrap().remove(0),
                membership: Membership::default(),
                members: Batch::new(members.map(Result::unwrap).collect()).unwrap(),
            }
        };
        assert_eq!(door.hindsight(roster.sizes()).calls(), 3);
        service.script([vec![], vec![], vec![], vec![Scripted::Reset]]);
        for answered in [1, 0] {
            let reply = door
                .add_members(call(0, 1), Duration::from_mins(1))
                .await
                .unwrap();
            let throttled = reply
                .errors
                .iter()
                .filter(|error| error.code == "Throttled");
            assert_eq!(throttled.count(), answered);
        }
        assert_eq!(door.hindsight(roster.sizes()).calls(), 4);
        door.add_members(call(1, 0), Duration::from_mins(1))
            .await
            .unwrap();
        assert!(
            door.add_members(call(1, 0), Duration::from_mins(1))
                .await
                .is_err()
        );
        // 99 members, and 99 whose answer was lost: 2 calls.
        assert_eq!(door.hindsight(roster.sizes()).calls(), 5);
        assert_eq!(door.recovery(Duration::ZERO, 3), Some(Duration::ZERO));
        assert_eq!(door.recovery(Duration::ZERO, 4), None);
    }
}
