//! A Bloom filter that finds rows seen before in little memory. A row that it calls new is new; one
//! that it calls seen may be new.

use std::hash::Hasher;

use fastbloom::BloomFilter;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Share of new rows that are wrongly suspected, per layer. Each costs one look-up when the list
/// is read to its end.
const FALSE_POSITIVES: f64 = 0.002;
/// Rows the first layer holds when the list's length is not known.
const FIRST_LAYER: u64 = 1 << 16;
/// Rows one layer holds at most (about 60 MB); beyond, more rows are suspected, none overlooked.
const LARGEST_LAYER: u64 = 1 << 25;

/// A membership's identity: equal for equal memberships, different for different ones but for a
/// chance of 2^-128. Keyed, so that no list can be made to collide.
pub(super) type Fingerprint = u128;

/// Makes fingerprints under a secret key.
#[derive(Debug, Clone)]
pub(super) struct FingerprintHasher(SipHasher13);

impl FingerprintHasher {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&key))
    }

    /// Of some parts in their order.
    pub(super) fn hash(&self, parts: &[&str]) -> Fingerprint {
        let mut state = self.0;
        for part in parts {
            state.write(part.as_bytes());
            // No ARN or id holds this byte.
            state.write_u8(0xFF);
        }
        state.finish128().as_u128()
    }
}

/// Bloom filters, each larger than the one before.
#[derive(Debug)]
pub(super) struct DuplicateFilter {
    layers: Vec<BloomFilter>,
    room_left: u64,
    next_layer: u64,
}

impl DuplicateFilter {
    /// A filter for about this many rows; more are allowed.
    pub(super) fn new(expected: Option<u64>) -> Self {
        let next_layer = expected
            .unwrap_or(FIRST_LAYER)
            .clamp(FIRST_LAYER, LARGEST_LAYER);
        Self {
            layers: Vec::new(),
            room_left: 0,
            next_layer,
        }
    }

    /// Sizes the next layer for this many rows.
    pub(super) fn set_expected(&mut self, rows: u64) {
        self.next_layer = rows.clamp(self.next_layer, LARGEST_LAYER);
    }

    /// Inserts a membership. True: it may have been inserted before. False: it has not.
    pub(super) fn check_and_insert(&mut self, fingerprint: Fingerprint) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "half of the fingerprint is enough here"
        )]
        let hash = fingerprint as u64;
        if self.room_left == 0 {
            let size = usize::try_from(self.next_layer).unwrap_or(usize::MAX);
            self.layers
                .push(BloomFilter::with_false_pos(FALSE_POSITIVES).expected_items(size));
            self.room_left = self.next_layer;
            self.next_layer = (self.next_layer * 2).min(LARGEST_LAYER);
        }
        let Some((newest, older)) = self.layers.split_last_mut() else {
            return true;
        };
        if older.iter().any(|layer| layer.contains_hash(hash)) || newest.insert_hash(hash) {
            return true;
        }
        self.room_left -= 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_always_suspected_and_little_else() {
        let hasher = FingerprintHasher::new([7; 16]);
        let mut filter = DuplicateFilter::new(None);
        let all: Vec<_> = (0..300_000)
            .map(|n| hasher.hash(&["channel", &n.to_string()]))
            .collect();
        let wrongly = all
            .iter()
            .filter(|fingerprint| filter.check_and_insert(**fingerprint))
            .count();
        assert!(wrongly < 300_000 / 50, "{wrongly} wrongly suspected");
        assert!(
            all.iter()
                .all(|fingerprint| filter.check_and_insert(*fingerprint))
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        let hasher = FingerprintHasher::new([7; 16]);
        assert_ne!(hasher.hash(&["ab", "c"]), hasher.hash(&["a", "bc"]));
        assert_ne!(
            hasher.hash(&["a"]),
            FingerprintHasher::new([8; 16]).hash(&["a"])
        );
    }
}
