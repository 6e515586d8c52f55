//! A cache of the pages read last.
//!
//! If the channels of a list alternate, the rows of one call are in a hundred pages, and those of the
//! next calls in the same pages. Without a cache each page would be read and parsed a hundred times.
//!
//! Promises: memory is bounded. Relies on pages never being changed once they are written.

use std::collections::{HashMap, VecDeque};

use super::page::Page;
use super::schema::PAGE_ROWS;
use super::{LedgerError, LedgerReader};
use crate::model::{ChannelArn, MemberArn};
use crate::roster::Entry;

/// At most this many bytes are kept: the pages of some hundred thousand rows.
const MAX_CACHED: usize = 8 << 20;

/// Open pages, the one opened first at the front.
#[derive(Debug, Default)]
pub(super) struct PageCache {
    pages: HashMap<u64, Page>,
    order: VecDeque<u64>,
    size: usize,
}

impl PageCache {
    /// The members of these rows, all of this channel, resolved from their records.
    pub(super) fn members(
        &mut self,
        ledger: &LedgerReader,
        channel: &ChannelArn,
        rows: &[u64],
    ) -> Result<Vec<MemberArn>, LedgerError> {
        let mut members = Vec::with_capacity(rows.len());
        let mut entry = Entry::default();
        for in_page in rows.chunk_by(|a, b| (a - 1) / PAGE_ROWS == (b - 1) / PAGE_ROWS) {
            let page = self.get(ledger, (in_page[0] - 1) / PAGE_ROWS)?;
            for row in in_page {
                page.record((row - 1) % PAGE_ROWS)
                    .filter(|record| ledger.layout().resolve(record, &mut entry).is_ok())
                    .filter(|_| entry.channel_arn() == channel.as_str())
                    .ok_or_else(|| ledger.damaged(format!("row {row}")))?;
                members.push(entry.member());
            }
        }
        Ok(members)
    }

    /// The fields of a row, as they are in the list.
    pub(super) fn fields(
        &mut self,
        ledger: &LedgerReader,
        row: u64,
    ) -> Result<Vec<String>, LedgerError> {
        let page = self.get(ledger, (row - 1) / PAGE_ROWS)?;
        let record = page.record((row - 1) % PAGE_ROWS);
        let record = record.ok_or_else(|| ledger.damaged(format!("row {row}")))?;
        Ok(record.iter().map(ToString::to_string).collect())
    }

    /// A page of the list, from the cache or the ledger.
    fn get(&mut self, ledger: &LedgerReader, id: u64) -> Result<&Page, LedgerError> {
        let damaged = || ledger.damaged(format!("page {id}"));
        if !self.pages.contains_key(&id) {
            let page = Page::new(ledger.page(id)?).ok_or_else(damaged)?;
            self.insert(id, page);
        }
        self.pages.get(&id).ok_or_else(damaged)
    }

    /// Adds a page, and removes the oldest above the limit.
    fn insert(&mut self, id: u64, page: Page) {
        self.size += page.size();
        self.order.push_back(id);
        self.pages.insert(id, page);
        while self.size > MAX_CACHED
            && self.order.len() > 1
            && let Some(oldest) = self.order.pop_front()
        {
            self.size -= self.pages.remove(&oldest).map_or(0, |page| page.size());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_may_be() {
        let mut pages = PageCache::default();
        let text = format!("[[\"{}\"]]", "a".repeat(1 << 20));
        for id in 0..40 {
            pages.insert(id, Page::new(text.clone()).unwrap());
            assert!(pages.pages.contains_key(&id));
            assert!(pages.size <= MAX_CACHED);
        }
        assert_eq!(pages.pages.len(), MAX_CACHED / (text.len() + 16));
        assert_eq!(pages.order.len(), pages.pages.len());
    }
}
