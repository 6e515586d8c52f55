//! What the simulated service is like.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use super::fault::{FaultShare, MemberRule};
use super::quotas::Quotas;
use super::storm::{CodeShare, Storm};
use crate::model::{MemberArn, quota};

/// The answer of a batch call about an existing member (undocumented). A call that adds a single
/// member always answers `ConflictException`, as documented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExistingAnswer {
    /// The member-level error `Conflict`.
    #[default]
    Conflict,
    /// Listed as added. The membership stays as it is.
    Silent,
}

impl FromStr for ExistingAnswer {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "conflict" => Ok(Self::Conflict),
            "silent" => Ok(Self::Silent),
            _ => Err("the answer is conflict or silent".to_owned()),
        }
    }
}

/// The answer to the removal of somebody who is not a member (undocumented).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AbsentAnswer {
    /// A success. The operation models no `NotFoundException`.
    #[default]
    Silent,
    /// `NotFoundException`.
    NotFound,
}

/// How a full channel refuses (undocumented: the operation has both errors).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OverCapacity {
    /// Filled to the last place; each member beyond it is answered `ResourceLimitExceeded`.
    #[default]
    RefuseMembers,
    /// A call that does not fit is refused as a whole with `ResourceLimitExceededException`.
    RefuseCall,
}

/// The most sub-channels of an elastic channel, in us-east-1 (AWS, "Amazon Chime SDK endpoints and
/// quotas").
const ELASTIC_SUB_CHANNELS: u64 = 100;

/// Settings of a [`super::Service`]. The default is a service as documented, without faults or
/// latency.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Memberships that one channel holds; an elastic one holds ten times that.
    pub capacity: u64,
    /// How a full channel refuses.
    pub over_capacity: OverCapacity,
    /// The answer of a batch call about an existing member.
    pub existing_answer: ExistingAnswer,
    /// The answer to the removal of somebody who is not a member.
    pub absent_answer: AbsentAnswer,
    /// Channels whose id begins so do not exist; all others spring into being when first named.
    pub missing_channels: Vec<String>,
    /// Channels whose id begins so are elastic.
    pub elastic_channels: Vec<String>,
    /// Channels whose id begins so have the mode `RESTRICTED`, also if everybody is an administrator.
    pub restricted_channels: Vec<String>,
    /// Channels whose id begins so are deleted by the service some day.
    pub expiring_channels: Vec<String>,
    /// Users and bots whose id begins so do not exist; all others do.
    pub missing_users: Vec<String>,
    /// The administrators of the app instance; `None`: everybody is one. Other bearers may read the
    /// channels that they are members of, but not their moderators and sub-channels, and leave them.
    pub admins: Option<Vec<MemberArn>>,
    /// The moderators of every channel of their app instance. In channels they may what
    /// administrators may.
    pub moderators: Vec<MemberArn>,
    /// Calls per second that are let in.
    pub quotas: Quotas,
    /// Lifts the quotas of calls per second.
    pub unlimited: bool,
    /// When every call is answered 503, since the service's start.
    pub outage: Option<Range<Duration>>,
    /// Seed of faults and jitter.
    pub seed: u64,
    /// Faults by chance.
    pub faults: Vec<FaultShare>,
    /// Calls refused with a code by chance.
    pub refusals: Vec<CodeShare>,
    /// Calls refused with a code for some time.
    pub storms: Vec<Storm>,
    /// Members answered by rule; the first that fits.
    pub answers: Vec<MemberRule>,
    /// From the request's departure to its answer's arrival, half each way.
    pub latency: Duration,
    /// Share of its half by which each way varies, by itself, up and down: 0 to 1.
    pub jitter: f64,
    /// How much later a slow answer comes.
    pub slow_by: Duration,
    /// When a caller within the process gives up an answer; over HTTP the client has its own.
    pub attempt_timeout: Duration,
    /// The access key id that requests over HTTP are signed with.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

impl SandboxConfig {
    /// The most sub-channels of an elastic channel, and the most members of each.
    pub(super) fn elastic_size(&self) -> (u64, u64) {
        (ELASTIC_SUB_CHANNELS, (self.capacity / 10).max(1))
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            capacity: quota::MEMBERS_PER_CHANNEL,
            over_capacity: OverCapacity::default(),
            existing_answer: ExistingAnswer::default(),
            absent_answer: AbsentAnswer::default(),
            missing_channels: Vec::new(),
            elastic_channels: Vec::new(),
            restricted_channels: Vec::new(),
            expiring_channels: Vec::new(),
            missing_users: Vec::new(),
            admins: None,
            moderators: Vec::new(),
            quotas: Quotas::default(),
            unlimited: false,
            outage: None,
            seed: 0,
            faults: Vec::new(),
            refusals: Vec::new(),
            storms: Vec::new(),
            answers: Vec::new(),
            latency: Duration::ZERO,
            jitter: 0.0,
            slow_by: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(10),
            access_key: "sandbox".to_owned(),
            secret_key: "sandbox".to_owned(),
        }
    }
}
