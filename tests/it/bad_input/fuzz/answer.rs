//! Decodes an arbitrary answer with the real clients, down to the answer for each member.

use std::time::Duration;

use chime_bulk::chime::{Api, CannedAnswer, Chime, ClientConfig, FixedCredentials, canned};
use chime_bulk::engine::reconcile;
use chime_bulk::model::{
    AddMember, AddMembers, Batch, ChannelArn, ChannelCall, Described, ListChannel, ListMembers,
    MemberArn, MemberCall, Membership, RefusalKind, Removed, codes,
};
use chime_bulk::schedule::MemberAnswer;

use super::list::{INSTANCE, assert_printable};

/// The most characters of a code and of a message.
const MAX_CHARS: (usize, usize) = (101, 501);

/// The input is an HTTP answer: a line with the status and the number of members in the call, headers,
/// a blank line, and the body.
pub(crate) fn run(input: &[u8]) {
    let head_end = input.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match head_end {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u16>().ok());
    let (status, asked) = (number().unwrap_or(200), number().unwrap_or(2) % 101);
    let headers = lines.filter_map(|line| line.split_once(": "));
    let answer = CannedAnswer {
        status,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.to_vec(),
    };
    let user = |id: &str| MemberArn::parse(&format!("{INSTANCE}/user/{id}")).unwrap();
    let asked: Vec<MemberArn> = (0..asked.max(1)).map(|n| user(&format!("u{n}"))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for api in [
        Api::Messaging,
        #[cfg(feature = "legacy-chime")]
        Api::Legacy,
    ] {
        let call = AddMembers {
            channel: ChannelArn::parse(&format!("{INSTANCE}/channel/c")).unwrap(),
            bearer: user("admin"),
            membership: Membership::default(),
            members: Batch::new(asked.clone()).unwrap(),
        };
        runtime.block_on(one(api, call, &asked, answer.clone()));
    }
}

async fn one(api: Api, call: AddMembers, asked: &[MemberArn], answer: CannedAnswer) {
    let settings = ClientConfig {
        endpoint_url: "http://127.0.0.1:1".parse().ok(),
        credentials: Some(FixedCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI".to_owned(),
        }),
        ..ClientConfig::new(api, "us-east-1")
    };
    let (status, body) = (answer.status, answer.body.clone());
    let client = canned(settings, answer).await.unwrap();
    let is_success = (200..300).contains(&status);
    let single = AddMember {
        channel: call.channel.clone(),
        bearer: call.bearer.clone(),
        membership: call.membership.clone(),
        member: asked[0].clone(),
    };
    match client.add_member(single, Duration::from_mins(10)).await {
        Ok(reply) => {
            // Errors are refusals about the member; an answer itself has none.
            assert_eq!(is_success, reply.errors.is_empty(), "{status}: {reply:?}");
            for error in &reply.errors {
                check_text(&error.code, &error.message);
                assert_eq!(error.member, asked[0].as_str());
            }
        }
        Err(refusal) => {
            check_text(&refusal.code, &refusal.message);
            let is_lost = refusal.kind == RefusalKind::Lost;
            assert!(!is_success || is_lost, "{status}: {refusal:?}");
        }
    }
    check_reading(&*client, &call, asked[0].clone(), status, &body).await;
    let reply = match client.add_members(call, Duration::from_mins(10)).await {
        Ok(reply) => reply,
        Err(refusal) => {
            check_text(&refusal.code, &refusal.message);
            assert!(!refusal.code.is_empty(), "{refusal:?}");
            assert!(
                !is_success || refusal.kind == RefusalKind::Lost,
                "{status}: {refusal:?}"
            );
            return;
        }
    };
    assert!(is_success, "status {status} counts as success");
    for error in &reply.errors {
        check_text(&error.code, &error.message);
    }
    // An answer for a member needs its ARN in the body, as it is or escaped.
    let text = String::from_utf8_lossy(&body).into_owned();
    let answers = reconcile(asked, reply.clone());
    assert_eq!(answers.len(), asked.len());
    for (member, answer) in asked.iter().zip(answers) {
        let member = member.as_str();
        let added = reply.added.iter().any(|listed| listed == member);
        let mut named = reply.errors.iter().filter(|error| error.member == member);
        match answer {
            MemberAnswer::Added => {
                assert!(added && named.next().is_none(), "{member}: {reply:?}");
            }
            MemberAnswer::Error { code, message } => {
                assert!(!added, "{member} is added and failed: {reply:?}");
                assert!(named.all(|error| error.code == code && error.message == message));
            }
            MemberAnswer::Unclear => {
                let first = named.next();
                let differ = named.any(|error| Some(error) != first);
                let unclear = differ || added == first.is_some();
                assert!(unclear, "{member}: {reply:?}");
                continue;
            }
        }
        assert!(
            text.contains('\\') || text.contains(member),
            "{member}: {text}"
        );
    }
}

/// Decodes the answer as one to each call that reads, or removes a member.
async fn check_reading(
    client: &dyn Chime,
    call: &AddMembers,
    member: MemberArn,
    status: u16,
    body: &[u8],
) {
    let is_success = (200..300).contains(&status);
    let timeout = Duration::from_mins(10);
    let (channel, bearer) = (call.channel.clone(), call.bearer.clone());
    let one = MemberCall {
        channel: channel.clone(),
        bearer: bearer.clone(),
        member,
        sub_channel: None,
    };
    let page = ListChannel {
        channel: channel.clone(),
        bearer: bearer.clone(),
        next_token: None,
    };
    let members = ListMembers {
        channel: channel.clone(),
        bearer: bearer.clone(),
        membership: Membership::default(),
        next_token: None,
    };
    let describe = ChannelCall { channel, bearer };
    let mut refusals = vec![
        client.list_members(members, timeout).await.err(),
        client.list_moderators(page.clone(), timeout).await.err(),
        client.describe_channel(describe, timeout).await.err(),
    ];
    let sub_channels = client.list_sub_channels(page, timeout).await.err();
    refusals.push(sub_channels.filter(|refusal| refusal.code != codes::UNSUPPORTED));
    refusals.push(match client.describe_member(one.clone(), timeout).await {
        Ok(Described::Member(_)) => None,
        Ok(Described::NotFound(refusal)) | Err(refusal) => Some(refusal),
    });
    refusals.push(match client.remove_member(one, timeout).await {
        Ok(Removed::Removed) => {
            assert!(is_success && body.is_empty(), "{status}: removed");
            None
        }
        Ok(Removed::NotFound(refusal)) | Err(refusal) => Some(refusal),
    });
    for refusal in refusals.iter().flatten() {
        check_text(&refusal.code, &refusal.message);
        let is_lost = refusal.kind == RefusalKind::Lost;
        assert!(!is_success || is_lost, "{status}: {refusal:?}");
    }
    // The legacy API has no sub-channels.
    let refused = refusals.iter().flatten().count();
    assert!(is_success || refused >= 5, "{status}: {refusals:?}");
}

/// Checks that a code and a message are not too long, and have no control characters.
fn check_text(code: &str, message: &str) {
    assert!(code.chars().count() <= MAX_CHARS.0, "{code}");
    assert!(message.chars().count() <= MAX_CHARS.1, "{message}");
    assert_printable(code);
    assert_printable(message);
}
