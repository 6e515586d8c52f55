//! Compares an answer with the members that were requested. Nothing in an answer is trusted.

use std::collections::HashMap;

use crate::model::{MemberArn, Reply};
use crate::schedule::MemberAnswer;

/// Returns the answer for each requested member, in order. Members that were not requested are
/// ignored; a requested member in neither list, or in both, is unclear.
#[must_use]
pub fn reconcile(requested: &[MemberArn], reply: Reply) -> Vec<MemberAnswer> {
    // The usual case, without a map: all are added, in the order of the request.
    let all_added = reply.errors.is_empty()
        && requested
            .iter()
            .map(MemberArn::as_str)
            .eq(reply.added.iter().map(String::as_str));
    if all_added {
        return vec![MemberAnswer::Added; requested.len()];
    }
    let mut answers: Vec<Option<MemberAnswer>> = vec![None; requested.len()];
    let mut positions: HashMap<&str, usize> = HashMap::with_capacity(requested.len());
    positions.extend(
        requested
            .iter()
            .enumerate()
            .map(|(position, member)| (member.as_str(), position)),
    );
    for member in &reply.added {
        if let Some(position) = positions.get(member.as_str()) {
            answers[*position] = Some(MemberAnswer::Added);
        }
    }
    for error in reply.errors {
        if let Some(position) = positions.get(error.member.as_str()) {
            let answer = MemberAnswer::Error {
                code: error.code,
                message: error.message,
            };
            let agrees = answers[*position]
                .as_ref()
                .is_none_or(|earlier| *earlier == answer);
            answers[*position] = Some(if agrees {
                answer
            } else {
                MemberAnswer::Unclear
            });
        }
    }
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or(MemberAnswer::Unclear))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemberError;

    fn arn(id: &str) -> MemberArn {
        MemberArn::parse(&format!(
            "arn:aws:chime:us-east-1:1:app-instance/i/user/{id}"
        ))
        .unwrap()
    }

    #[test]
    fn only_requested_members_count_and_contradictions_are_unclear() {
        let requested = [
            arn("added"),
            arn("refused"),
            arn("both"),
            arn("neither"),
            arn("twice"),
        ];
        let error = |id: &str, code: &str| MemberError {
            member: arn(id).as_str().to_owned(),
            code: code.to_owned(),
            message: String::new(),
        };
        let listed = |id: &str| arn(id).as_str().to_owned();
        let reply = Reply {
            channel: None,
            added: vec![
                listed("added"),
                listed("added"),
                listed("both"),
                listed("stranger"),
                "rubbish".into(),
            ],
            errors: vec![
                error("refused", "NotFound"),
                error("both", "NotFound"),
                error("stranger", "NotFound"),
                error("twice", "NotFound"),
                error("twice", "Throttled"),
            ],
            date: None,
        };
        let answers = reconcile(&requested, reply);
        assert_eq!(answers[0], MemberAnswer::Added);
        assert!(matches!(&answers[1], MemberAnswer::Error { code, .. } if code == "NotFound"));
        assert_eq!(
            answers[2..],
            [
                MemberAnswer::Unclear,
                MemberAnswer::Unclear,
                MemberAnswer::Unclear
            ]
        );
    }
}
