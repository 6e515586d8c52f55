//! The members of one call.

use std::collections::HashSet;
use std::sync::Arc;

use super::{MemberArn, quota};

/// The members of one `BatchCreateChannelMembership` call: 1 to 100, all different.
///
/// The SDK does not check the list's length, and the effect of a repeated member is undocumented, so
/// such a batch cannot be built. Clones share the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch(Arc<[MemberArn]>);

/// Why members are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No member.
    #[error("a call needs at least one member")]
    Empty,
    /// More than 100 members.
    #[error("a call has at most {} members, not {found}", quota::MEMBERS_PER_CALL, found = .0)]
    TooMany(usize),
    /// The same member twice.
    #[error("the same member twice in one call")]
    Repeated,
}

impl Batch {
    /// Makes a batch.
    ///
    /// # Errors
    /// If there is no member, more than 100, or the same member twice.
    pub fn new(members: Vec<MemberArn>) -> Result<Self, BatchError> {
        if members.is_empty() {
            return Err(BatchError::Empty);
        }
        if members.len() > quota::MEMBERS_PER_CALL {
            return Err(BatchError::TooMany(members.len()));
        }
        let mut seen = HashSet::with_capacity(members.len());
        if !members.iter().all(|member| seen.insert(member)) {
            return Err(BatchError::Repeated);
        }
        Ok(Self(members.into()))
    }

    /// The members, in the order they are sent.
    #[must_use]
    pub fn members(&self) -> &[MemberArn] {
        &self.0
    }
}

impl From<MemberArn> for Batch {
    fn from(member: MemberArn) -> Self {
        Self([member].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(n: usize) -> Vec<MemberArn> {
        (0..n)
            .map(|i| {
                MemberArn::parse(&format!("arn:aws:chime:r:1:app-instance/i/user/u{i}")).unwrap()
            })
            .collect()
    }

    #[test]
    fn holds_one_to_a_hundred_distinct_members() {
        assert_eq!(Batch::new(members(0)), Err(BatchError::Empty));
        assert_eq!(Batch::new(members(101)), Err(BatchError::TooMany(101)));
        assert_eq!(Batch::new(members(100)).unwrap().members().len(), 100);
        let twice = [members(2), members(1)].concat();
        assert_eq!(Batch::new(twice), Err(BatchError::Repeated));
    }
}
