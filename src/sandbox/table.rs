//! Values by text, each with a place that never moves.
//!
//! A place saves hashing a hundred-character ARN once per member of a call. Nothing is ever
//! removed.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

/// Where a value is in its [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// Values by text.
#[derive(Debug)]
pub(super) struct Table<V> {
    places: HashMap<Box<str>, Slot>,
    values: Vec<V>,
}

impl<V: Default> Table<V> {
    /// A table without values.
    pub(super) fn new() -> Self {
        Self {
            places: HashMap::new(),
            values: Vec::new(),
        }
    }

    /// The place of a key, made with the default value if it is new.
    pub(super) fn place(&mut self, key: &str) -> Slot {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let place = Slot(self.values.len());
        self.values.push(V::default());
        self.places.insert(key.into(), place);
        place
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.places.get(key).map(|place| &self[*place])
    }

    /// All keys with their values, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.places
            .iter()
            .map(|(key, place)| (&**key, &self.values[place.0]))
    }
}

impl<V> Index<Slot> for Table<V> {
    type Output = V;
    fn index(&self, place: Slot) -> &V {
        &self.values[place.0]
    }
}

impl<V> IndexMut<Slot> for Table<V> {
    fn index_mut(&mut self, place: Slot) -> &mut V {
        &mut self.values[place.0]
    }
}
