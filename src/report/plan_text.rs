//! A plan as text, for a terminal of 80 columns.

use std::fmt;

use super::Plan;
use super::format::{binding_text, count, rate, time, wrap};
use super::plan::{PlannedChannel, capacity};
use crate::ledger::DefectKind;
use crate::model::escape_control;
use crate::schedule::Binding;

/// At most this many channels and kinds of defects are listed; JSON lists more.
const MAX_NAMED: usize = 10;
/// Characters of a channel's id that fit beside its counts.
const MAX_CHANNEL: usize = 55;
/// Characters that fit beside a count.
const MAX_NOTE: usize = 47;
/// Less time than this, in seconds, is not shown.
const NEGLIGIBLE: f64 = 0.05;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = match &self.channels_now {
            None => "no call was made",
            Some(_) => "channels were read, nobody was added",
        };
        wrap(f, &format!("plan for {}: {calls}", self.list), 2)?;
        self.rows(f)?;
        for line in self.notes.lines() {
            wrap(f, &format!("  note: {line}"), 8)?;
        }
        self.effort(f)?;
        writeln!(f)?;
        wrap(f, &self.limits_text(), 0)?;
        if let Some(quotas) = &self.quotas {
            wrap(f, &format!("Quotas of the account: {quotas}."), 0)?;
        }
        self.app_instances(f)?;
        match &self.channels_now {
            None => self.over_capacity(f)?,
            Some(now) => now.fmt(f)?,
        }
        self.channels(f)?;
        self.defects(f)
    }
}

impl Plan {
    /// The counts of rows.
    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(shard) = self.shard {
            line(f, "shard", shard, "")?;
        }
        line(f, "rows read", self.rows_read, "")?;
        if self.elsewhere > 0 {
            line(f, "elsewhere", self.elsewhere, "(rows of other shards)")?;
        }
        let to = format!("to add, to {}", count(self.channels, "channel"));
        line(f, "members", self.members, &to)?;
        if self.duplicate > 0 {
            line(f, "duplicate", self.duplicate, &self.repeats())?;
        }
        if self.invalid > 0 {
            let kinds = format!("of {}, see below", count(self.defect_kinds, "kind"));
            line(f, "invalid", self.invalid, &kinds)?;
        }
        if self.rows_left_out > 0 {
            line(f, "left out", self.rows_left_out, "(by --where)")?;
        }
        Ok(())
    }

    /// The first duplicates, as many as fit beside their count.
    fn repeats(&self) -> String {
        let mut text = String::new();
        for repeat in &self.duplicate_examples {
            let comma = if text.is_empty() { "" } else { ", " };
            let next = format!("{comma}row {} of row {}", repeat.row, repeat.of_row);
            if text.len() + next.len() > MAX_NOTE {
                break;
            }
            text.push_str(&next);
        }
        text
    }

    /// The calls and the time.
    fn effort(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = count(self.limits.members_per_call.into(), "member");
        line(f, "calls", self.calls, &format!("of up to {full}"))?;
        line(f, "least time", time(self.seconds), &self.reason())?;
        let saved = self.seconds - self.seconds_with_one_more_bearer;
        let saved = if saved < NEGLIGIBLE {
            "saves nothing".to_owned()
        } else {
            format!("saves {}", time(saved))
        };
        let label = format!("with {} bearers", self.bearers + 1);
        line(f, &label, time(self.seconds_with_one_more_bearer), &saved)?;
        let saved = self.seconds - self.seconds_with_single_adds;
        if saved >= NEGLIGIBLE {
            let saved = format!("saves {}, with --single-adds", time(saved));
            line(
                f,
                "single adds",
                time(self.seconds_with_single_adds),
                &saved,
            )?;
        }
        let undo = format!("{}, one member each", count(self.undo.calls, "call"));
        line(f, "to undo it", time(self.undo.seconds), &undo)?;
        if let Some(listed_first) = &self.listed_first {
            write!(f, "{listed_first}")?;
        }
        match &self.shards {
            Some(shards) => write!(f, "{shards}"),
            None => Ok(()),
        }
    }

    /// The limit that sets the time, and what would change it.
    fn reason(&self) -> String {
        let binding_text = binding_text(self.binding);
        let most = self.largest_channels.iter().map(|channel| channel.calls);
        match self.binding {
            Some(Binding::Channel) => {
                let calls = count(most.max().unwrap_or_default(), "call");
                format!("{binding_text}: {calls} on it")
            }
            _ => binding_text.to_owned(),
        }
    }

    /// The limits that the time is computed from.
    fn limits_text(&self) -> String {
        let limits = &self.limits;
        let total = limits
            .max_rate
            .map(|most| format!(", {most} in all"))
            .unwrap_or_default();
        let assumed = if self.bearer_assumed {
            " (none is given: one is assumed)"
        } else {
            ""
        };
        format!(
            "At these limits, of {}: {} on a channel, {} by a bearer{total}; {}{assumed}.",
            escape_control(&self.region, usize::MAX),
            rate(limits.channel_rate),
            limits.bearer_rate,
            count(self.bearers, "bearer"),
        )
    }

    /// The app instances, if the channels are of several.
    fn app_instances(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.app_instance_count <= 1 {
            return Ok(());
        }
        let warning = format!(
            "The channels belong to {}. Each needs a bearer of its own: split the list, and run each \
             part with --bearer. The time above is that of one run of all.",
            count(self.app_instance_count, "app instance")
        );
        writeln!(f)?;
        wrap(f, &warning, 0)?;
        writeln!(f, "\n  {:>9}  {:>7}  app instance", "members", "channels")?;
        for instance in self.app_instances.iter().take(MAX_NAMED) {
            let (members, channels) = (instance.members, instance.channels);
            let (region, id) = region_and_id(&instance.app_instance_arn);
            let id = escape_control(id, MAX_CHANNEL - 15);
            writeln!(f, "  {members:>9}  {channels:>8}  {region:14} {id}")?;
        }
        more(f, self.app_instance_count, MAX_NAMED, "app instance")
    }

    /// The channels with more members than the quota.
    fn over_capacity(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = &self.over_capacity;
        if over.channels == 0 {
            return Ok(());
        }
        let (channels, quota) = (
            count(over.channels, "channel"),
            capacity(self.quotas.as_ref()),
        );
        let warning = format!(
            "{channels} would pass {quota} members, those not counted who are in already: AWS \
             refuses more, unless the channel is elastic or the quota was raised."
        );
        writeln!(f)?;
        wrap(f, &warning, 0)?;
        for channel in &over.examples {
            self.channel(f, channel)?;
        }
        more(f, over.channels, over.examples.len(), "channel")
    }

    /// The largest channels.
    fn channels(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.largest_channels.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n  {:>9}  {:>7}  largest channels", "members", "calls")?;
        for channel in self.largest_channels.iter().take(MAX_NAMED) {
            self.channel(f, channel)?;
        }
        more(f, self.channels, MAX_NAMED, "channel")
    }

    /// A channel by its id, where that is enough: its ARN alone is wider than a terminal.
    fn channel(&self, f: &mut fmt::Formatter<'_>, channel: &PlannedChannel) -> fmt::Result {
        let arn = &channel.channel_arn;
        let (members, calls) = (channel.members, channel.calls);
        let (instance, id) = arn.split_once("/channel/").unwrap_or(("", arn));
        if self.app_instance_count > 1 {
            let id = escape_control(id, MAX_CHANNEL / 2);
            let (_, instance) = region_and_id(instance);
            let instance = escape_control(instance, MAX_CHANNEL / 2 - 4);
            return writeln!(f, "  {members:>9}  {calls:>7}  {id} of {instance}");
        }
        let id = escape_control(id, MAX_CHANNEL);
        writeln!(f, "  {members:>9}  {calls:>7}  {id}")
    }

    /// The defects of the list.
    fn defects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.defects.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n  {:>9}  defects", "rows")?;
        for kind in self.defects.iter().take(MAX_NAMED) {
            wrap(f, &of_kind(kind), 13)?;
        }
        more(f, self.defect_kinds, MAX_NAMED, "kind")
    }
}

/// Writes a count, and a note beside it.
fn line(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    value: impl fmt::Display,
    note: &str,
) -> fmt::Result {
    let text = format!("  {label:<16}{:>12}   {note}", value.to_string());
    writeln!(f, "{}", text.trim_end())
}

/// The region and the id of an app instance, from its ARN.
fn region_and_id(arn: &str) -> (&str, &str) {
    let region = arn.split(':').nth(3).unwrap_or_default();
    (region, arn.rsplit('/').next().unwrap_or_default())
}

/// A kind of defects, with its first rows.
fn of_kind(kind: &DefectKind) -> String {
    let column = if kind.column.is_empty() {
        String::new()
    } else {
        format!("column `{}`: ", kind.column)
    };
    let examples: Vec<String> = kind.examples.iter().map(ToString::to_string).collect();
    let rows = if examples.len() == 1 { "row" } else { "rows" };
    let rest = if kind.rows > kind.examples.len() as u64 {
        ", …"
    } else {
        ""
    };
    format!(
        "  {:>9}  {column}{} ({rows} {}{rest})",
        kind.rows,
        kind.reason,
        examples.join(", ")
    )
}

/// Writes how many more there are than were listed.
fn more(f: &mut fmt::Formatter<'_>, all: u64, named: usize, thing: &str) -> fmt::Result {
    match all.saturating_sub(named as u64) {
        0 => Ok(()),
        rest => writeln!(
            f,
            "             and {}",
            count(rest, &format!("more {thing}"))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OverCapacityChannel, PlannedListing, Undo};
    use super::*;
    use crate::ledger::{AppInstanceLoad, Repeat};
    use crate::model::{AccountQuotas, Limits, SkipExisting};
    use crate::roster::ListNotes;

    /// A plan with numbers larger than those of any list.
    fn huge() -> Plan {
        let many = 99_999_999_999;
        let channel = PlannedChannel {
            channel_arn: format!(
                "arn:aws:chime:r:1:app-instance/i/channel/{}",
                "c".repeat(99)
            ),
            members: 999_999_999,
            calls: 9_999_999,
        };
        let repeat = Repeat {
            row: many,
            of_row: many - 1,
        };
        Plan {
            list: "a list of a long name ".repeat(9),
            rows_read: many,
            shard: None,
            elsewhere: 0,
            shards: None,
            rows_left_out: many,
            notes: ListNotes::default(),
            app_instance_count: many,
            app_instances: vec![
                AppInstanceLoad {
                    app_instance_arn: format!("arn:aws:chime:r:1:app-instance/{}", "i".repeat(36)),
                    channels: 9_999_999,
                    members: 999_999_999,
                };
                12
            ],
            members: many,
            invalid: many,
            duplicate: many,
            channels: many,
            calls: many,
            seconds: 1e10,
            binding: Some(Binding::Channel),
            seconds_with_one_more_bearer: 1e9,
            seconds_with_single_adds: 1e9,
            largest_channels: vec![channel.clone(); 12],
            over_capacity: OverCapacityChannel {
                channels: many,
                examples: vec![channel; 3],
            },
            defect_kinds: many,
            defects: vec![
                DefectKind {
                    column: "c".repeat(40),
                    reason: "a rule that is broken, in many words ".repeat(5),
                    rows: 999_999_999,
                    examples: vec![many; 3],
                };
                12
            ],
            duplicate_examples: vec![repeat; 3],
            undo: Undo {
                calls: many,
                seconds: 1e10,
            },
            limits: Limits {
                max_rate: Some(12.345_678_9),
                ..Limits::of_region("eu-central-1")
            },
            bearers: 999,
            bearer_assumed: false,
            region: "eu-central-1".to_owned(),
            channels_now: None,
            listed_first: Some(PlannedListing {
                skip_existing: SkipExisting::Auto,
                channels: many,
                pages: many,
                pages_if_all_are_members: many,
            }),
            quotas: Some(AccountQuotas::built_in("eu-central-1")),
            quota_warnings: Vec::new(),
        }
    }

    #[test]
    fn the_largest_plan_fits_80_columns_and_counts_what_it_leaves_out() {
        let text = huge().to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(text.matches(", …)").count(), 10);
        assert!(text.contains("and 99999999996 more channels"), "{text}");
        assert!(text.contains("and 99999999989 more channels"), "{text}");
        assert!(text.contains("and 99999999989 more kinds"), "{text}");
        assert!(text.contains("12.3456789 in all; 999 bearers."), "{text}");
    }

    #[test]
    fn what_does_not_exist_is_not_mentioned() {
        let plan = Plan {
            rows_left_out: 0,
            app_instance_count: 1,
            invalid: 0,
            duplicate: 0,
            largest_channels: Vec::new(),
            over_capacity: OverCapacityChannel {
                channels: 0,
                examples: Vec::new(),
            },
            defects: Vec::new(),
            seconds_with_single_adds: huge().seconds,
            listed_first: None,
            ..huge()
        };
        let text = plan.to_string();
        for word in [
            "left out",
            "invalid",
            "duplicate",
            "would pass",
            "single adds",
            "app instance",
            "largest channels",
            "defects",
            "listed first",
        ] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}
