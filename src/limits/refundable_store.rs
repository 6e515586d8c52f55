//! governor's state, with the last charge kept so that it can be refunded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::nanos::Nanos;
use governor::state::StateStore;

/// The state of each key (a channel's or bearer's number). Clones share it: governor
/// keeps one, `CallLimits` the other.
#[derive(Debug, Clone, Default)]
pub(super) struct RefundableStore(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// governor's reading per key: when its next payment would be due at an even pace.
    next_due: HashMap<u32, Nanos>,
    last: Option<(u32, Option<Nanos>)>,
}

impl RefundableStore {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Undoes the last payment.
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

    /// Moves what a key has paid to a later time.
    pub(super) fn delay(&self, key: u32, by: Duration) {
        if let Some(due) = self.inner().next_due.get_mut(&key) {
            *due = *due + Nanos::from(by);
        }
    }

    /// Forgets keys whose payments are all due by now: they are as good as new.
    pub(super) fn prune(&self, now: Nanos) {
        self.inner().next_due.retain(|_, due| *due > now);
    }

    /// Keys kept.
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
