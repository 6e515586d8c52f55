//! Calls that read channels or remove a member, and their answers.
//!
//! Promises: an answer holds what the service sent, and no member's name. Nothing in it is trusted:
//! a page may list somebody twice, or be about another channel. Must not: decide what follows.

use serde::{Deserialize, Serialize};

use super::{ChannelArn, MemberArn, Membership, MembershipType, Refusal, SubChannelId};

/// One `ListChannelMemberships` request: a page of 50.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMembers {
    /// The channel.
    pub channel: ChannelArn,
    /// The bearer to call as (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
    /// The members to list: a listing has one type, and may be limited to one sub-channel.
    pub membership: Membership,
    /// Where the page before ended; `None` for the first.
    pub next_token: Option<String>,
}

/// One `ListChannelModerators` or `ListSubChannels` request: a page of 50.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListChannel {
    /// The channel.
    pub channel: ChannelArn,
    /// The bearer to call as (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
    /// Where the page before ended; `None` for the first.
    pub next_token: Option<String>,
}

/// One `DescribeChannelMembership` or `DeleteChannelMembership` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCall {
    /// The channel.
    pub channel: ChannelArn,
    /// The bearer to call as (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
    /// The member.
    pub member: MemberArn,
    /// The sub-channel, for members of an elastic channel.
    pub sub_channel: Option<SubChannelId>,
}

/// One `DescribeChannel` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCall {
    /// The channel.
    pub channel: ChannelArn,
    /// The bearer to call as (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
}

/// One page of a channel's members or moderators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberPage {
    /// The channel's ARN, if the answer contains it.
    pub channel: Option<String>,
    /// ARNs.
    pub members: Vec<String>,
    /// Whether an entry had no ARN: then somebody is missing.
    pub has_nameless: bool,
    /// Where the next page begins; `None` on the last.
    pub next_token: Option<String>,
}

/// The answer to the question for one membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Described {
    /// The membership exists.
    Member(MembershipFacts),
    /// `NotFoundException`: the channel, the user or the membership does not exist. The answer does
    /// not show which.
    NotFound(Refusal),
}

/// One membership, as described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipFacts {
    /// The channel's ARN, if the answer contains it.
    pub channel: Option<String>,
    /// The member's ARN.
    pub member: String,
    /// The type, if the answer contains one that is known.
    pub membership_type: Option<MembershipType>,
    /// The ARN of the bearer who added the member.
    pub invited_by: Option<String>,
    /// When the membership was created: Unix time in seconds, by the service's clock.
    pub created: Option<i64>,
}

/// The answer to the removal of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// The service accepted the call: the member is not in the channel any more. It is undocumented
    /// whether the service also answers this if the member was not in the channel.
    Removed,
    /// `NotFoundException`: the channel, the user or the membership does not exist. The answer does
    /// not show which.
    NotFound(Refusal),
}

/// A channel, as described.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFacts {
    /// The channel's ARN, if the answer contains it.
    pub channel: Option<String>,
    /// Whether it is elastic. The legacy API's answers do not contain it: false.
    pub is_elastic: bool,
    /// The most members of an elastic channel: sub-channels times members of each.
    pub max_members: Option<u64>,
    /// Who may add members, if the answer contains a mode that is known.
    pub mode: Option<ChannelMode>,
    /// Who finds it, if the answer contains a privacy that is known.
    pub privacy: Option<ChannelPrivacy>,
    /// Whether the service deletes it some day. The legacy API's answers do not contain it: false.
    pub expires: bool,
}

/// The `Mode` of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelMode {
    /// Members may add members.
    Unrestricted,
    /// Only administrators and moderators add members.
    Restricted,
}

impl ChannelMode {
    /// The mode with this text in the API.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "UNRESTRICTED" => Some(Self::Unrestricted),
            "RESTRICTED" => Some(Self::Restricted),
            _ => None,
        }
    }

    /// Its text in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unrestricted => "UNRESTRICTED",
            Self::Restricted => "RESTRICTED",
        }
    }
}

/// The `Privacy` of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelPrivacy {
    /// Users outside can find it.
    Public,
    /// Only members see it.
    Private,
}

impl ChannelPrivacy {
    /// The privacy with this text in the API.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "PUBLIC" => Some(Self::Public),
            "PRIVATE" => Some(Self::Private),
            _ => None,
        }
    }
}

/// One page of an elastic channel's sub-channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubChannelPage {
    /// The channel's ARN, if the answer contains it.
    pub channel: Option<String>,
    /// The id of each, and its number of members. An entry without both is left out.
    pub sub_channels: Vec<(String, u64)>,
    /// Where the next page begins; `None` on the last.
    pub next_token: Option<String>,
}
