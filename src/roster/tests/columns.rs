//! Which columns are found, and what is said where none is.

use super::*;

#[test]
fn the_usual_names_are_found_best_first() {
    let cases = [
        "user_id,member_arn|member_arn",
        "username,email,userid|userid",
        "User ID,name|User ID",
        "APP-INSTANCE-USER-ARN,user_id|APP-INSTANCE-USER-ARN",
        "email,cognito:username,sub|cognito:username",
        "email,sub,username|sub",
        "name,username|username",
        "userId,email|userId",
    ];
    for case in cases {
        let (header, member) = case.split_once('|').unwrap();
        let roster = open(header, &one_channel()).unwrap();
        let wanted = format!("UTF-8, comma, header; members from `{member}`, one channel for all");
        assert_eq!(roster.detected(), wanted);
    }
    let roster = open(
        "Sub_Channel,Channel,channel-ARN,Membership Type,user",
        &Options::default(),
    );
    assert_eq!(
        roster.unwrap().detected(),
        "UTF-8, comma, header; members from `user`, channels from `channel-ARN`, \
         types from `Membership Type`, sub-channels from `Sub_Channel`"
    );
}

#[test]
fn a_column_that_is_passed_over_is_said() {
    let roster = open("channel,user_id\nx,ann\n", &one_channel()).unwrap();
    assert!(
        roster
            .detected()
            .ends_with("(column `channel` is not used)")
    );
}

#[test]
fn a_header_is_told_apart_from_rows() {
    let (ann, chat) = (user("ann"), channel("c"));
    let cases = [
        ("user_id\nann\n".to_owned(), true),
        ("ID\nann\n".to_owned(), true),
        ("ann\nbob\n".to_owned(), false),
        ("ann@example.com\nbob\n".to_owned(), false),
        (format!("{ann}\n{ann}\n"), false),
        (format!("{ann},user\n{ann},x\n"), false),
        (format!("{chat},ann\n{chat},bob\n"), false),
        (format!("ann,{chat}\nbob,{chat}\n"), false),
        (format!("Ann,{ann},{chat}\n"), false),
        (format!("c,{ann}\n"), false),
    ];
    for (text, has_header) in cases {
        let options = if text.contains("/channel/") || text.starts_with("c,") {
            Options {
                app_instance: Some(HOME.parse().unwrap()),
                ..Options::default()
            }
        } else {
            one_channel()
        };
        let roster = open(text.clone(), &options).unwrap();
        assert_eq!(roster.layout().has_header(), has_header, "{text}");
        let rows = text.lines().count() - usize::from(has_header);
        let verdicts = verdicts(text.clone(), &options);
        assert_eq!(verdicts.len(), rows, "{text}");
        assert!(
            verdicts.iter().all(|row| row.starts_with("c/")),
            "{verdicts:?}"
        );
    }
}

#[test]
fn no_header_may_be_said() {
    let options = |member: Option<&str>| Options {
        header: Some(false),
        member_column: member.map(str::to_owned),
        ..one_channel()
    };
    assert_eq!(verdicts("name\nann\n", &options(None)), ["c/name", "c/ann"]);
    assert_eq!(
        verdicts("1,login\n2,ann\n", &options(Some("2"))),
        ["c/login", "c/ann"]
    );
    let error = open("1,user\n2,ann\n", &options(None)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "list.csv, line 1: no column of members found; the columns are 1 to 2 (the list has no header)"
    );
}

#[test]
fn columns_are_named_or_numbered() {
    let options = |member: &str| Options {
        member_column: Some(member.to_owned()),
        ..one_channel()
    };
    let cases = [
        ("Login Name,x\nann,1\n", "login_name"),
        ("x,Login\n1,ann\n", "2"),
        // A column that is called by a number goes before a position.
        ("2,1,name\nx,ann,A\n", "1"),
        // The number of a column does not make a header of a row that has it as a value.
        ("2,ann\n", "2"),
        // Neither name nor position shows a header: all are rows.
        ("1,ann\n", "2"),
    ];
    for (text, member) in cases {
        let options = Options {
            header: None,
            ..options(member)
        };
        assert_eq!(verdicts(text, &options).last().unwrap(), "c/ann", "{text}");
    }
}

#[test]
fn what_is_not_found_is_said_with_a_hint() {
    let named = |member: &str| Options {
        member_column: Some(member.to_owned()),
        ..one_channel()
    };
    let cases = [
        (
            "email,login\n",
            one_channel(),
            "list.csv, line 1: no column of members found; the columns are `email`, `login`",
            "pass --member-column with the name of the members' column, for example \
             --member-column 'email'",
        ),
        (
            "ann@example.com,Member\n",
            one_channel(),
            "list.csv, line 1: no column of members found; \
             the columns are 1 to 2 (the list has no header)",
            "pass --member-column with the position of the members' column (from 1)",
        ),
        (
            "user_id,email\n",
            Options::default(),
            "list.csv, line 1: no column of channels found, and no channel given; \
             the columns are `user_id`, `email`",
            "give --channel-arn for one channel, or name the column with --channel-column",
        ),
        (
            "usr_id,email\n",
            named("user_id"),
            "list.csv, line 1: has no column `user_id`; the columns are `usr_id`, `email`",
            "did you mean `usr_id`?",
        ),
        (
            "user_id\n",
            named("9"),
            "list.csv, line 1: has no column `9`; the columns are `user_id`",
            "a column is named as in the header, or by its position (from 1)",
        ),
        (
            "user_id,x\n",
            Options {
                filters: vec!["status!=Bot".parse().unwrap()],
                ..one_channel()
            },
            "list.csv, line 1: has no column `status`; the columns are `user_id`, `x`",
            "a column is named as in the header, or by its position (from 1)",
        ),
    ];
    for (text, options, message, hint) in cases {
        let error = open(text, &options).err().unwrap();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.hint().as_deref(), Some(hint), "{message}");
    }
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let other = "arn:aws:chime:eu-central-1:123456789012:app-instance/5f7c1a9e";
    let instance = |arn: &str| Some(arn.parse().unwrap());
    let cases = [
        (
            Options {
                channel_column: Some("channel".to_owned()),
                ..one_channel()
            },
            "--channel-arn: one for all rows and a column of channels exclude each other",
        ),
        (
            Options {
                channel_arn: Some("general".parse().unwrap()),
                ..Options::default()
            },
            "--channel-arn: a channel's id, but no app instance is given for it",
        ),
        (
            Options {
                bearer_app_instance: instance(other),
                ..one_channel()
            },
            "--channel-arn: of another region than the bearer",
        ),
        (
            Options {
                app_instance: instance(HOME),
                bearer_app_instance: instance(other),
                ..Options::default()
            },
            "--app-instance-arn: of another region than the bearer",
        ),
    ];
    for (options, message) in cases {
        let error = open("user_id,channel\n", &options).err().unwrap();
        assert!(error.to_string() == message, "{error}");
    }
}
