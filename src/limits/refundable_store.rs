//! A state store for governor that can undo the last charge.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::nanos::Nanos;
use governor::state::StateStore;

/// governor's state per key (the number of a channel or bearer). Clones share it: governor holds
/// one, and `CallLimits` the other to undo the last charge.
#[derive(Debug, Clone, Default)]
pub(super) struct RefundableStore(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// The theoretical arrival time of each key's next call, as GCRA defines it.
    next_due: HashMap<u32, Nanos>,
    last: Option<(u32, Option<Nanos>)>,
}

impl RefundableStore {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Undoes the last charge.
    pub(super) fn refund(&self) {
        let mut inner = self.inner();
        match inner.last.take() {
            Some((key, Some(before))) => {
                inner.next_due.insert(key, before);
            }
            Some((key, None)) => {
                inner.next_due.remove(&key);
            }
            None => {}
        }
    }

    /// Moves the charges of a key to a later time.
    pub(super) fn delay(&self, key: u32, by: Duration) {
        if let Some(due) = self.inner().next_due.get_mut(&key) {
            *due = *due + Nanos::from(by);
        }
    }

    /// Moves the charges of a key to an earlier time.
    pub(super) fn advance(&self, key: u32, by: Duration) {
        if let Some(due) = self.inner().next_due.get_mut(&key) {
            *due = due.saturating_sub(Nanos::from(by));
        }
    }

    /// Removes keys whose time is past: they behave as new ones.
    pub(super) fn prune(&self, now: Nanos) {
        self.inner().next_due.retain(|_, due| *due > now);
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.inner().next_due.len()
    }
}

impl StateStore for RefundableStore {
    type Key = u32;
    fn measure_and_replace<T, F, E>(&self, key: &u32, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut inner = self.inner();
        let before = inner.next_due.get(key).copied();
        let (answer, after) = f(before)?;
        inner.next_due.insert(*key, after);
        inner.last = Some((*key, before));
        Ok(answer)
    }
}
