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
const MOST_KEPT: usize = 8 << 20;

/// Open pages, the one opened first at the front.
#[derive(Debug, Default)]
pub(super) struct Pages {
    open: HashMap<u64, Page>,
    order: VecDeque<u64>,
    size: usize,
}

impl Pages {
    /// A page of the list, read if it is not open.
    pub(super) fn open(&mut self, ledger: &LedgerReader, id: u64) -> Result<&Page, LedgerError> {
        let damaged = || ledger.damaged(format!("page {id}"));
        if !self.open.contains_key(&id) {
            let page = Page::new(ledger.page(id)?).ok_or_else(damaged)?;
            self.keep(id, page);
        }
        self.open.get(&id).ok_or_else(damaged)
    }

    /// Keeps one page more, and closes the oldest beyond what may be kept.
    fn keep(&mut self, id: u64, page: Page) {
        self.size += page.size();
        self.order.push_back(id);
        self.open.insert(id, page);
        while self.size > MOST_KEPT
            && self.order.len() > 1
            && let Some(oldest) = self.order.pop_front()
        {
            self.size -= self.open.remove(&oldest).map_or(0, |page| page.size());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_may_be() {
        let mut pages = Pages::default();
        let text = format!("[[\"{}\"]]", "a".repeat(1 << 20));
        for id in 0..40 {
            pages.keep(id, Page::new(text.clone()).unwrap());
            assert!(pages.open.contains_key(&id));
            assert!(pages.size <= MOST_KEPT);
        }
        assert_eq!(pages.open.len(), MOST_KEPT / (text.len() + 16));
        assert_eq!(pages.order.len(), pages.open.len());
    }
}
