//! The lists of `samples/`, with the counts of their README.

use std::collections::HashSet;
use std::path::Path;

use super::*;

const HOME: &str =
    "arn:aws:chime:us-east-1:123456789012:app-instance/5f7c1a9e-0c1d-4b8e-9a52-6d0e3b7f2c41";

/// A sample's rows by what becomes of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    take: usize,
    duplicate: usize,
    defect: usize,
    left_out: usize,
    channels: usize,
}

fn sample(name: &str, options: &Options) -> Roster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name);
    Roster::open(&Source::File(path), options).unwrap()
}

fn count(roster: &mut Roster) -> Counts {
    let mut counts = Counts::default();
    let (mut channels, mut members) = (HashSet::new(), HashSet::new());
    let mut row = Row::new();
    while roster.read(&mut row).unwrap() {
        match row.kind() {
            RowKind::Take(entry) => {
                channels.insert(entry.channel_arn().to_owned());
                let pair = (
                    entry.channel_arn().to_owned(),
                    entry.member_arn().to_owned(),
                );
                if members.insert(pair) {
                    counts.take += 1;
                } else {
                    counts.duplicate += 1;
                }
            }
            RowKind::Defect(_) => counts.defect += 1,
            RowKind::LeftOut => counts.left_out += 1,
        }
    }
    counts.channels = channels.len();
    counts
}

#[test]
fn each_sample_has_the_counts_of_its_readme() {
    let general = || Options {
        channel_arn: Some(channel("general").parse().unwrap()),
        ..Options::default()
    };
    let filtered = |filters: &[&str]| Options {
        filters: filters.iter().map(|text| text.parse().unwrap()).collect(),
        ..general()
    };
    let named = |name: &str| Options {
        member_column: Some(name.to_owned()),
        ..general()
    };
    let at_home = Options {
        app_instance: Some(HOME.parse().unwrap()),
        ..Options::default()
    };
    // Name, options, then rows taken, duplicate, with a defect, left out; channels; detected.
    let cases: [(&str, Options, [usize; 5], &str); 9] = [
        (
            "ids.csv",
            general(),
            [250, 0, 0, 0, 1],
            "UTF-8, comma, header; members from `user_id`, one channel for all",
        ),
        (
            "ids.csv.gz",
            general(),
            [250, 0, 0, 0, 1],
            "gzip, UTF-8, comma, header; members from `user_id`, one channel for all",
        ),
        (
            "channels.csv",
            Options::default(),
            [3511, 0, 0, 0, 48],
            "UTF-8, comma, header; members from `user_id`, channels from `channel_arn`",
        ),
        (
            "slack-members.csv",
            filtered(&["status!=Deactivated", "status!=Bot"]),
            [68, 0, 0, 12, 1],
            "UTF-8, comma, header; members from `userid`, one channel for all",
        ),
        (
            "cognito-users.csv",
            general(),
            [64, 0, 0, 0, 1],
            "UTF-8, comma, header; members from `cognito:username`, one channel for all",
        ),
        (
            "cognito-users.csv",
            filtered(&["email_verified=true"]),
            [56, 0, 0, 8, 1],
            "UTF-8, comma, header; members from `cognito:username`, one channel for all",
        ),
        (
            "excel-utf16.txt",
            at_home,
            [45, 0, 0, 0, 3],
            "UTF-16LE with BOM, tab, header; members from `User ID`, channels from `Channel`",
        ),
        (
            "excel-semicolon.csv",
            named("Benutzer"),
            [36, 0, 0, 0, 1],
            "UTF-8, semicolon, header; members from `Benutzer`, one channel for all",
        ),
        (
            "dirty.csv",
            Options::default(),
            [8, 3, 24, 0, 2],
            "UTF-8, comma, header; members from `user_id`, channels from `channel_arn`, \
             types from `membership_type`, sub-channels from `sub_channel_id`",
        ),
    ];
    for (name, options, wanted, detected) in cases {
        let mut roster = sample(name, &options);
        assert_eq!(roster.detected(), detected, "{name}");
        let [take, duplicate, defect, left_out, channels] = wanted;
        let wanted = Counts {
            take,
            duplicate,
            defect,
            left_out,
            channels,
        };
        assert_eq!(count(&mut roster), wanted, "{name}");
    }
}

#[test]
fn the_umlauts_of_a_windows_list_are_read() {
    let options = Options {
        channel_arn: Some(channel("general").parse().unwrap()),
        member_column: Some("Benutzer".to_owned()),
        ..Options::default()
    };
    let mut roster = sample("excel-semicolon.csv", &options);
    let mut row = Row::new();
    roster.read(&mut row).unwrap();
    let fields: Vec<&str> = row.fields().collect();
    assert_eq!(fields, ["Ada", "Alder", "ada.alder", "Küche; Garten"]);
}

#[test]
fn each_dirty_row_is_what_its_last_field_says() {
    let mut roster = sample("dirty.csv", &Options::default());
    let mut row = Row::new();
    let mut members = HashSet::new();
    while roster.read(&mut row).unwrap() {
        let said = row.fields().last().unwrap();
        match row.kind() {
            RowKind::Take(entry) => {
                let pair = (
                    entry.channel_arn().to_owned(),
                    entry.member_arn().to_owned(),
                );
                let is_new = members.insert(pair);
                assert_eq!(
                    said,
                    if is_new { "good" } else { "duplicate" },
                    "row {}",
                    row.number()
                );
            }
            RowKind::Defect(defect) => {
                let reason = said.strip_prefix("invalid: ").unwrap_or(said);
                assert!(
                    defect.reason.starts_with(reason),
                    "row {}: {defect}",
                    row.number()
                );
            }
            RowKind::LeftOut => panic!("row {}: no filter was given", row.number()),
        }
    }
}
