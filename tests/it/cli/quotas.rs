//! `--quotas`: the figures of the account, from Service Quotas.

use std::process::Command;

use chime_bulk::model::QuotaSource;
use chime_bulk::report::Plan;

use crate::support::program::{APP, BEARER, CHANNEL, Output, Sandbox, WorkDir, ids};
use crate::support::quota_server::{QuotaReply, QuotaServer, SILENCE, quota, refused};

const APPLIED: &str = "GetServiceQuota";
const DEFAULT: &str = "GetAWSDefaultServiceQuota";

/// A plan of the list in one channel, with the quotas of the account.
const PLAN: [&str; 7] = [
    "plan",
    "list.csv",
    "--quotas",
    "--bearer",
    BEARER,
    "--channel-arn",
    CHANNEL,
];

/// A work directory with a list of one channel.
fn work_dir() -> WorkDir {
    WorkDir::with("list.csv", ids("u", 20))
}

/// A command that calls this server for quotas, with credentials.
fn command(work_dir: &WorkDir, server: &QuotaServer, arguments: &[&str]) -> Command {
    let mut command = work_dir.command(arguments);
    command
        .env("AWS_ENDPOINT_URL_SERVICE_QUOTAS", &server.url)
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox");
    command
}

/// Plans the list with the quotas of this server.
fn plan(server: &QuotaServer, flags: &[&str]) -> (Plan, Output) {
    let work_dir = work_dir();
    let begin = ["plan", "list.csv", "--quotas", "--json"];
    let mut arguments = begin.to_vec();
    if !flags.contains(&"--region") {
        arguments.extend(["--bearer", BEARER]);
    }
    arguments.extend(["--channel-arn", CHANNEL]);
    arguments.extend(flags);
    let output = Output::of(&mut command(&work_dir, server, &arguments));
    assert!(output.code == Some(0), "{output:#?}");
    (serde_json::from_str(&output.stdout).unwrap(), output)
}

/// Both figures of a plan, with their sources.
fn figures(plan: &Plan) -> [(f64, QuotaSource); 2] {
    let quotas = plan.quotas.unwrap();
    [quotas.bearer_rate, quotas.members_per_channel].map(|figure| (figure.value, figure.source))
}

const BUILT_IN: [(f64, QuotaSource); 2] = [
    (10.0, QuotaSource::BuiltIn),
    (10_000.0, QuotaSource::BuiltIn),
];

fn big(body: &str) -> QuotaReply {
    quota(
        if body.contains("L-A92E8EF9") {
            "25"
        } else {
            "20000"
        },
        body,
    )
}

#[test]
fn what_applies_to_the_account_comes_first_in_the_region_of_the_bearer() {
    let server = QuotaServer::start(|_, body| big(body));
    let (plan, output) = plan(&server, &[]);
    let applied = QuotaSource::Applied;
    assert_eq!(figures(&plan), [(25.0, applied), (20_000.0, applied)]);
    assert!((plan.limits.bearer_rate - 25.0).abs() < 1e-9);
    assert!(!output.stderr.contains("warning"), "{output:#?}");
    let mut asked = server.asked();
    asked.sort();
    let service = r#""ServiceCode":"chime""#;
    assert_eq!(asked.len(), 2, "{asked:#?}");
    for (asked, code) in asked.iter().zip(["L-9A2511FF", "L-A92E8EF9"]) {
        assert!(asked.starts_with("GetServiceQuota us-east-1 "), "{asked}");
        assert!(asked.contains(code) && asked.contains(service), "{asked}");
    }
    let work_dir = work_dir();
    let text = Output::of(&mut command(&work_dir, &server, &PLAN)).stdout;
    let text = text.replace('\n', " ");
    let expected = "Quotas of the account: 25 calls a second by a bearer (applied), 20000 members in a \
                    channel (applied).";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_other_region_is_asked_about_its_own_quotas() {
    let server = QuotaServer::start(|operation, body| match operation {
        APPLIED => quota(
            if body.contains("L-A92E8EF9") {
                "6"
            } else {
                "10000"
            },
            body,
        ),
        _ => refused("NoSuchResourceException"),
    });
    let work_dir = work_dir();
    let [bearer, channel] = [BEARER, CHANNEL].map(|arn| arn.replace("us-east-1", "eu-central-1"));
    let arguments = [
        "plan",
        "list.csv",
        "--quotas",
        "--json",
        "--bearer",
        &bearer,
        "--channel-arn",
        &channel,
    ];
    let output = Output::of(&mut command(&work_dir, &server, &arguments));
    let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(figures(&plan)[0], (6.0, QuotaSource::Applied));
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.contains(" eu-central-1 "))
    );
}

#[test]
fn without_a_value_of_the_account_the_default_of_aws_counts() {
    let server = QuotaServer::start(|operation, body| match operation {
        DEFAULT => big(body),
        _ => refused("NoSuchResourceException"),
    });
    let (default, output) = plan(&server, &[]);
    let source = QuotaSource::AwsDefault;
    assert_eq!(figures(&default), [(25.0, source), (20_000.0, source)]);
    assert!(!output.stderr.contains("warning"), "{output:#?}");

    let server = QuotaServer::start(|operation, body| match operation {
        DEFAULT => big(body),
        _ => refused("AccessDeniedException"),
    });
    let (default, output) = plan(&server, &[]);
    assert_eq!(figures(&default), [(25.0, source), (20_000.0, source)]);
    let warning = "warning: quotas: servicequotas:GetServiceQuota: denied (AccessDeniedException): allow \
                   the IAM action servicequotas:GetServiceQuota\n";
    assert_eq!(output.stderr.matches(warning).count(), 1, "{output:#?}");
}

#[test]
fn whatever_fails_the_documented_figures_stay_and_the_reason_is_shown() {
    let server = QuotaServer::start(|_, _| refused("AccessDeniedException"));
    let (denied, output) = plan(&server, &[]);
    assert_eq!(figures(&denied), BUILT_IN);
    for action in [APPLIED, DEFAULT] {
        let hint = format!("allow the IAM action servicequotas:{action}\n");
        assert!(output.stderr.contains(&hint), "{output:#?}");
    }
    assert_eq!(denied.quota_warnings.len(), 2);

    let server = QuotaServer::start(|_, _| refused("NoSuchResourceException"));
    let (unknown, _) = plan(&server, &[]);
    assert_eq!(figures(&unknown), BUILT_IN);
    assert_eq!(unknown.quota_warnings.len(), 1, "{unknown:#?}");

    for garbage in ["0", "-10", "\"NaN\"", "1e300", "null"] {
        let server = QuotaServer::start(move |_, body| quota(garbage, body));
        let (plan, _) = plan(&server, &[]);
        assert_eq!(figures(&plan), BUILT_IN, "{garbage}");
        assert!(!plan.quota_warnings.is_empty(), "{garbage}");
    }
    for body in ["", "{", "[]", "<html>", r#"{"Quota":7}"#] {
        let server = QuotaServer::start(move |_, _| (200, body.to_owned()));
        let (plan, _) = plan(&server, &[]);
        assert_eq!(figures(&plan), BUILT_IN, "{body}");
        assert!(!plan.quota_warnings.is_empty(), "{body}");
    }
}

#[test]
fn no_answer_and_no_credentials_stop_nothing() {
    let silent = QuotaServer::start(|_, _| SILENCE);
    let (plan, _) = plan(&silent, &[]);
    assert_eq!(figures(&plan), BUILT_IN);
    assert!(
        plan.quota_warnings[0].ends_with("no answer in time"),
        "{plan:#?}"
    );
    // The second question would have no better chance.
    assert!(
        silent
            .asked()
            .iter()
            .all(|asked| asked.starts_with("GetServiceQuota "))
    );

    let (work_dir, server) = (work_dir(), QuotaServer::start(|_, body| big(body)));
    let mut command = command(&work_dir, &server, &PLAN);
    let output = Output::of(
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY"),
    );
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.contains("(built in)"), "{output:#?}");
    assert!(output.stderr.contains("warning: quotas: "), "{output:#?}");
    assert!(server.asked().is_empty());
}

#[test]
fn flags_win() {
    let server = QuotaServer::start(|_, body| big(body));
    let (plan, _) = plan(&server, &["--bearer-rate", "3"]);
    assert!((plan.limits.bearer_rate - 3.0).abs() < 1e-9);
    assert_eq!(figures(&plan)[0], (25.0, QuotaSource::Applied));
}

#[test]
fn the_capacity_of_a_channel_is_that_of_the_account() {
    let server = QuotaServer::start(|_, body| {
        quota(
            if body.contains("L-A92E8EF9") {
                "10"
            } else {
                "15"
            },
            body,
        )
    });
    let work_dir = work_dir();
    let output = Output::of(&mut command(&work_dir, &server, &PLAN));
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(
        output.stdout.contains("1 channel would pass 15 members"),
        "{output:#?}"
    );
}

/// A list of some channels, each with a full call's worth and more.
fn channels() -> String {
    let rows = (0..30).flat_map(|c| (0..2).map(move |u| format!("{APP}/channel/c{c},u{c}-{u}\n")));
    "channel_arn,user_id\n".to_owned() + &rows.collect::<String>()
}

/// A run against a sandbox over HTTP, which is all that the environment names.
fn run(work_dir: &WorkDir, sandbox: &Sandbox, flags: &[&str]) -> Output {
    let begin = ["run", "list.csv", "--bearer", BEARER, "--run-dir", "run"];
    let mut command = work_dir.command(begin.iter().chain(flags));
    command
        .env("AWS_ENDPOINT_URL", &sandbox.url)
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox");
    Output::of(&mut command)
}

fn start(work_dir: &WorkDir, flags: &[&str]) -> Sandbox {
    let begin = ["sandbox", "--listen", "127.0.0.1:0"];
    Sandbox::start_with(&mut work_dir.command(begin.iter().chain(flags)))
}

#[test]
fn a_run_has_the_figures_of_the_sandbox_and_keeps_them_for_resume() {
    let work_dir = WorkDir::with("list.csv", channels());
    let sandbox = start(&work_dir, &["--bearer-quota", "40", "--capacity", "12345"]);
    let output = run(&work_dir, &sandbox, &["--quotas"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let shown =
        "quotas: 40 calls a second by a bearer (applied), 12345 members in a channel (applied)\n";
    assert!(output.stderr.contains(shown), "{output:#?}");
    let summary = work_dir.summary("run");
    let rate = summary.quotas.unwrap().bearer_rate;
    assert_eq!((rate.value, rate.source), (40.0, QuotaSource::Applied));
    assert_eq!(summary.quotas.unwrap().bearer_rate.value.to_string(), "40");
    let resume = |server: &QuotaServer, flags: &[&str]| {
        let begin = ["resume", "run", "--json"];
        let mut command = command(&work_dir, server, &[&begin[..], flags].concat());
        Output::of(command.env("CHIME_BULK_ENDPOINT_URL", &sandbox.url))
    };
    // Without the flag nobody is asked; with it, a denial changes nothing.
    let denies = QuotaServer::start(|_, _| refused("AccessDeniedException"));
    for flags in [&[][..], &["--quotas"]] {
        let output = resume(&denies, flags);
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(denies.asked().is_empty(), flags.is_empty());
        assert!(output.stderr.contains(shown), "{output:#?}");
        assert_eq!(output.stderr.contains("denied"), !flags.is_empty());
        assert_eq!(
            work_dir
                .summary("run")
                .quotas
                .unwrap()
                .bearer_rate
                .value
                .to_string(),
            "40"
        );
    }
    let raised = QuotaServer::start(|_, body| big(body));
    assert_eq!(resume(&raised, &["--quotas"]).code, Some(0));
    assert_eq!(
        work_dir
            .summary("run")
            .quotas
            .unwrap()
            .bearer_rate
            .value
            .to_string(),
        "25"
    );
}

#[test]
fn refusals_for_the_rate_win_over_the_figures() {
    // The account's figure is more than what the service takes.
    let work_dir = WorkDir::with("list.csv", channels());
    let sandbox = start(&work_dir, &["--bearer-quota", "10"]);
    let server = QuotaServer::start(|_, body| {
        quota(
            if body.contains("L-A92") {
                "200"
            } else {
                "10000"
            },
            body,
        )
    });
    let begin = [
        "run",
        "list.csv",
        "--bearer",
        BEARER,
        "--run-dir",
        "run",
        "--quotas",
    ];
    let mut command = command(&work_dir, &server, &begin);
    let output = Output::of(command.env("CHIME_BULK_ENDPOINT_URL", &sandbox.url));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!(summary.quotas.unwrap().bearer_rate.value.to_string(), "200");
    assert!(summary.throttled_calls > 0, "{summary:#?}");
    assert_eq!(summary.added, 60);
    assert!(!server.asked().is_empty());

    // And a figure that is too low does not slow the run down: the documented one is tried.
    let work_dir = WorkDir::with("list.csv", channels());
    let sandbox = start(&work_dir, &["--bearer-quota", "8"]);
    let output = run(&work_dir, &sandbox, &["--quotas"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let note = "warning: quotas: AWS has 8 calls a second by a bearer (applied), fewer than documented: 10";
    assert!(output.stderr.contains(note), "{output:#?}");
    assert_eq!(work_dir.summary("run").added, 60);
}

#[test]
fn a_sandbox_in_the_process_has_its_own_figures() {
    let work_dir = work_dir();
    let server = QuotaServer::start(|_, body| big(body));
    for (begin, end) in [("run", "quotas: 10 calls"), ("plan", "list: ")] {
        let arguments = [
            begin,
            "list.csv",
            "--sandbox",
            "--quotas",
            "--channel-arn",
            CHANNEL,
        ];
        let output = Output::of(&mut command(&work_dir, &server, &arguments));
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert!(output.stderr.contains(end), "{output:#?}");
        assert!(!output.stderr.contains("warning"), "{output:#?}");
    }
    assert!(server.asked().is_empty());
}

#[test]
fn without_the_flag_nobody_is_asked() {
    let server = QuotaServer::start(|_, body| big(body));
    let work_dir = work_dir();
    let arguments = [
        "plan",
        "list.csv",
        "--json",
        "--bearer",
        BEARER,
        "--channel-arn",
        CHANNEL,
    ];
    let output = Output::of(&mut command(&work_dir, &server, &arguments));
    let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((plan.quotas, server.asked().len()), (None, 0));
}
