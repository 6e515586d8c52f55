//! Lists of members to remove.

use std::ops::RangeInclusive;

/// What a row of a list of removals contains about how its member was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalRow {
    /// Whether it is unknown that the run added the member.
    pub in_doubt: bool,
    /// When the membership was created if the run did it: Unix time in seconds, by the server's clock.
    pub created: RangeInclusive<i64>,
}

impl RemovalRow {
    /// The columns of a list of removals.
    pub const COLUMNS: [&str; 8] = [
        "row",
        "channel_arn",
        "member_arn",
        "type",
        "sub_channel",
        "in_doubt",
        "created_from",
        "created_until",
    ];

    /// The fields of its last three columns.
    #[must_use]
    pub fn fields(&self) -> [String; 3] {
        let (from, until) = (self.created.start(), self.created.end());
        [
            self.in_doubt.to_string(),
            from.to_string(),
            until.to_string(),
        ]
    }

    /// The row with these fields; `None` if they are not those of a list of removals.
    #[must_use]
    pub fn parse(fields: &[String]) -> Option<Self> {
        let [_, _, _, _, _, in_doubt, from, until] = fields else {
            return None;
        };
        Some(Self {
            in_doubt: in_doubt.parse().ok()?,
            created: from.parse().ok()?..=until.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        let row = RemovalRow {
            in_doubt: true,
            created: 7..=9,
        };
        let mut fields = vec![String::new(); 5];
        fields.extend(row.fields());
        assert_eq!(RemovalRow::parse(&fields), Some(row));
        assert_eq!(RemovalRow::parse(&fields[1..]), None);
    }
}
