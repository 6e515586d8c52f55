//! The busiest second, over a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

/// The window's width. Calls exactly this far apart are not in one window.
const WIDTH: Duration = Duration::from_secs(1);
/// So many moments are kept apart, whatever lies between them.
const MAX_EXACT: usize = 256;
/// Beyond [`MAX_EXACT`], calls this close together are taken for simultaneous.
const RESOLUTION: Duration = Duration::from_millis(1);

/// Counts the calls of the busiest second: exactly up to 256 calls a second, and beyond that to a
/// millisecond, so that memory is bounded however fast calls come.
#[derive(Debug, Default)]
pub(super) struct RateWindow {
    moments: VecDeque<(Duration, u64)>,
    within: u64,
    peak: u64,
}

impl RateWindow {
    /// Counts a call at this time, which is no earlier than the one before.
    pub(super) fn count(&mut self, now: Duration) {
        while let Some((_, calls)) = self.moments.pop_front_if(|(at, _)| *at + WIDTH <= now) {
            self.within -= calls;
        }
        let crowded = self.moments.len() >= MAX_EXACT;
        match self.moments.back_mut() {
            Some((at, calls)) if *at == now || (crowded && now < *at + RESOLUTION) => *calls += 1,
            _ => self.moments.push_back((now, 1)),
        }
        self.within += 1;
        self.peak = self.peak.max(self.within);
    }

    /// Calls in the busiest second so far.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(at_ms: impl IntoIterator<Item = u64>) -> u64 {
        let mut window = RateWindow::default();
        for ms in at_ms {
            window.count(Duration::from_millis(ms));
        }
        window.peak()
    }

    #[test]
    fn a_second_slides_and_is_half_open() {
        assert_eq!(peak([0, 1000, 2000]), 1);
        assert_eq!(peak([0, 999, 1998]), 2);
        assert_eq!(peak([900, 950, 1000, 1050, 1899, 3000]), 5);
    }

    #[test]
    fn a_flood_is_counted_in_bounded_memory() {
        let mut window = RateWindow::default();
        for call in 0..200_000_u64 {
            window.count(Duration::from_micros(10 * call));
        }
        assert!(window.moments.len() <= MAX_EXACT + 1000);
        assert!(
            (99_000..=101_000).contains(&window.peak()),
            "{}",
            window.peak()
        );
    }
}
