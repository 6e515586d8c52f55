//! Limits that cannot be kept: refused before anything is begun, and named.

use crate::support::program::{APP, WorkDir, ids};

#[test]
fn a_limit_that_cannot_be_kept_is_2_and_named() {
    let rate = "calls per second";
    let count = "from 1 to 10000";
    let members = "from 1 to 100: AWS takes at most 100 members a call";
    let cases = [
        (
            "channel-rate",
            &["0", "-1", "-0.5", "NaN", "inf", "1e300", "fast"][..],
            rate,
        ),
        ("bearer-rate", &["0", "-2", "NaN"], rate),
        ("max-rate", &["0", "-3", "1e-9"], rate),
        (
            "max-in-flight",
            &["0", "-1", "10001", "1.5", "99999999999"],
            count,
        ),
        ("max-attempts", &["0", "-1", "many"], count),
        (
            "members-per-call",
            &["0", "-1", "101", "1.5", "99999999999"],
            members,
        ),
        (
            "max-record-size",
            &["0", "-1", "8193", "1.5", "1M", "99999999999"],
            "a whole number of KiB from 1 to 8192",
        ),
    ];
    let place = WorkDir::with("list.csv", ids("u", 3));
    let channel = format!("{APP}/channel/c");
    for (flag, values, wanted) in cases {
        let flag = format!("--{flag}");
        for value in values {
            for command in [&["plan"][..], &["run", "--sandbox"]] {
                let list = ["list.csv", "--channel-arn", &channel, &flag, value];
                let ended = place.run(command.iter().chain(&list));
                assert_eq!(ended.code, Some(2), "{flag} {value}: {ended:#?}");
                for said in [&*flag, value, wanted] {
                    assert!(ended.stderr.contains(said), "{said}: {ended:#?}");
                }
            }
        }
    }
    assert!(!place.path("runs").exists());
    let negative = ["run", "list.csv", "--sandbox", "--max-failures", "-5"];
    let ended = place.run(negative);
    assert!(ended.stderr.contains("`-5` is neither"), "{ended:#?}");
}
