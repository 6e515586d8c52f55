//! The range in which each figure of a scenario must be.

use serde::Deserialize;

use super::figures::Figures;

/// The range of one figure.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Band {
    min: Option<f64>,
    max: Option<f64>,
}

/// The bands of a scenario. A figure without a band may have any value.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Bands {
    /// From the first call that reaches the service to the last one, over the lower bound.
    ratio: Band,
    /// Share of the calls that were throttled.
    throttled: Band,
    /// Calls over the fewest that were possible with the faults that occurred.
    calls: Band,
    /// Seconds from the end of the outage until calls are accepted at full speed.
    recovery: Band,
    /// Calls on one channel in its busiest second.
    channel_second: Band,
    /// Calls by one bearer in its busiest second.
    bearer_second: Band,
}

impl Band {
    fn is_set(self) -> bool {
        self.min.is_some() || self.max.is_some()
    }

    /// Describes how the figure is out of the band, if it is.
    fn violation(self, name: &str, figure: f64) -> Option<String> {
        let (is_below, is_above) = (
            self.min.is_some_and(|min| figure < min),
            self.max.is_some_and(|max| figure > max),
        );
        let expected = match (self.min, self.max) {
            (Some(min), _) if is_below => format!("at least {min}"),
            (_, Some(max)) if is_above => format!("at most {max}"),
            // NaN is in no band.
            _ if figure.is_nan() && self.is_set() => "a number".to_owned(),
            _ => return None,
        };
        Some(format!("{name}: {figure:.4}, and must be {expected}"))
    }
}

impl Bands {
    /// Describes every figure that is out of its band.
    #[expect(
        clippy::cast_precision_loss,
        reason = "calls in a second are far below 2^52"
    )]
    pub(super) fn violations(&self, figures: &Figures) -> Vec<String> {
        let recovery = figures.recovery.map_or(f64::NAN, |time| time.as_secs_f64());
        [
            (self.ratio, "the time over the bound", figures.ratio()),
            (
                self.throttled,
                "the share of throttled calls",
                figures.throttled_share(),
            ),
            (
                self.calls,
                "the calls over the fewest",
                figures.calls_over_fewest(),
            ),
            (
                self.recovery,
                "the seconds from the outage's end to full speed",
                recovery,
            ),
            (
                self.channel_second,
                "the calls in a channel's busiest second",
                figures.channel_second as f64,
            ),
            (
                self.bearer_second,
                "the calls in a bearer's busiest second",
                figures.bearer_second as f64,
            ),
        ]
        .into_iter()
        .filter_map(|(band, name, figure)| band.violation(name, figure))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_figure_out_of_its_band_is_described() {
        use std::time::Duration;

        use super::{Bands, Figures};
        let figures = Figures {
            bound: Duration::from_secs(100),
            arrivals: Duration::from_secs(105),
            makespan: Duration::from_secs(106),
            fewest: 90,
            fewest_with_faults: 100,
            calls: 110,
            throttled: 11,
            channel_second: 2,
            bearer_second: 11,
            recovery: None,
        };
        let violations = |bands: &str| toml::from_str::<Bands>(bands).unwrap().violations(&figures);
        let within = "ratio = { min = 1.05, max = 1.05 }\ncalls = { max = 1.1 }\n\
             throttled = { max = 0.1 }\nchannel_second = { max = 2 }\nbearer_second = { min = 11 }";
        assert_eq!(violations(within), Vec::<String>::new());
        let without = "ratio = { max = 1.04 }\nthrottled = { max = 0.02 }\ncalls = { min = 1.2 }\n\
             recovery = { max = 5 }\nchannel_second = { max = 1 }\nbearer_second = { max = 10 }";
        let found = violations(without);
        assert_eq!(found.len(), 6, "{found:?}");
        assert_eq!(
            found[0],
            "the time over the bound: 1.0500, and must be at most 1.04"
        );
        assert_eq!(
            found[2],
            "the calls over the fewest: 1.1000, and must be at least 1.2"
        );
    }
}
