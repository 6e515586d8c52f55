//! Rows: entries, defects, rows left out.

use super::*;
use crate::model::MembershipType;

/// Reads one row under a header, in the columns channel, user, type and sub-channel.
fn one(
    channel: &str,
    user: &str,
    kind: &str,
    sub: &str,
    options: &Options,
) -> Result<Entry, String> {
    let text = format!("channel,user,membership_type,sub_channel\n{channel},{user},{kind},{sub}\n");
    let mut roster = open(text, options).unwrap();
    let mut row = Row::new();
    assert!(roster.read(&mut row).unwrap());
    match row.kind() {
        RowKind::Take(entry) => Ok(entry.clone()),
        RowKind::Defect(defect) => Err(defect.to_string()),
        RowKind::LeftOut => panic!("no filter was given"),
    }
}

fn at_home() -> Options {
    Options {
        app_instance: Some(HOME.parse().unwrap()),
        ..Options::default()
    }
}

#[test]
fn ids_become_arns() {
    let (c, u) = (channel("general"), user("ann@example.com"));
    for (options, channel, member) in [
        (at_home(), "general", "ann@example.com"),
        (at_home(), " general ", " ann@example.com\t"),
        (at_home(), &*c, &*u),
        // The channel's ARN sets the app instance of its members.
        (Options::default(), &*c, "ann@example.com"),
        (
            Options {
                bearer_app_instance: Some(HOME.parse().unwrap()),
                ..Options::default()
            },
            "general",
            "ann@example.com",
        ),
    ] {
        let entry = one(channel, member, "", "", &options).unwrap();
        assert_eq!(entry.channel_arn(), c);
        assert_eq!(entry.member_arn(), u);
        assert_eq!(entry.app_instance(), HOME);
        assert_eq!(entry.sub_channel(), None);
    }
}

#[test]
fn types_and_sub_channels_are_of_the_row_or_of_all() {
    let all = Options {
        membership_type: MembershipType::Hidden,
        sub_channel: Some("all".parse().unwrap()),
        ..at_home()
    };
    let cases = [
        (&at_home(), "", "", MembershipType::Default, None),
        (
            &at_home(),
            "hidden",
            "s-1",
            MembershipType::Hidden,
            Some("s-1"),
        ),
        (&all, "", "", MembershipType::Hidden, Some("all")),
        (&all, "DEFAULT", "s-1", MembershipType::Default, Some("s-1")),
    ];
    for (options, kind, sub, membership_type, sub_channel) in cases {
        let entry = one("c", "ann", kind, sub, options).unwrap();
        assert_eq!(entry.membership_type(), membership_type);
        assert_eq!(entry.sub_channel(), sub_channel);
    }
}

#[test]
fn each_defect_of_a_member_has_its_rule() {
    let other = |part: &str, with: &str| user("ann").replace(part, with);
    let long = "a".repeat(65);
    let cases: [(&str, &str); 13] = [
        (" ", "the member is missing"),
        ("auth0|ann", "`|` cannot stand in a user id"),
        ("ann+x@example.com", "`+` cannot stand"),
        ("Ännchen", "`Ä` cannot stand"),
        ("-ann", "a user id begins and ends with"),
        (&long, "the user id has 65 characters"),
        ("arn:aws:chime:x", "not an ARN"),
        ("arn:aws:s3:::ann", "an ARN of another AWS service"),
        (&channel("c"), "not the ARN of an app instance user or bot"),
        (&user("a|b"), "`|` cannot stand"),
        (
            &other("us-east-1", "eu-central-1"),
            "of another region than the channel",
        ),
        (
            &other("123456789012", "1"),
            "of another account than the channel",
        ),
        (
            &other("5f7c1a9e", "x"),
            "of another app instance than the channel",
        ),
    ];
    for (member, reason) in cases {
        let defect = one("c", member, "", "", &at_home()).unwrap_err();
        let found = defect.strip_prefix("column `user`: ").unwrap();
        assert!(found.starts_with(reason), "{found}\nwanted: {reason}");
    }
}

#[test]
fn each_other_defect_has_its_column_and_rule() {
    let cases: [(&str, &str, &str, &str, &str); 6] = [
        (
            "",
            "ann",
            "",
            "",
            "column `channel`: the channel is missing",
        ),
        (
            &channel("c").replace("5f7c1a9e", "x"),
            "ann",
            "",
            "",
            "column `channel`: of another app instance than the app instance given",
        ),
        (
            &user("ann"),
            "ann",
            "",
            "",
            "column `channel`: not the ARN of a channel",
        ),
        (
            "a/b",
            "ann",
            "",
            "",
            "column `channel`: a channel's id has visible ASCII characters only",
        ),
        (
            "c",
            "ann",
            "VISIBLE",
            "",
            "column `membership_type`: the type is DEFAULT or HIDDEN",
        ),
        (
            "c",
            "ann",
            "",
            "a b",
            "column `sub_channel`: a sub-channel id has 1 to 128",
        ),
    ];
    for (channel, member, kind, sub, reason) in cases {
        let defect = one(channel, member, kind, sub, &at_home()).unwrap_err();
        assert!(defect.starts_with(reason), "{defect}\nwanted: {reason}");
    }
    let defect = one("c", "ann", "", "", &Options::default()).unwrap_err();
    assert_eq!(
        defect,
        "column `channel`: a channel's id, but no app instance is given for it"
    );
}

#[test]
fn an_arn_of_valid_parts_can_still_be_too_long() {
    let home = format!("{HOME}{}", "x".repeat(1500));
    let options = Options {
        app_instance: Some(home.parse().unwrap()),
        ..Options::default()
    };
    assert!(one("c", "ann", "", "", &options).is_ok());
    let defect = one("c", &"a".repeat(64), "", "", &options).unwrap_err();
    assert_eq!(defect, "column `user`: longer than 1600 characters");
}

#[test]
fn a_defect_tells_no_more_than_one_character_of_the_value() {
    let secret = "Geheim";
    for value in [
        format!("{secret}|{secret}"),
        format!("arn:aws:chime:{secret}"),
        format!("arn:aws:{}:::x", secret.to_lowercase()),
        format!("{HOME}/user/{secret}+"),
        format!("{HOME}/{secret}"),
        secret.repeat(20),
    ] {
        let defect = one("c", &value, "", "", &at_home()).unwrap_err();
        assert!(!defect.to_lowercase().contains("geheim"), "{defect}");
    }
}

#[test]
fn rows_after_a_defect_are_read_as_if_it_were_not() {
    let other = channel("d").replace("5f7c1a9e", "x");
    let text = format!(
        "channel,user\nc,ann\n{other},bob\n,cem\na/b,dan\nc,eve|\nc\nc,x,y\nc,fay\nd,ann\n"
    );
    let verdicts = verdicts(text, &at_home());
    let good: Vec<&String> = verdicts.iter().filter(|row| !row.contains(':')).collect();
    assert_eq!(good, ["c/ann", "c/fay", "d/ann"]);
    assert!(verdicts.contains(&"fields: 1, where the header has 2".to_owned()));
    assert!(verdicts.contains(&"fields: 3, where the header has 2".to_owned()));
}

#[test]
fn filters_leave_rows_out_and_all_must_hold() {
    let options = |filters: &[&str]| Options {
        filters: filters.iter().map(|text| text.parse().unwrap()).collect(),
        ..one_channel()
    };
    let text =
        "user_id,status,bot\nann,Member,\nbob,Deactivated,\ncem,Bot,yes\n|,Deactivated,\n|\n";
    let cases: [(&[&str], [&str; 5]); 3] = [
        (
            &["status!=Deactivated", "Status!=Bot"],
            ["c/ann", "-", "-", "-", "fields"],
        ),
        (&["status=Member"], ["c/ann", "-", "-", "-", "fields"]),
        (
            &["3="],
            ["c/ann", "c/bob", "-", "column `user_id`", "fields"],
        ),
    ];
    for (filters, wanted) in cases {
        let found = verdicts(text, &options(filters));
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.starts_with(wanted), "{filters:?}: {found}");
        }
        assert_eq!(found.len(), wanted.len());
    }
}

#[test]
fn a_stored_record_resolves_as_it_did_when_read() {
    let text = "channel,user\nc,ann\nd,\"b|b\"\nc\n";
    let mut roster = open(text, &at_home()).unwrap();
    let stored = serde_json::to_string(roster.layout()).unwrap();
    let layout: Layout = serde_json::from_str(&stored).unwrap();
    assert_eq!(&layout, roster.layout());
    let mut row = Row::new();
    let mut entry = Entry::default();
    while roster.read(&mut row).unwrap() {
        let fields: Vec<String> = row.fields().map(str::to_owned).collect();
        let again = layout.resolve(&fields, &mut entry);
        match (row.kind(), again) {
            (RowKind::Take(first), Ok(())) => assert_eq!(first, &entry),
            (RowKind::Defect(first), Err(again)) => assert_eq!(first, &again),
            (first, again) => panic!("{first:?}, then {again:?}"),
        }
    }
    assert_eq!(row.number(), 3);
}
