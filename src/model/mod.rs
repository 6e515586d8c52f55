//! The domain's values: member, channel, call, outcome.
//!
//! Promises: every value is valid by construction. Must not: use time, I/O, or a library for them.

mod account_quotas;
mod arn;
mod batch;
mod bearers;
mod call;
pub mod codes;
mod escape;
mod ids;
mod limits;
mod membership;
mod outcome;
mod question;
mod reading;
mod refusal_kind;
mod removal;
mod shard;
mod skip_existing;
mod suggest;
mod tally;

pub use account_quotas::{AccountQuota, AccountQuotas, QuotaAnswer, QuotaFigure, QuotaSource};
pub(crate) use arn::is_resource_id;
pub use arn::{AppInstanceArn, ArnError, ChannelArn, MemberArn, check_user_id};
pub use batch::{Batch, BatchError};
pub use bearers::{BearerPool, BearersDisagree};
pub use call::{AddMember, AddMembers, MemberError, Operation, Refusal, Reply};
pub use escape::{escape_control, is_unprintable};
pub use ids::{ChannelId, LaneId};
pub use limits::{Limits, LimitsError, MESSAGING_REGIONS, quota};
pub use membership::{Membership, MembershipType, SubChannelId, SubChannelIdError};
pub use outcome::{Outcome, RunState};
pub use question::{Finding, Question, QuestionRow};
pub use reading::{
    ChannelCall, ChannelFacts, ChannelMode, ChannelPrivacy, Described, ListChannel, ListMembers,
    MemberCall, MemberPage, MembershipFacts, Removed, SubChannelPage,
};
pub use refusal_kind::{CallAction, RefusalKind};
pub use removal::RemovalRow;
pub use shard::{LimitShare, Shard, ShardError};
pub use skip_existing::SkipExisting;
pub use suggest::closest_match;
pub use tally::Tally;
