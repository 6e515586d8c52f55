//! Listings that go on: a page can only be asked for after the page before.
//!
//! A listing takes as many round trips as it has pages, however many calls a second are allowed. A bearer
//! whose calls of a second are all made at once, for other questions, has none left for the next page
//! until the second is over. So a question that may come later takes no slot for which a page would wait.

use std::collections::BTreeMap;
use std::time::Duration;

use super::PendingRow;

/// What each round trip counts for in their mean.
const WEIGHT: f64 = 0.2;
/// A page may be this share of a round trip late. With less, slots are left for pages that then come a
/// little later.
const LATE: f64 = 0.25;

/// The pages that were asked for and are not answered yet, first pages apart.
#[derive(Debug, Default)]
pub(super) struct PagesInFlight {
    /// By row: when it was sent.
    asked: BTreeMap<u64, Duration>,
    /// From one page to the next.
    round_trip: Option<Duration>,
}

impl PagesInFlight {
    /// Whether no page is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// A call with these rows is made.
    pub(super) fn on_sent(&mut self, rows: &[PendingRow], now: Duration) {
        for pending in rows.iter().filter(|pending| pending.pages > 0) {
            self.asked.insert(pending.row, now);
        }
    }

    /// A call with these rows is no longer in flight.
    pub(super) fn on_ended(&mut self, rows: &[PendingRow]) {
        for pending in rows.iter().filter(|pending| pending.pages > 0) {
            self.asked.remove(&pending.row);
        }
    }

    /// A page came, after this time.
    pub(super) fn went_on(&mut self, after: Duration) {
        let mean = |before: Duration| before.mul_f64(1.0 - WEIGHT) + after.mul_f64(WEIGHT);
        self.round_trip = Some(self.round_trip.map_or(after, mean));
    }

    /// Until when the first of these slots, which is there now, is left to the next pages, unless
    /// something happens before; `None` if no page is later for its being taken. A slot that is taken is
    /// there again after `window`.
    pub(super) fn reserved_until(
        &self,
        now: Duration,
        slots: &[Duration],
        window: Duration,
    ) -> Option<Duration> {
        let round_trip = self.round_trip.filter(|time| !time.is_zero())?;
        // An answer that is late may be lost.
        let late = |sent_at: &Duration| *sent_at + round_trip * 2;
        let expected = self.asked.values().filter(|sent_at| late(sent_at) > now);
        let count = slots.len().saturating_sub(1);
        let pages = 1..=u32::try_from(count).unwrap_or(u32::MAX);
        let mut needs: Vec<Duration> = expected
            .clone()
            .flat_map(|sent_at| pages.clone().map(move |page| *sent_at + round_trip * page))
            .collect();
        needs.retain(|need| *need < now + window);
        needs.sort_unstable();
        let pairs = slots.iter().zip(slots.iter().skip(1));
        let mut needs = needs.iter().zip(pairs);
        let late_by = round_trip.mul_f64(LATE);
        let is_delayed = needs.any(|(need, (slot, next))| *next > *slot.max(need) + late_by);
        let freed = slots.iter().copied().find(|slot| *slot > now);
        let until = expected.map(late).chain(freed).min();
        until.filter(|_| is_delayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Whether a slot of now is reserved, where one page is on its way and answers take 150 ms: slots
    /// in milliseconds from now.
    fn reserved(sent_at: u32, now: u32, slots: &[u32]) -> Option<Duration> {
        let mut pages = PagesInFlight::default();
        pages.went_on(MS * 150);
        let pending = PendingRow {
            pages: 1,
            ..PendingRow::fresh(1)
        };
        pages.on_sent(&[pending], MS * sent_at);
        let slots: Vec<Duration> = slots.iter().map(|slot| MS * *slot).collect();
        let until = pages.reserved_until(MS * now, &slots, MS * 1_000);
        pages.on_ended(&[pending]);
        assert_eq!(pages.reserved_until(MS * now, &slots, MS * 1_000), None);
        assert!(pages.is_empty());
        until
    }

    #[test]
    fn a_slot_is_reserved_if_a_page_would_wait_for_the_next() {
        // The page comes at 150 ms, and the next slot only at 1 s.
        assert_eq!(reserved(0, 0, &[0, 1_000]), Some(MS * 300));
        assert_eq!(reserved(0, 0, &[0, 185]), None);
        assert_eq!(reserved(0, 0, &[0, 190]), Some(MS * 190));
        // Two are there now: one is enough until 150 ms, and for the page after that there is another.
        assert_eq!(reserved(0, 0, &[0, 0, 200]), None);
        assert_eq!(reserved(0, 0, &[0, 0, 200, 1_000]), Some(MS * 200));
        // From 1 s on, the slot that is taken now is there again.
        assert_eq!(
            reserved(0, 0, &[0, 0, 150, 300, 450, 600, 750, 900, 9_000]),
            None
        );
    }

    #[test]
    fn nothing_is_reserved_for_an_answer_that_is_late() {
        assert_eq!(reserved(0, 299, &[299, 1_000]), Some(MS * 300));
        assert_eq!(reserved(0, 300, &[300, 1_000]), None);
    }

    #[test]
    fn first_pages_reserve_nothing() {
        let mut pages = PagesInFlight::default();
        pages.went_on(MS * 150);
        pages.on_sent(&[PendingRow::fresh(1)], MS);
        assert!(pages.is_empty());
    }
}
