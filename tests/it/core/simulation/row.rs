//! One row of a list.

use std::fmt::Write as _;

use chime_bulk::model::{Membership, MembershipType};

use super::case::Case;
use super::dice::Dice;
use crate::support::harness::channel;

/// Fields that make a row defective: a member, a type.
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
    /// Which defect it has.
    pub(super) defect: Option<usize>,
    /// A filter leaves it out.
    pub(super) is_left_out: bool,
}

impl Row {
    /// A row as plain as can be.
    pub(super) fn escape_control(channel: u8, member: u16) -> Self {
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

    /// The same, its member to be added as a hidden one.
    pub(super) fn hidden(self) -> Self {
        Self {
            membership_type: MembershipType::Hidden,
            ..self
        }
    }

    pub(super) fn list(dice: &mut Dice, size: usize, channels: u8, users: u16) -> Vec<Self> {
        // In half of the lists there is one way only of adding members.
        let (many_types, many_subs) = (dice.once_in(3), dice.once_in(6));
        let (spells_out, leaves_out, defects) = (dice.once_in(4), dice.once_in(6), dice.once_in(3));
        let is_sorted = dice.once_in(2);
        let mut rows: Vec<Self> = (0..size)
            .map(|_| {
                let member = dice.of(0..=users);
                let is_hidden = many_types && dice.once_in(3);
                Self {
                    // The first channel is the longest.
                    channel: dice.of(0..=channels - 1).min(dice.of(0..=channels - 1)),
                    member,
                    membership_type: if is_hidden {
                        MembershipType::Hidden
                    } else {
                        MembershipType::Default
                    },
                    // Nobody is in two: to the simulated service that would be one membership.
                    sub_channel: many_subs.then(|| u8::try_from(member % 3).unwrap()),
                    is_spelled_out: spells_out && dice.once_in(2),
                    defect: (defects && dice.once_in(6)).then(|| dice.of(0..=DEFECTS.len() - 1)),
                    is_left_out: leaves_out && dice.once_in(4),
                }
            })
            .collect();
        if is_sorted {
            rows.sort_by_key(|row| row.channel);
        }
        rows
    }

    /// How its member is to be added.
    pub(super) fn membership(&self) -> Membership {
        Membership {
            membership_type: self.membership_type,
            sub_channel: self
                .sub_channel
                .map(|n| format!("sub-{n}").parse().unwrap()),
        }
    }

    /// Writes it as a line of the list.
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
