//! The operations of the simulated service.

/// An operation of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// `BatchCreateChannelMembership`
    BatchCreate,
    /// `CreateChannelMembership`
    Create,
    /// `DeleteChannelMembership`
    Delete,
    /// `DescribeChannelMembership`
    Describe,
    /// `ListChannelMemberships`
    List,
    /// `DescribeChannel`
    DescribeChannel,
    /// `ListChannelModerators`
    ListModerators,
    /// `ListSubChannels`
    ListSubChannels,
}

impl Operation {
    /// The name in the service model.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::BatchCreate => "BatchCreateChannelMembership",
            Self::Create => "CreateChannelMembership",
            Self::Delete => "DeleteChannelMembership",
            Self::Describe => "DescribeChannelMembership",
            Self::List => "ListChannelMemberships",
            Self::DescribeChannel => "DescribeChannel",
            Self::ListModerators => "ListChannelModerators",
            Self::ListSubChannels => "ListSubChannels",
        }
    }
}
