//! The bearers of a run.

use serde::{Deserialize, Serialize};

use super::{AppInstanceArn, MemberArn};

/// The bearers of a run: all of one app instance, each once. Empty if none is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<MemberArn>")]
pub struct BearerPool(Vec<MemberArn>);

/// Bearers of several app instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bearers are of different app instances")]
pub struct BearersDisagree;

impl BearerPool {
    /// A pool of these bearers. Repeated ones are dropped: the service counts calls per bearer, so a
    /// repeated one adds no quota.
    ///
    /// # Errors
    /// If they are of different app instances.
    pub fn new(given: impl IntoIterator<Item = MemberArn>) -> Result<Self, BearersDisagree> {
        let mut bearers: Vec<MemberArn> = Vec::new();
        for bearer in given {
            let first = bearers.first();
            if first.is_some_and(|first| first.app_instance() != bearer.app_instance()) {
                return Err(BearersDisagree);
            }
            if !bearers.contains(&bearer) {
                bearers.push(bearer);
            }
        }
        Ok(Self(bearers))
    }

    /// The bearers, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[MemberArn] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bearers at `first`, from 0, and every so many after it.
    pub(super) fn every_nth(&self, first: usize, step: usize) -> Self {
        Self(
            self.0
                .iter()
                .skip(first)
                .step_by(step.max(1))
                .cloned()
                .collect(),
        )
    }

    /// Whether the pool is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The app instance of all bearers.
    #[must_use]
    pub fn instance(&self) -> Option<AppInstanceArn> {
        self.0.first().map(MemberArn::instance)
    }

    /// The region of all bearers.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.first().map(MemberArn::region)
    }
}

impl From<MemberArn> for BearerPool {
    fn from(bearer: MemberArn) -> Self {
        Self(vec![bearer])
    }
}

impl TryFrom<Vec<MemberArn>> for BearerPool {
    type Error = BearersDisagree;
    fn try_from(given: Vec<MemberArn>) -> Result<Self, BearersDisagree> {
        Self::new(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(name: &str) -> MemberArn {
        let arn = format!("arn:aws:chime:us-east-1:123456789012:app-instance/{name}");
        MemberArn::parse(&arn).unwrap()
    }

    #[test]
    fn a_pool_has_each_bearer_once_and_all_of_one_app_instance() {
        let [a, b] = ["i/user/a", "i/bot/b"].map(bearer);
        let pool = BearerPool::new([a.clone(), b.clone(), a.clone()]).unwrap();
        assert_eq!(pool.as_slice(), [a.clone(), b]);
        assert_eq!(pool.region(), Some("us-east-1"));
        let stranger = bearer("other/user/a");
        assert_eq!(BearerPool::new([a, stranger]), Err(BearersDisagree));
        let stored = serde_json::to_string(&pool).unwrap();
        assert_eq!(serde_json::from_str::<BearerPool>(&stored).unwrap(), pool);
        let forged = stored.replace("i/bot", "other/bot");
        assert!(serde_json::from_str::<BearerPool>(&forged).is_err());
    }
}
