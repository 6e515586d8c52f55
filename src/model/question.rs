//! What is asked about a channel or a membership, as a row of a list of questions, and what the
//! service answers.

use serde::{Deserialize, Serialize};

use super::{ChannelFacts, MembershipFacts};

/// What is asked about a channel or a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// The membership of one member.
    Membership,
    /// The members of the row's type, in all of the channel or in the row's sub-channel.
    Members,
    /// The moderators of the channel.
    Moderators,
    /// The sub-channels of an elastic channel.
    SubChannels,
    /// The channel itself.
    Channel,
}

impl Question {
    /// All questions.
    pub const ALL: [Self; 5] = [
        Self::Membership,
        Self::Members,
        Self::Moderators,
        Self::SubChannels,
        Self::Channel,
    ];

    /// Its text in a list of questions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Members => "members",
            Self::Moderators => "moderators",
            Self::SubChannels => "sub_channels",
            Self::Channel => "channel",
        }
    }
}

/// A question of a list: one request, or one for each page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionRow {
    /// What is asked.
    pub question: Question,
    /// How many pages are read at most; `None` for all.
    pub max_pages: Option<u64>,
}

impl QuestionRow {
    /// The columns of a list of questions. A question about a channel names a member nonetheless, as
    /// every row of a list does: a user that stands for the question, and is never sent.
    pub const COLUMNS: [&str; 6] = [
        "question",
        "max_pages",
        "channel_arn",
        "member_arn",
        "membership_type",
        "sub_channel",
    ];

    /// All pages of the answer to this question.
    #[must_use]
    pub fn new(question: Question) -> Self {
        Self {
            question,
            max_pages: None,
        }
    }

    /// The fields of its first two columns.
    #[must_use]
    pub fn fields(&self) -> [String; 2] {
        let max_pages = self.max_pages.map(|pages| pages.to_string());
        [
            self.question.as_str().to_owned(),
            max_pages.unwrap_or_default(),
        ]
    }

    /// The question with these fields; `None` if they are not those of a list of questions.
    #[must_use]
    pub fn parse(fields: &[String]) -> Option<Self> {
        let [question, max_pages, ..] = fields else {
            return None;
        };
        let mut known = Question::ALL.into_iter();
        Some(Self {
            question: known.find(|known| known.as_str() == question)?,
            max_pages: match max_pages.as_str() {
                "" => None,
                pages => Some(pages.parse().ok()?),
            },
        })
    }
}

/// What the service answered to a question: all of it, or one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A page of members or moderators.
    Members {
        /// ARNs.
        members: Vec<String>,
        /// Where the next page begins; `None` on the last.
        next_token: Option<String>,
    },
    /// A page of sub-channels.
    SubChannels {
        /// The id of each, and its number of members.
        sub_channels: Vec<(String, u64)>,
        /// Where the next page begins; `None` on the last.
        next_token: Option<String>,
    },
    /// The membership exists.
    Membership(MembershipFacts),
    /// The channel, the user or the membership does not exist. The answer does not show which.
    NoMembership,
    /// The channel exists.
    Channel(ChannelFacts),
}

impl Finding {
    /// Where the next page begins, if there is one.
    #[must_use]
    pub fn next_token(&self) -> Option<&str> {
        match self {
            Self::Members { next_token, .. } | Self::SubChannels { next_token, .. } => {
                next_token.as_deref()
            }
            Self::Membership(_) | Self::NoMembership | Self::Channel(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reads_back_as_it_was_written() {
        for question in Question::ALL {
            for max_pages in [None, Some(7)] {
                let row = QuestionRow {
                    question,
                    max_pages,
                };
                let mut fields = row.fields().to_vec();
                fields.extend(vec![String::new(); 4]);
                assert_eq!(QuestionRow::parse(&fields), Some(row));
            }
        }
        assert_eq!(
            QuestionRow::parse(&["members".to_owned(), "x".to_owned()]),
            None
        );
        assert_eq!(QuestionRow::parse(&["who".to_owned(), String::new()]), None);
    }
}
