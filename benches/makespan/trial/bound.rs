//! The lower bound of a job whose limits change over time.

use std::ops::Range;
use std::time::Duration;

/// A time in which the service accepts only a share of the calls that the limits allow: 0 in an
/// outage.
#[derive(Debug, Clone)]
pub(super) struct Slowdown {
    pub(super) share: f64,
    pub(super) during: Range<Duration>,
}

/// The time that a job takes which begins then, and would take `least` without slowdowns: the share at
/// each moment, integrated.
pub(super) fn with_slowdowns(least: Duration, begin: Duration, slowdowns: &[Slowdown]) -> Duration {
    let mut edges: Vec<Duration> = slowdowns
        .iter()
        .flat_map(|slow| [slow.during.start, slow.during.end])
        .collect();
    edges.sort_unstable();
    let (mut now, mut left) = (begin, least);
    for edge in edges {
        let part = edge.saturating_sub(now);
        let done = part.mul_f64(share_at(now, slowdowns));
        if done >= left {
            break;
        }
        (now, left) = (edge.max(now), left.saturating_sub(done));
    }
    let elapsed = now.saturating_sub(begin);
    if left.is_zero() {
        return elapsed;
    }
    elapsed + left.div_f64(share_at(now, slowdowns))
}

fn share_at(now: Duration, slowdowns: &[Slowdown]) -> f64 {
    let then = slowdowns.iter().filter(|slow| slow.during.contains(&now));
    then.map(|slow| slow.share).product()
}

#[cfg(test)]
mod tests {
    #[test]
    fn slowdowns_raise_the_lower_bound() {
        use super::{Duration, Slowdown, with_slowdowns};
        let slow = |share, from, until| Slowdown {
            share,
            during: Duration::from_secs(from)..Duration::from_secs(until),
        };
        let from = |begin, seconds, slowdowns: &[Slowdown]| {
            let [begin, least] = [begin, seconds].map(Duration::from_secs);
            with_slowdowns(least, begin, slowdowns).as_secs()
        };
        let of = |seconds, slowdowns: &[Slowdown]| from(0, seconds, slowdowns);
        assert_eq!(of(110, &[]), 110);
        assert_eq!(of(110, &[slow(0.5, 0, 110)]), 165);
        assert_eq!(of(110, &[slow(0.5, 0, 500)]), 220);
        assert_eq!(of(110, &[slow(0.0, 20, 80)]), 170);
        assert_eq!(of(10, &[slow(0.0, 20, 80)]), 10);
        assert_eq!(of(20, &[slow(0.0, 20, 80)]), 20);
        assert_eq!(of(100, &[slow(0.5, 0, 100), slow(0.0, 20, 80)]), 180);
        assert_eq!(of(0, &[slow(0.0, 0, 80)]), 0);
        assert_eq!(from(10, 110, &[slow(0.5, 0, 110)]), 160);
        assert_eq!(from(10, 20, &[slow(0.0, 2, 5), slow(0.0, 20, 80)]), 80);
        assert_eq!(from(90, 20, &[slow(0.0, 20, 80)]), 20);
    }
}
