//! A clock for governor on tokio's time, so that the limits follow a paused clock in tests.

use std::ops::Add;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::nanos::Nanos;
use tokio::time::Instant;

/// Nanoseconds since the limits were created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TokioInstant(u64);

impl Add<Nanos> for TokioInstant {
    type Output = Self;
    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for TokioInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

/// Reads tokio's clock.
#[derive(Debug, Clone)]
pub(super) struct TokioClock {
    start: Instant,
}

impl TokioClock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Converts an instant of this clock to tokio's.
    pub(super) fn instant(&self, instant: TokioInstant) -> Instant {
        self.start + Duration::from_nanos(instant.0)
    }
}

impl Clock for TokioClock {
    type Instant = TokioInstant;
    fn now(&self) -> TokioInstant {
        TokioInstant(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
