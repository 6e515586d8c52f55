//! Shards: the parts of a job that several processes, perhaps on several machines, work on at once.
//!
//! A shard has whole channels, so that batches stay full and one process keeps a channel's rate. Which
//! shard a channel belongs to is a published function of its ARN alone.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

use super::{BearerPool, Limits};

/// The name of the function from a channel's ARN to its shard: the XXH64 of the ARN's bytes with seed 0,
/// modulo the number of shards. A ledger with another name is of a version that shards differently.
const HASH: &str = "xxh64-1";

/// One shard of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "StoredShard", into = "StoredShard")]
pub struct Shard {
    /// From 0.
    index: u32,
    count: u32,
}

/// One shard of a job.
#[derive(Serialize, Deserialize, JsonSchema)]
struct StoredShard {
    /// Its number, from 1.
    index: u32,
    /// How many there are.
    count: u32,
    /// The function from a channel's ARN to its shard.
    hash: String,
}

/// A shard that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// There may be 1 to [`Shard::MAX`] shards.
    #[error("{0} shards: there may be 1 to {max}", max = Shard::MAX)]
    Count(u32),
    /// Shards are numbered from 1 to their number.
    #[error("shard {number} of {count}: shards are numbered from 1 to {count}")]
    Number {
        /// The number that was given.
        number: u32,
        /// How many shards there are.
        count: u32,
    },
    /// The text does not have the form I/N.
    #[error("`{0}` does not have the form I/N, such as 1/4")]
    Form(String),
    /// The channels of a stored shard were chosen by another function.
    #[error("its channels were assigned by `{0}`, and this version assigns them by `{HASH}`")]
    Hash(String),
}

impl Shard {
    /// The most shards of a job: that many children an array job of AWS Batch may have (AWS Batch User
    /// Guide, "Array jobs").
    pub const MAX: u32 = 10_000;

    /// The shard with this number, counted from 1, of so many.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(number: u32, count: u32) -> Result<Self, ShardError> {
        if !(1..=Self::MAX).contains(&count) {
            return Err(ShardError::Count(count));
        }
        match number.checked_sub(1) {
            Some(index) if index < count => Ok(Self { index, count }),
            _ => Err(ShardError::Number { number, count }),
        }
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.index + 1
    }

    /// How many shards the job has.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// The shard of a channel, where there are so many.
    #[must_use]
    pub fn of_channel(channel_arn: &str, count: u32) -> Self {
        let count = count.max(1);
        #[expect(clippy::cast_possible_truncation, reason = "less than `count`")]
        let index = (xxh64(channel_arn.as_bytes(), 0) % u64::from(count)) as u32;
        Self { index, count }
    }

    /// Whether the members of this channel are its to add.
    #[must_use]
    pub fn has_channel(self, channel_arn: &str) -> bool {
        Self::of_channel(channel_arn, self.count) == self
    }

    /// Whether this row is its to report, if the row is defective: its channel may be unreadable, and one
    /// shard must report it.
    #[must_use]
    pub fn has_defective_row(self, row: u64) -> bool {
        row.wrapping_sub(1) % u64::from(self.count) == u64::from(self.index)
    }

    /// Its bearers, and its share of the limits. With at least as many bearers as shards, each bearer
    /// belongs to one shard; otherwise all shards share all of them.
    #[must_use]
    pub fn bearers(self, pool: &BearerPool) -> (BearerPool, LimitShare) {
        let share = self.share_of(pool.len()).1;
        let own = match share.processes_per_bearer() {
            1 => pool.every_nth(self.index as usize, self.count as usize),
            _ => pool.clone(),
        };
        (own, share)
    }

    /// How many bearers of a pool of so many it has, and its share of the limits.
    #[must_use]
    pub fn share_of(self, bearers: usize) -> (usize, LimitShare) {
        let (index, count) = (self.index as usize, self.count as usize);
        let is_shared = bearers < count;
        let share = LimitShare {
            bearers: if is_shared { self.count } else { 1 },
            total: self.count,
        };
        let own = if is_shared {
            bearers
        } else {
            (bearers - index).div_ceil(count)
        };
        (own, share)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number(), self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain)
        };
        text.split_once('/')
            .and_then(|(index, count)| Some((number(index)?, number(count)?)))
            .ok_or_else(|| ShardError::Form(text.to_owned()))
            .and_then(|(index, count)| Self::new(index, count))
    }
}

impl From<Shard> for StoredShard {
    fn from(shard: Shard) -> Self {
        Self {
            index: shard.number(),
            count: shard.count,
            hash: HASH.to_owned(),
        }
    }
}

impl TryFrom<StoredShard> for Shard {
    type Error = ShardError;
    fn try_from(stored: StoredShard) -> Result<Self, ShardError> {
        if stored.hash != HASH {
            return Err(ShardError::Hash(stored.hash));
        }
        Self::new(stored.index, stored.count)
    }
}

/// The share of a job's limits that one process has: the divisors of its rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitShare {
    /// How many processes share each bearer.
    bearers: u32,
    /// How many processes share the total rate.
    total: u32,
}

impl Default for LimitShare {
    /// All of them.
    fn default() -> Self {
        Self {
            bearers: 1,
            total: 1,
        }
    }
}

impl LimitShare {
    /// How many processes share each bearer.
    #[must_use]
    pub fn processes_per_bearer(self) -> u32 {
        self.bearers.max(1)
    }

    /// The limits of one process, from those of the job.
    #[must_use]
    pub fn of(self, limits: Limits) -> Limits {
        Limits {
            bearer_rate: limits.bearer_rate / f64::from(self.bearers.max(1)),
            max_rate: (limits.max_rate).map(|rate| rate / f64::from(self.total.max(1))),
            ..limits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemberArn;

    const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

    #[test]
    fn a_channel_belongs_to_the_published_shard() {
        // XXH64 with seed 0, as the reference implementation computes it (`xxhsum -H1`).
        assert_eq!(xxh64(b"", 0), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxh64(b"abc", 0), 0x44BC_2CF5_AD77_0999);
        let vectors = [
            ("channel/c", [1, 1, 3_577]),
            ("channel/general", [1, 1, 545]),
            ("channel/0000", [2, 4, 1_520]),
        ];
        for (channel, [of_two, of_four, of_ten_thousand]) in vectors {
            let arn = format!("{INSTANCE}/{channel}");
            let number = |count| Shard::of_channel(&arn, count).number();
            assert_eq!(
                [2, 4, 10_000].map(number),
                [of_two, of_four, of_ten_thousand],
                "{arn}"
            );
        }
    }

    #[test]
    fn each_channel_and_each_defective_row_has_one_shard() {
        for count in [1, 2, 3, 7, 64] {
            let shards: Vec<Shard> = (1..=count)
                .map(|number| Shard::new(number, count).unwrap())
                .collect();
            for n in 0..1_000_u64 {
                let arn = format!("{INSTANCE}/channel/{n}");
                let of_channel = shards.iter().filter(|shard| shard.has_channel(&arn));
                let of_row = shards.iter().filter(|shard| shard.has_defective_row(n + 1));
                assert_eq!((of_channel.count(), of_row.count()), (1, 1));
            }
        }
    }

    #[test]
    fn a_shard_is_written_as_its_number_and_theirs() {
        let shard: Shard = "3/4".parse().unwrap();
        assert_eq!((shard.number(), shard.count()), (3, 4));
        assert_eq!(shard.to_string(), "3/4");
        for text in [
            "", "3", "0/4", "5/4", "1/0", "1/10001", "+1/4", "1/4/2", "a/b", "1 / 4",
        ] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        let stored = serde_json::to_string(&shard).unwrap();
        assert_eq!(stored, r#"{"index":3,"count":4,"hash":"xxh64-1"}"#);
        assert_eq!(serde_json::from_str::<Shard>(&stored).unwrap(), shard);
        let other = stored.replace("xxh64-1", "crc-1");
        let error = serde_json::from_str::<Shard>(&other)
            .unwrap_err()
            .to_string();
        assert!(error.contains("`crc-1`"), "{error}");
    }

    #[test]
    fn every_bearer_belongs_to_one_shard_or_all_are_shared() {
        let bearers = (0..5).map(|n| MemberArn::parse(&format!("{INSTANCE}/user/{n}")).unwrap());
        let pool = BearerPool::new(bearers).unwrap();
        let of = |text: &str| text.parse::<Shard>().unwrap().bearers(&pool);
        let names = |pool: &BearerPool| {
            let names = pool.as_slice().iter();
            let names = names.map(|arn| arn.to_string().pop().unwrap());
            names.collect::<String>()
        };
        // Bearer j, from 0, belongs to shard 1 + (j mod N).
        assert_eq!(names(&of("1/2").0), "024");
        assert_eq!(names(&of("2/2").0), "13");
        assert_eq!(names(&of("5/5").0), "4");
        assert_eq!(names(&of("6/6").0), "01234");
        let limits = Limits {
            max_rate: Some(30.0),
            ..Limits::of_region("us-east-1")
        };
        let rates = |text: &str| {
            let limits = of(text).1.of(limits);
            (limits.bearer_rate, limits.max_rate)
        };
        assert_eq!(rates("2/2"), (10.0, Some(15.0)));
        assert_eq!(rates("1/10"), (1.0, Some(3.0)));
    }
}
