//! A Bloom filter that finds repeated rows in little memory. It never misses a repeated row, but a
//! few new rows look repeated.

use std::hash::Hasher;

use fastbloom::BloomFilter;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Bits for a row, at least: with these, 2 rows in a thousand are false positives.
const MIN_BITS: u64 = 13;
/// Bits for a row while [`SPARE_BITS`] last: with these, a false positive in a list is unlikely. A
/// single one costs a second reading of the list.
const MAX_BITS: u64 = 64;
/// Bits beyond [`MIN_BITS`] a row for the layers of a list of known length, all together (16 MB):
/// enough for two million rows. Of a list of unknown length, only the first layer has any.
const SPARE_BITS: u64 = 1 << 27;
/// Bits set for a row: the best number for [`MIN_BITS`].
const HASHES: u32 = 9;
/// The capacity of the first layer, in rows, if the list's length is unknown.
const FIRST_LAYER: u64 = 1 << 16;
/// The largest capacity of a layer, in rows (about 60 MB). Beyond it there are more false positives,
/// but no repeated row is missed.
const LARGEST_LAYER: u64 = 1 << 25;

/// A 128-bit hash of a membership. Two memberships collide with a probability of 2^-128. Keyed, so
/// that nobody can make a list whose rows collide.
pub type Fingerprint = u128;

/// Makes fingerprints under a secret key.
#[derive(Debug, Clone)]
pub struct FingerprintHasher(SipHasher13);

impl FingerprintHasher {
    /// With this key.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&key))
    }

    /// Of some parts in their order.
    #[must_use]
    pub fn hash(&self, parts: &[&str]) -> Fingerprint {
        let mut state = self.0;
        for part in parts {
            state.write(part.as_bytes());
            // No ARN or id contains this byte, so it separates the parts.
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
    spare_bits: u64,
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
            spare_bits: FIRST_LAYER * (MAX_BITS - MIN_BITS),
        }
    }

    /// Sizes the next layer for this many rows.
    pub(super) fn set_expected(&mut self, rows: u64) {
        self.next_layer = rows.clamp(self.next_layer, LARGEST_LAYER);
        self.spare_bits = SPARE_BITS;
    }

    /// The size of the next layer, in bits. A layer that is too large for the spare bits takes none: a
    /// part of them would not save the second reading.
    fn bits_of_layer(&mut self) -> u64 {
        let spare = self.next_layer * (MAX_BITS - MIN_BITS);
        let spare = if spare > self.spare_bits { 0 } else { spare };
        self.spare_bits -= spare;
        self.next_layer * MIN_BITS + spare
    }

    /// Inserts a membership. True: it may have been inserted before. False: it has not.
    pub(super) fn check_and_insert(&mut self, fingerprint: Fingerprint) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "half of the fingerprint is enough here"
        )]
        let hash = fingerprint as u64;
        if self.room_left == 0 {
            let bits = usize::try_from(self.bits_of_layer()).unwrap_or(usize::MAX);
            self.layers
                .push(BloomFilter::with_num_bits(bits).hashes(HASHES));
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
    fn a_list_of_known_length_has_hardly_a_false_positive_and_a_long_one_no_larger_filter() {
        let hasher = FingerprintHasher::new([7; 16]);
        let mut filter = DuplicateFilter::new(None);
        let mut suspected = 0;
        for n in 0..300_000_u32 {
            if n == 2_000 {
                filter.set_expected(400_000);
            }
            let fingerprint = hasher.hash(&["channel", &n.to_string()]);
            suspected += usize::from(filter.check_and_insert(fingerprint));
        }
        assert!(suspected <= 1, "{suspected} wrongly suspected");
        filter.set_expected(10_000_000);
        assert_eq!(filter.bits_of_layer(), 10_000_000 * MIN_BITS);
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
