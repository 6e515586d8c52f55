//! Invalid values of limits.

use crate::support::program::{CHANNEL, WorkDir, ids};

#[test]
fn an_invalid_limit_is_exit_code_2_and_the_error_names_flag_and_range() {
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
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    for (flag, values, range) in cases {
        let flag = format!("--{flag}");
        for value in values {
            for command in [&["plan"][..], &["run", "--sandbox"]] {
                let list = ["list.csv", "--channel-arn", CHANNEL, &flag, value];
                let output = work_dir.run(command.iter().chain(&list));
                assert_eq!(output.code, Some(2), "{flag} {value}: {output:#?}");
                for text in [&*flag, value, range] {
                    assert!(output.stderr.contains(text), "{text}: {output:#?}");
                }
            }
        }
    }
    assert!(!work_dir.path("runs").exists());
    let negative = ["run", "list.csv", "--sandbox", "--max-failures", "-5"];
    let output = work_dir.run(negative);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("`-5` is neither"), "{output:#?}");
}
