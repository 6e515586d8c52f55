//! Values by text, each with a place that never moves.
//!
//! A place saves hashing a hundred-character ARN once per member of a call. Nothing is ever
//! removed.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

/// Where a value is in its [`SlotMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// Values by text.
#[derive(Debug)]
pub(super) struct SlotMap<V> {
    slots: HashMap<Box<str>, Slot>,
    values: Vec<V>,
}

impl<V: Default> SlotMap<V> {
    /// A table without values.
    pub(super) fn new() -> Self {
        Self {
            slots: HashMap::new(),
            values: Vec::new(),
        }
    }

    /// The place of a key, made with the default value if it is new.
    pub(super) fn get_or_insert(&mut self, key: &str) -> Slot {
        if let Some(slot) = self.slots.get(key) {
            return *slot;
        }
        let slot = Slot(self.values.len());
        self.values.push(V::default());
        self.slots.insert(key.into(), slot);
        slot
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.slots.get(key).map(|slot| &self[*slot])
    }

    /// All keys with their values, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.slots
            .iter()
            .map(|(key, slot)| (&**key, &self.values[slot.0]))
    }
}

impl<V> Index<Slot> for SlotMap<V> {
    type Output = V;
    fn index(&self, slot: Slot) -> &V {
        &self.values[slot.0]
    }
}

impl<V> IndexMut<Slot> for SlotMap<V> {
    fn index_mut(&mut self, slot: Slot) -> &mut V {
        &mut self.values[slot.0]
    }
}
