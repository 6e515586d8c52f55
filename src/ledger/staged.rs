//! Counts of staging.

use serde::{Deserialize, Serialize};

use super::Chunk;

/// Counts of staging.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Rows taken from the list: those of this shard, where there are several.
    pub rows_read: u64,
    /// Rows of other shards.
    #[serde(default)]
    pub elsewhere: u64,
    /// Rows left out by a filter.
    pub rows_left_out: u64,
    /// Rows found defective.
    pub invalid: u64,
    /// Rows found to repeat an earlier one.
    pub duplicate: u64,
    /// Good rows whose member is a bot.
    pub bots: u64,
    /// Rows up to this page are in the queue.
    pub queued_pages: u64,
    /// Whether the whole list is read.
    pub list_ended: bool,
    /// Whether every suspected duplicate is settled as well.
    pub complete: bool,
}

impl Staged {
    /// Counts what a chunk of the list contains.
    pub(super) fn add(&mut self, chunk: &Chunk) {
        self.rows_read += chunk.rows_read();
        self.elsewhere += chunk.elsewhere;
        self.rows_left_out += chunk.left_out;
        self.invalid += chunk.defects.len() as u64;
        self.bots += chunk.bots;
    }
}
