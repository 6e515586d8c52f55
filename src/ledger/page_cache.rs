//! A cache of the pages read last.
//!
//! In a list whose channels alternate the rows of one call are in a hundred pages, and those of the
//! next calls in the same ones: each would be read and parsed a hundred times.
//!
//! Promises: memory is bounded. Relies on pages never being changed once they are written.

use std::collections::{HashMap, VecDeque};

use super::page::Page;
use super::{LedgerError, LedgerReader};

/// Bytes kept at most: the pages of some hundred thousand rows.
const MAX_CACHED: usize = 8 << 20;

/// Open pages, the one opened first at the front.
#[derive(Debug, Default)]
pub(super) struct PageCache {
    pages: HashMap<u64, Page>,
    order: VecDeque<u64>,
    size: usize,
}

impl PageCache {
    /// A page of the list, read if it is not open.
    pub(super) fn get(&mut self, ledger: &LedgerReader, id: u64) -> Result<&Page, LedgerError> {
        let damaged = || ledger.damaged(format!("page {id}"));
        if !self.pages.contains_key(&id) {
            let page = Page::new(ledger.page(id)?).ok_or_else(damaged)?;
            self.insert(id, page);
        }
        self.pages.get(&id).ok_or_else(damaged)
    }

    /// Keeps one page more, and closes the oldest beyond what may be kept.
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
