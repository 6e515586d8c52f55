//! Reads the list into chunks: the part of staging that computes and does not store, so that it can
//! run on a thread of its own.

use std::collections::HashMap;

use super::chunk::{Chunk, NewLane};
use super::duplicate_filter::{DuplicateFilter, Fingerprint, FingerprintHasher};
use super::schema::PAGE_ROWS;
use crate::model::{ChannelId, LaneId, MembershipType, Shard};
use crate::roster::{Entry, RemoteIdentity, Roster, RosterError, Row, RowKind};

/// Pages in one chunk: some thousand rows, enough to make handing over cheap.
const CHUNK_PAGES: usize = 32;
/// Bytes after which a chunk takes no more pages, several times what [`CHUNK_PAGES`] of usual rows
/// take: the memory for a list is bounded by bytes, not by rows.
///
/// On resume the list must come in the same chunks as before: with this changed, the ledgers of
/// runs that are not read to their end cannot be resumed.
const CHUNK_SIZE: usize = 1024 * 1024;
/// Bytes reserved for a page before its rows are read, at most.
const PAGE_RESERVE: usize = 64 * 1024;

/// A list on its way into the ledger.
pub struct Stager {
    roster: Roster,
    shard: Option<Shard>,
    row: Row,
    hasher: FingerprintHasher,
    filter: DuplicateFilter,
    lanes: Lanes,
    page: Vec<u8>,
    chunk: Chunk,
    /// Bytes of the chunk's pages.
    chunk_size: usize,
    rows: u64,
    /// Rows of other shards among them.
    elsewhere: u64,
    /// Whether a good row was read.
    has_channel: bool,
    ended: bool,
}

impl Stager {
    /// A stager of this list, with the ledger's key.
    #[must_use]
    pub fn new(roster: Roster, key: [u8; 16]) -> Self {
        Self {
            roster,
            shard: None,
            row: Row::default(),
            hasher: FingerprintHasher::new(key),
            filter: DuplicateFilter::new(None),
            lanes: Lanes::default(),
            page: Vec::new(),
            chunk: Chunk::default(),
            chunk_size: 0,
            rows: 0,
            elsewhere: 0,
            has_channel: false,
            ended: false,
        }
    }

    /// Takes only the rows of this shard, if there is one. Those of others are counted.
    #[must_use]
    pub fn of_shard(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// The list's raw size in bytes, if known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.roster.size()
    }

    /// What the list is, if it is remote.
    #[must_use]
    pub fn identity(&self) -> Option<&RemoteIdentity> {
        self.roster.identity()
    }

    /// The next chunk of the list; none at its end.
    ///
    /// # Errors
    /// If the list cannot be read on.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, RosterError> {
        let is_first = self.rows == 0;
        while !self.ended && self.chunk.pages.len() < CHUNK_PAGES && self.chunk_size < CHUNK_SIZE {
            if self.roster.read(&mut self.row)? {
                self.stage_row();
            } else {
                self.ended = true;
                self.end_page();
                self.chunk.notes = Some(self.roster.notes());
                self.chunk.digest = Some(self.roster.digest());
            }
        }
        if self.chunk.pages.is_empty() && self.chunk.notes.is_none() {
            return Ok(None);
        }
        if is_first && !self.ended {
            self.size_filter();
        }
        self.chunk.bytes_read = self.roster.bytes_read();
        self.chunk_size = 0;
        Ok(Some(std::mem::take(&mut self.chunk)))
    }

    /// Estimates the list's length from its size after the first chunk, and sizes the filter for it.
    /// The filter keeps its entries. The estimate is low by what is read ahead of the rows, so a part
    /// is added: the layer of a filter that is a little too small would be twice as large again.
    fn size_filter(&mut self) {
        let read = self.roster.bytes_read().max(1);
        if let Some(size) = self.roster.size() {
            let own = self.rows - self.elsewhere;
            let rows = own.saturating_mul(size / read + 1);
            self.filter.set_expected(rows.saturating_add(rows / 4));
        }
    }

    fn stage_row(&mut self) {
        self.rows += 1;
        let number = self.row.number();
        if let RowKind::Take(entry) = self.row.kind()
            && !self.has_channel
        {
            self.has_channel = true;
            self.chunk.first_channel = Some(entry.channel_arn().to_owned());
        }
        self.page
            .push(if self.page.is_empty() { b'[' } else { b',' });
        match self.row.kind() {
            RowKind::LeftOut => {
                self.page.extend_from_slice(b"null");
                self.chunk.left_out += 1;
            }
            kind if is_elsewhere(self.shard, number, &kind) => {
                self.page.extend_from_slice(b"null");
                self.chunk.elsewhere += 1;
                self.elsewhere += 1;
            }
            kind => {
                write_record(&mut self.page, self.row.fields());
                match kind {
                    RowKind::Defect(defect) => {
                        self.chunk.defects.push((
                            number,
                            defect.column.clone(),
                            defect.reason.clone(),
                        ));
                    }
                    RowKind::Take(entry) => {
                        self.chunk.bots += u64::from(entry.is_bot());
                        let membership = membership_fingerprint(&self.hasher, entry);
                        let lane = self.lanes.number(&self.hasher, entry, &mut self.chunk);
                        let seen = self.filter.check_and_insert(membership);
                        let rows = if seen {
                            &mut self.chunk.suspects
                        } else {
                            &mut self.chunk.rows
                        };
                        rows.push((lane, number));
                    }
                    RowKind::LeftOut => {}
                }
            }
        }
        if number.is_multiple_of(PAGE_ROWS) {
            self.end_page();
        }
    }

    fn end_page(&mut self) {
        if self.page.is_empty() {
            return;
        }
        self.page.push(b']');
        // Most pages are about as long as this one.
        let next = (self.page.len() + self.page.len() / 8).min(PAGE_RESERVE);
        let page = std::mem::replace(&mut self.page, Vec::with_capacity(next));
        let mut records = String::from_utf8(page)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        if records.len() > PAGE_RESERVE {
            // It grew by doubling.
            records.shrink_to_fit();
        }
        self.chunk_size += records.len();
        self.chunk
            .pages
            .push(((self.row.number() - 1) / PAGE_ROWS, records));
    }
}

/// Whether a row is of another shard than this one.
fn is_elsewhere(shard: Option<Shard>, row: u64, kind: &RowKind<'_>) -> bool {
    let Some(shard) = shard else {
        return false;
    };
    !match kind {
        RowKind::Take(entry) => shard.has_channel(entry.channel_arn()),
        RowKind::Defect(_) => shard.has_defective_row(row),
        RowKind::LeftOut => true,
    }
}

/// What makes two rows the same membership: channel, sub-channel and member. The type does not: a
/// member cannot be in a channel in two ways.
pub(super) fn membership_fingerprint(hasher: &FingerprintHasher, entry: &Entry) -> Fingerprint {
    // Members are of the channel's app instance: what follows its ARN distinguishes them.
    hasher.hash(&[
        entry.channel_arn(),
        entry.sub_channel().unwrap_or_default(),
        &entry.member_arn()[entry.app_instance().len()..],
    ])
}

/// A fingerprint as a key: unaligned, it takes 20 bytes of an entry's table with a number, not 32.
type Key = [u8; 16];

/// The numbers given to channels and lanes so far.
#[derive(Debug, Default)]
struct Lanes {
    channels: HashMap<Key, ChannelId>,
    numbers: HashMap<Key, LaneId>,
    /// The lane of the row before: channel, type, sub-channel, number.
    last: Option<(String, MembershipType, Option<String>, LaneId)>,
}

impl Lanes {
    /// The number of the entry's lane; a new lane, and a new channel, are added to the chunk.
    fn number(&mut self, hasher: &FingerprintHasher, entry: &Entry, chunk: &mut Chunk) -> LaneId {
        let (channel_arn, membership_type) = (entry.channel_arn(), entry.membership_type());
        let sub_channel = entry.sub_channel();
        if let Some((last_channel, last_type, last_sub, lane)) = &self.last
            && last_channel == channel_arn
            && *last_type == membership_type
            && last_sub.as_deref() == sub_channel
        {
            return *lane;
        }
        let fingerprint = hasher.hash(&[
            channel_arn,
            membership_type.as_str(),
            sub_channel.unwrap_or_default(),
        ]);
        let fingerprint = fingerprint.to_ne_bytes();
        let lane = self.numbers.get(&fingerprint).copied().unwrap_or_else(|| {
            let next = ChannelId(u32::try_from(self.channels.len()).unwrap_or(u32::MAX));
            let channel = *self
                .channels
                .entry(hasher.hash(&[channel_arn]).to_ne_bytes())
                .or_insert_with(|| {
                    chunk.channels.push((next, channel_arn.to_owned()));
                    next
                });
            let lane = LaneId(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
            chunk.lanes.push((
                lane,
                NewLane {
                    channel,
                    membership_type,
                    sub_channel: sub_channel.map(str::to_owned),
                },
            ));
            self.numbers.insert(fingerprint, lane);
            lane
        });
        let (last_channel, last_type, last_sub, last_lane) = self
            .last
            .get_or_insert_with(|| (String::new(), membership_type, None, lane));
        last_channel.clear();
        last_channel.push_str(channel_arn);
        *last_type = membership_type;
        *last_sub = sub_channel.map(str::to_owned);
        *last_lane = lane;
        lane
    }
}

/// Writes a record as a JSON array.
fn write_record<'a>(page: &mut Vec<u8>, fields: impl Iterator<Item = &'a str>) {
    page.push(b'[');
    for (index, field) in fields.enumerate() {
        if index > 0 {
            page.push(b',');
        }
        // Writing a string to memory cannot fail.
        let _ = serde_json::to_writer(&mut *page, field);
    }
    page.push(b']');
}
