//! One row of a list.

use std::fmt::Write as _;

use chime_bulk::model::{Membership, MembershipType};

use super::case::Case;
use super::rng::SeededRng;
use crate::support::harness::channel;

/// Fields that make a row defective: a member and a type.
const DEFECTS: [(&str, &str); 6] = [
    ("", ""),
    ("a+b", ""),
    ("-u1", ""),
    ("u1", "SECRET"),
    (
        "arn:aws:chime:us-east-1:123456789012:app-instance/other/user/u1",
        "",
    ),
    ("arn:aws:s3:::bucket", ""),
];

/// One row of a list.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) channel: u8,
    pub(super) member: u16,
    membership_type: MembershipType,
    sub_channel: Option<u8>,
    /// Written as full ARNs.
    is_spelled_out: bool,
    /// The index of its defect in `DEFECTS`.
    pub(super) defect: Option<usize>,
    /// Whether a filter excludes it.
    pub(super) is_left_out: bool,
}

impl Row {
    /// A row with a channel and a member only.
    pub(super) fn plain(channel: u8, member: u16) -> Self {
        Self {
            channel,
            member,
            membership_type: MembershipType::Default,
            sub_channel: None,
            is_spelled_out: false,
            defect: None,
            is_left_out: false,
        }
    }

    /// The same row, with a hidden member.
    pub(super) fn hidden(self) -> Self {
        Self {
            membership_type: MembershipType::Hidden,
            ..self
        }
    }

    pub(super) fn list(rng: &mut SeededRng, size: usize, channels: u8, users: u16) -> Vec<Self> {
        // In most lists all rows have the same type, and no sub-channel.
        let (many_types, many_subs) = (rng.one_in(3), rng.one_in(6));
        let (spells_out, leaves_out, defects) = (rng.one_in(4), rng.one_in(6), rng.one_in(3));
        let is_sorted = rng.one_in(2);
        let mut rows: Vec<Self> = (0..size)
            .map(|_| {
                let member = rng.in_range(0..=users);
                let is_hidden = many_types && rng.one_in(3);
                Self {
                    // The first channel is the largest.
                    channel: rng
                        .in_range(0..=channels - 1)
                        .min(rng.in_range(0..=channels - 1)),
                    member,
                    membership_type: if is_hidden {
                        MembershipType::Hidden
                    } else {
                        MembershipType::Default
                    },
                    // A member is in one sub-channel only: the simulated service has one membership
                    // for each member of a channel.
                    sub_channel: many_subs.then(|| u8::try_from(member % 3).unwrap()),
                    is_spelled_out: spells_out && rng.one_in(2),
                    defect: (defects && rng.one_in(6)).then(|| rng.in_range(0..=DEFECTS.len() - 1)),
                    is_left_out: leaves_out && rng.one_in(4),
                }
            })
            .collect();
        if is_sorted {
            rows.sort_by_key(|row| row.channel);
        }
        rows
    }

    /// The type and sub-channel of its member.
    pub(super) fn membership(&self) -> Membership {
        Membership {
            membership_type: self.membership_type,
            sub_channel: self
                .sub_channel
                .map(|n| format!("sub-{n}").parse().unwrap()),
        }
    }

    /// Appends the row to the list.
    pub(super) fn write(&self, case: &Case, text: &mut String) {
        let (mut channel_id, mut member) =
            (format!("c{}", self.channel), case.member_id(self.member));
        if self.is_spelled_out {
            channel_id = channel(self.channel).to_string();
            member = case.member(self.member).to_string();
        }
        let mut kind = self.membership_type.as_str();
        if let Some(defect) = self.defect {
            let (bad_member, bad_type) = DEFECTS[defect];
            bad_member.clone_into(&mut member);
            if !bad_type.is_empty() {
                kind = bad_type;
            }
        }
        let sub_channel = self.sub_channel.map(|n| format!("sub-{n}"));
        let status = if self.is_left_out { "left" } else { "here" };
        let _ = writeln!(
            text,
            "{channel_id},{member},{kind},{},{status}",
            sub_channel.unwrap_or_default()
        );
    }
}
