//! The channels of a list as the service describes them, and the problems that a run would meet there.
//!
//! Promises: names channels and the service's codes, no member. Must not: judge what was not answered.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ledger::{LedgerError, LedgerReader};
use crate::model::codes::{self, Effect};
use crate::model::{
    ChannelFacts, ChannelId, ChannelMode, RefusalKind, closest_match, escape_control, quota,
};

/// At most this many channels and problems are listed one by one.
const MAX_NAMED: usize = 100;
/// A list with more channels than this gets no suggestions: each compares a name with all others.
const MAX_COMPARED: usize = 10_000;
/// A message of the service is cut to this many characters.
const MAX_MESSAGE: usize = 300;

/// The channels of the list as they are now. Of the members who are in a channel already, those that
/// the list names count twice: as members now, and as members to add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelsNow {
    /// Channels that the service described.
    pub described: u64,
    /// Channels that it described to no bearer.
    pub refused: u64,
    /// Channels without an answer, because the check was stopped.
    pub unanswered: u64,
    /// Elastic channels.
    pub elastic: u64,
    /// Channels with the mode RESTRICTED: only administrators and moderators add members.
    pub restricted: u64,
    /// Channels that the service deletes some day.
    pub expiring: u64,
    /// Reasons why members of a channel would not come in.
    pub problem_count: u64,
    /// The problems with the most members, those first; at most 100.
    pub problems: Vec<ChannelProblem>,
    /// The described channels with the most members to add, those first; at most 100.
    pub channels: Vec<ChannelNow>,
}

/// A channel, as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelNow {
    /// The channel's ARN.
    pub channel_arn: String,
    /// Members to add.
    pub members: u64,
    /// The mode: RESTRICTED or UNRESTRICTED; null if the answer does not contain it.
    pub mode: Option<String>,
    /// Whether it is elastic.
    pub is_elastic: bool,
    /// Whether the service deletes it some day.
    pub expires: bool,
    /// The most members that it can have.
    pub max_members: u64,
    /// Members that it has now; null if that is unknown. Only known of elastic channels: of others the
    /// service tells no number.
    pub members_now: Option<u64>,
    /// How many more members it can have; null if that is unknown.
    pub capacity_left: Option<u64>,
}

/// Why members of a channel would not come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelProblem {
    /// The channel's ARN.
    pub channel_arn: String,
    /// Members to add that it concerns.
    pub members: u64,
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// The error code, if the service refused to answer; otherwise null.
    pub code: Option<String>,
    /// The problem in words: the service's message, if it refused to answer.
    pub message: String,
    /// How to fix it.
    pub hint: String,
    /// The ARN of a channel of the list that exists and has a similar id; null if there is none.
    pub similar: Option<String>,
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The service does not describe the channel: it does not exist, or no bearer may read it.
    NotDescribed,
    /// The list has more members for it than it has room for.
    OverCapacity,
    /// The list has hidden members for an elastic channel, which has none.
    HiddenInElastic,
    /// Only administrators and moderators add members, and no bearer is known to be one.
    MayNotAdd,
}

/// The code and the message of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The error code.
    pub code: String,
    /// The service's message.
    pub message: String,
}

impl Refused {
    /// Whether the service denies the call, because of a permission or as the channel does not exist.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        codes::explain(&self.code)
            .is_some_and(|code| code.effect == Effect::Call(RefusalKind::Denied))
    }
}

/// A channel of the list, and what is known of it.
#[derive(Debug, Clone)]
pub struct ChannelCheck {
    /// The channel.
    pub channel: ChannelId,
    /// Members to add.
    pub members: u64,
    /// Those of them that are hidden.
    pub hidden: u64,
    /// How many members it may have, if it is not elastic.
    pub capacity: u64,
    /// What the service answered; `None` if it was not asked, or did not answer.
    pub answer: Option<Result<ChannelFacts, Refused>>,
    /// Members that it has now, if that is known.
    pub members_now: Option<u64>,
    /// Why no bearer is known to be an administrator or a moderator, if that matters.
    pub may_not_add: Option<Refused>,
}

impl ChannelCheck {
    /// A channel of which nothing is known yet.
    #[must_use]
    pub fn new(channel: ChannelId, members: u64) -> Self {
        Self {
            channel,
            members,
            hidden: 0,
            capacity: quota::MEMBERS_PER_CHANNEL,
            answer: None,
            members_now: None,
            may_not_add: None,
        }
    }

    /// What it is, if the service described it.
    #[must_use]
    pub fn facts(&self) -> Option<&ChannelFacts> {
        self.answer.as_ref()?.as_ref().ok()
    }

    /// Whether only administrators and moderators add members.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.facts()
            .is_some_and(|facts| facts.mode == Some(ChannelMode::Restricted))
    }

    fn max_members(&self, facts: &ChannelFacts) -> Option<u64> {
        if facts.is_elastic {
            facts.max_members
        } else {
            Some(self.capacity)
        }
    }

    fn capacity_left(&self) -> Option<u64> {
        let max = self.max_members(self.facts()?)?;
        Some(max.saturating_sub(self.members_now?))
    }

    /// Passes each problem to `each`: its kind, the members that it concerns, and the refusal or what is
    /// wrong.
    fn problems(&self, mut each: impl FnMut(ProblemKind, u64, Result<String, &Refused>)) {
        let facts = match &self.answer {
            None => return,
            Some(Err(refused)) => {
                return each(ProblemKind::NotDescribed, self.members, Err(refused));
            }
            Some(Ok(facts)) => facts,
        };
        let max = self.max_members(facts);
        let room = self.capacity_left().or(max);
        if let (Some(max), Some(room)) = (max, room)
            && self.members > room
        {
            let now = match self.members_now {
                Some(now) => format!("it has {now} of {max} members"),
                None => format!("it holds {max} members"),
            };
            let text = format!("{now}: there is no room for {} more", self.members);
            each(ProblemKind::OverCapacity, self.members, Ok(text));
        }
        if facts.is_elastic && self.hidden > 0 {
            let text = "it is elastic: it takes no hidden members".to_owned();
            each(ProblemKind::HiddenInElastic, self.hidden, Ok(text));
        }
        if let Some(refused) = &self.may_not_add {
            each(ProblemKind::MayNotAdd, self.members, Err(refused));
        }
    }
}

impl ChannelsNow {
    /// The channels of the list in this ledger, with what was found.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of(ledger: &LedgerReader, checks: &[ChannelCheck]) -> Result<Self, LedgerError> {
        let mut now = Self::default();
        let mut found: Vec<(usize, Problem)> = Vec::new();
        for (at, check) in checks.iter().enumerate() {
            match &check.answer {
                None => now.unanswered += 1,
                Some(Err(_)) => now.refused += 1,
                Some(Ok(facts)) => {
                    now.described += 1;
                    now.elastic += u64::from(facts.is_elastic);
                    now.restricted += u64::from(check.is_restricted());
                    now.expiring += u64::from(facts.expires);
                }
            }
            check.problems(|kind, members, refused| {
                now.problem_count += 1;
                let (code, message) = match refused {
                    Ok(message) => (None, message),
                    Err(refused) => (Some(refused.code.clone()), refused.message.clone()),
                };
                let problem = Problem {
                    kind,
                    members,
                    code,
                    message,
                };
                found.push((at, problem));
            });
            if found.len() >= 10 * MAX_NAMED {
                keep_largest(&mut found);
            }
        }
        keep_largest(&mut found);
        let arn =
            |check: &ChannelCheck| ledger.channel_arn(check.channel).map(|arn| arn.to_string());
        let named = named(ledger, checks, &found)?;
        for (at, problem) in found {
            let channel_arn = arn(&checks[at])?;
            let similar = match problem.kind {
                ProblemKind::NotDescribed => similar(&channel_arn, problem.members, &named),
                _ => None,
            };
            now.problems.push(problem.named(channel_arn, similar));
        }
        let mut described: Vec<&ChannelCheck> = checks
            .iter()
            .filter(|check| check.facts().is_some())
            .collect();
        described.sort_by_key(|check| Reverse(check.members));
        for check in described.into_iter().take(MAX_NAMED) {
            let Some(facts) = check.facts() else { continue };
            now.channels.push(ChannelNow {
                channel_arn: arn(check)?,
                members: check.members,
                mode: facts.mode.map(|mode| mode.as_str().to_owned()),
                is_elastic: facts.is_elastic,
                expires: facts.expires,
                max_members: check.max_members(facts).unwrap_or_default(),
                members_now: check.members_now,
                capacity_left: check.capacity_left(),
            });
        }
        Ok(now)
    }

    /// Whether the service answered about every channel, and nothing is in the way of any member.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problem_count == 0 && self.unanswered == 0
    }
}

/// A problem whose channel is known by its place.
struct Problem {
    kind: ProblemKind,
    members: u64,
    code: Option<String>,
    message: String,
}

impl Problem {
    fn named(self, channel_arn: String, similar: Option<String>) -> ChannelProblem {
        let Self {
            kind,
            members,
            code,
            message,
        } = self;
        ChannelProblem {
            hint: hint(kind, code.as_deref()),
            channel_arn,
            members,
            kind,
            code: code.map(|code| escape_control(&code, MAX_MESSAGE)),
            message: escape_control(&message, MAX_MESSAGE),
            similar,
        }
    }
}

/// How to fix a problem.
fn hint(kind: ProblemKind, code: Option<&str>) -> String {
    let entry = code.and_then(codes::explain);
    let is_of = |kind| entry.is_some_and(|entry| entry.effect == Effect::Call(kind));
    match kind {
        ProblemKind::NotDescribed if is_of(RefusalKind::NotFound) => {
            "create the channel, or correct its id in the list".to_owned()
        }
        ProblemKind::NotDescribed if is_of(RefusalKind::Denied) => {
            "correct the channel's id in the list, if it does not exist; make the bearer an AppInstanceAdmin or \
             a moderator of the channel; allow the IAM action chime:DescribeChannel on both"
                .to_owned()
        }
        ProblemKind::NotDescribed => {
            let fix = entry.map(|entry| entry.fix);
            fix.unwrap_or("fix the cause in the message, then plan again")
                .to_owned()
        }
        ProblemKind::OverCapacity => {
            "ignore it if the members are in already; otherwise spread them over several channels, or have \
             AWS raise the quota"
                .to_owned()
        }
        ProblemKind::HiddenInElastic => {
            "add them as DEFAULT members, or to a channel that is not elastic".to_owned()
        }
        ProblemKind::MayNotAdd => {
            "make the bearer an AppInstanceAdmin or a moderator of the channel; allow the IAM action \
             chime:ListChannelModerators on both"
                .to_owned()
        }
    }
}

fn keep_largest(found: &mut Vec<(usize, Problem)>) {
    // The sort is stable: of equals, the first in the list comes first.
    found.sort_by_key(|(_, problem)| Reverse(problem.members));
    found.truncate(MAX_NAMED);
}

/// The described channels and their members, if names are to be compared.
fn named(
    ledger: &LedgerReader,
    checks: &[ChannelCheck],
    found: &[(usize, Problem)],
) -> Result<Vec<(String, u64)>, LedgerError> {
    let is_any = |(_, problem): &(usize, Problem)| problem.kind == ProblemKind::NotDescribed;
    if checks.len() > MAX_COMPARED || !found.iter().any(is_any) {
        return Ok(Vec::new());
    }
    let described = checks.iter().filter(|check| check.facts().is_some());
    described
        .map(|check| {
            let arn = ledger.channel_arn(check.channel)?.to_string();
            Ok((arn, check.members))
        })
        .collect()
}

/// The channel that was perhaps meant. A misspelled id has fewer rows than the right one: without that,
/// each of `team-1`, `team-2` and so on would be similar to the others.
fn similar(arn: &str, members: u64, named: &[(String, u64)]) -> Option<String> {
    let id = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let larger = named.iter().filter(|(_, theirs)| *theirs > members);
    let larger: Vec<&String> = larger.map(|(arn, _)| arn).collect();
    let wanted = closest_match(&id(arn), larger.iter().map(|arn| id(arn)))?;
    let meant = larger.into_iter().find(|arn| id(arn) == wanted);
    meant.cloned()
}
