//! How long answers took.

/// Milliseconds that are told apart; longer times count as this.
const MAX_MS: usize = 60_000;

/// Where the bars of the distribution begin, in milliseconds.
const BOUNDARIES: [usize; 26] = [
    0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000,
    3_000, 5_000, 10_000, 20_000, 30_000,
];

/// The times of all answers, to the millisecond.
#[derive(Debug)]
pub(super) struct LatencyHistogram {
    /// Answers by milliseconds.
    counts: Vec<u64>,
    answers: u64,
}

/// Answers that took from one time to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LatencyBucket {
    pub(super) from: usize,
    /// None: as long as it may be.
    pub(super) to: Option<usize>,
    pub(super) answers: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self {
            counts: vec![0; MAX_MS + 1],
            answers: 0,
        }
    }
}

impl LatencyHistogram {
    pub(super) fn add(&mut self, milliseconds: u64) {
        let index = usize::try_from(milliseconds).map_or(MAX_MS, |index| index.min(MAX_MS));
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
            self.answers += 1;
        }
    }

    pub(super) fn answers(&self) -> u64 {
        self.answers
    }

    /// The milliseconds within which that share of the answers came, in hundredths.
    pub(super) fn percentile(&self, hundredths: u64) -> usize {
        let wanted = (self.answers * hundredths).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        reached.unwrap_or_default()
    }

    /// The distribution, from the first to the last time that there is.
    pub(super) fn buckets(&self) -> Vec<LatencyBucket> {
        let ends = BOUNDARIES.iter().skip(1).copied().map(Some).chain([None]);
        let buckets: Vec<LatencyBucket> = BOUNDARIES
            .iter()
            .copied()
            .zip(ends)
            .map(|(from, to)| LatencyBucket {
                from,
                to,
                answers: self.counts[from..to.unwrap_or(MAX_MS + 1)].iter().sum(),
            })
            .collect();
        let full = |bucket: &LatencyBucket| bucket.answers > 0;
        match (
            buckets.iter().position(full),
            buckets.iter().rposition(full),
        ) {
            (Some(first), Some(last)) => buckets[first..=last].to_vec(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_in_one_band_and_percentiles_are_those_of_the_times() {
        let mut latency = LatencyHistogram::default();
        assert_eq!((latency.buckets(), latency.percentile(50)), (Vec::new(), 0));
        for milliseconds in 1..=100 {
            latency.add(milliseconds);
        }
        let percentiles = [0, 1, 50, 99, 100].map(|share| latency.percentile(share));
        assert_eq!(percentiles, [1, 1, 50, 99, 100]);
        latency.add(u64::MAX);
        let buckets = latency.buckets();
        assert_eq!(
            buckets.iter().map(|bucket| bucket.answers).sum::<u64>(),
            101
        );
        assert_eq!((buckets[0].from, buckets[0].to), (1, Some(2)));
        assert_eq!(buckets.last().unwrap().to, None);
    }
}
