//! What the figures of a scenario must be.

use serde::Deserialize;

use super::figures::Figures;

/// What one figure must be.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Band {
    min: Option<f64>,
    max: Option<f64>,
}

/// What the figures must be; a figure without a band may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Bands {
    /// Makespan over the bound.
    ratio: Band,
    /// Calls answered 429, of all calls.
    refused: Band,
    /// Calls over the fewest that could do, faults considered.
    calls: Band,
    /// Seconds from the outage's end until calls are accepted at full speed.
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

    /// What is wrong with the figure, if anything.
    fn broken(self, name: &str, figure: f64) -> Option<String> {
        let (is_below, is_above) = (
            self.min.is_some_and(|min| figure < min),
            self.max.is_some_and(|max| figure > max),
        );
        let wanted = match (self.min, self.max) {
            (Some(min), _) if is_below => format!("at least {min}"),
            (_, Some(max)) if is_above => format!("at most {max}"),
            // A figure that is no number fits no band.
            _ if figure.is_nan() && self.is_set() => "a number".to_owned(),
            _ => return None,
        };
        Some(format!("{name}: {figure:.4}, and must be {wanted}"))
    }
}

impl Bands {
    /// Every band that the figures are out of, in a sentence each.
    #[expect(
        clippy::cast_precision_loss,
        reason = "calls in a second are far below 2^52"
    )]
    pub(super) fn broken(&self, figures: &Figures) -> Vec<String> {
        let recovery = figures.recovery.map_or(f64::NAN, |time| time.as_secs_f64());
        [
            (self.ratio, "the makespan over the bound", figures.ratio()),
            (
                self.refused,
                "the share of refused calls",
                figures.refused(),
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
        .filter_map(|(band, name, figure)| band.broken(name, figure))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_broken_band_is_told() {
        use std::time::Duration;

        use super::{Bands, Figures};
        let figures = Figures {
            bound: Duration::from_secs(100),
            makespan: Duration::from_secs(105),
            least: 90,
            needful: 100,
            calls: 110,
            throttled: 11,
            channel_second: 2,
            bearer_second: 11,
            recovery: None,
        };
        let broken = |bands: &str| toml::from_str::<Bands>(bands).unwrap().broken(&figures);
        let within = "ratio = { min = 1.05, max = 1.05 }\ncalls = { max = 1.1 }\n\
             refused = { max = 0.1 }\nchannel_second = { max = 2 }\nbearer_second = { min = 11 }";
        assert_eq!(broken(within), Vec::<String>::new());
        let without = "ratio = { max = 1.04 }\nrefused = { max = 0.02 }\ncalls = { min = 1.2 }\n\
             recovery = { max = 5 }\nchannel_second = { max = 1 }\nbearer_second = { max = 10 }";
        let told = broken(without);
        assert_eq!(told.len(), 6, "{told:?}");
        assert_eq!(
            told[0],
            "the makespan over the bound: 1.0500, and must be at most 1.04"
        );
        assert_eq!(
            told[2],
            "the calls over the fewest: 1.1000, and must be at least 1.2"
        );
    }
}
