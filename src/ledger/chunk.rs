//! What the stager passes to the ledger: a part of the list, read and checked.

use crate::model::{ChannelId, LaneId, MembershipType};
use crate::roster::{ListDigest, ListNotes};

/// A lane that is new in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLane {
    /// Its channel.
    pub channel: ChannelId,
    /// How its members are added.
    pub membership_type: MembershipType,
    /// For moderators of an elastic channel.
    pub sub_channel: Option<String>,
}

/// Whole pages of the list, with their rows sorted by what is done with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Number and records of each page.
    pub pages: Vec<(u64, String)>,
    /// The channel of the list's first good row, of whichever shard it is: with the chunk that has it.
    pub first_channel: Option<String>,
    /// New channels.
    pub channels: Vec<(ChannelId, String)>,
    /// New lanes.
    pub lanes: Vec<(LaneId, NewLane)>,
    /// Rows to send.
    pub rows: Vec<(LaneId, u64)>,
    /// Rows that may repeat an earlier one.
    pub suspects: Vec<(LaneId, u64)>,
    /// Rows that cannot be sent: number, column, reason.
    pub defects: Vec<(u64, String, String)>,
    /// Good rows whose member is a bot.
    pub bots: u64,
    /// Rows left out by a filter.
    pub left_out: u64,
    /// Rows of other shards.
    pub elsewhere: u64,
    /// What was found in the whole list: with its last chunk.
    pub notes: Option<ListNotes>,
    /// The digest of the whole list: with its last chunk.
    pub digest: Option<ListDigest>,
    /// Bytes of the list read so far.
    pub bytes_read: u64,
}

impl Chunk {
    /// Bytes of its pages: its memory, except for a few bytes a row.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pages.iter().map(|(_, records)| records.len()).sum()
    }

    /// Rows read, except those left out and those of other shards.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        (self.rows.len() + self.suspects.len() + self.defects.len()) as u64
    }
}
