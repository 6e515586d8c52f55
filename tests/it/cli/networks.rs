//! Proxies and private certificate authorities.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use chime_bulk::sandbox::SandboxConfig;
use rusqlite::Connection;

use crate::support::program::{BEARER, CHANNEL, Output, WorkDir, ids};
use crate::support::proxied::{NAME, PASSWORD, Tinyproxy, USER, serve_tls};
use crate::support::server::Server;

/// A run of 250 members over HTTPS, with everything written down that can be.
fn command(work_dir: &WorkDir, flags: &[&str]) -> Command {
    std::fs::write(work_dir.path("list.csv"), ids("user-", 250)).unwrap();
    let begin = ["run", "list.csv", "--run-dir", "run", "--bearer", BEARER];
    let to = ["--channel-arn", CHANNEL, "--channel-rate", "1000"];
    let log = ["-vv", "--log-file", "log", "--patience", "1"];
    let mut command = work_dir.command(begin.iter().chain(&to).chain(&log).chain(flags));
    with_credentials(&mut command).env("AWS_ENDPOINT_URL", format!("https://{NAME}"));
    command
}

fn with_credentials(command: &mut Command) -> &mut Command {
    command
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
}

fn output(command: &Command) -> Output {
    tokio::task::block_in_place(|| Output::within_a_minute(command))
}

/// The proxy's password is neither in the output nor in a file of the run.
#[track_caller]
fn check_no_password(work_dir: &WorkDir, output: &Output) {
    let base64 = "cHJveHktdXNlcjpvcGVuLnNlc2FtZS00NzEx";
    let secrets = [PASSWORD, "open%2Esesame", base64, USER];
    let shown = format!("{}{}", output.stdout, output.stderr);
    let mut texts = vec![("output".to_owned(), shown.into_bytes())];
    let files = std::fs::read_dir(work_dir.path("run"))
        .into_iter()
        .flatten();
    let files = files.map(|file| file.unwrap().path());
    let files = files.chain([work_dir.path("log")]);
    let files = files.filter(|file| file.is_file());
    texts.extend(files.map(|file| (file.display().to_string(), std::fs::read(file).unwrap())));
    for (place, text) in texts {
        for secret in secrets {
            let mut parts = text.windows(secret.len());
            assert!(
                !parts.any(|part| part == secret.as_bytes()),
                "{secret} in {place}"
            );
        }
    }
}

/// The run stopped, nobody failed, and no row may have been applied.
#[track_caller]
fn check_nothing_sent(work_dir: &WorkDir, output: &Output, texts: &[&str]) {
    assert_eq!(output.code, Some(3), "{output:#?}");
    let error = output.stderr.split("\nerror: ").nth(1).unwrap_or_default();
    for text in texts {
        assert!(error.contains(text), "no `{text}` in {output:#?}");
    }
    let summary = work_dir.summary("run");
    assert_eq!(
        (summary.not_attempted, summary.failed),
        (250, 0),
        "{summary:#?}"
    );
    let ledger = Connection::open(work_dir.path("run/ledger.db")).unwrap();
    let doubts = "SELECT count(*) FROM verdict WHERE in_doubt";
    let doubts: u64 = ledger.query_row(doubts, [], |row| row.get(0)).unwrap();
    assert_eq!(doubts, 0, "{output:#?}");
    output.resume();
    check_no_password(work_dir, output);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_through_a_proxy_under_a_private_ca_and_its_password_is_nowhere() {
    let work_dir = WorkDir::new();
    let server = Server::start(SandboxConfig::default()).await;
    let service = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = Tinyproxy::start(&work_dir, serve_tls(&work_dir, service).await);
    let url = proxy.url(&format!("{USER}:open%2Esesame-4711"));

    // A wrong password: the proxy refuses to connect.
    let wrong = proxy.url(&format!("{USER}:open.sesame-wrong"));
    let mut first = command(&work_dir, &[]);
    first
        .env("HTTPS_PROXY", &wrong)
        .env("AWS_CA_BUNDLE", "ca.pem");
    let refused = output(&first);
    let named = format!("through the proxy {} of HTTPS_PROXY", proxy.address);
    let texts = [named.as_str(), "ProxyFailed", "hint: check HTTPS_PROXY"];
    check_nothing_sent(&work_dir, &refused, &texts);
    assert!(!refused.stderr.contains("wrong"), "{refused:#?}");

    // A CA that nobody knows: no request is sent.
    let resume = |variables: &[(&str, &str)], flags: &[&str]| {
        let mut command = work_dir.command(refused.resume());
        command.env("AWS_ENDPOINT_URL", format!("https://{NAME}"));
        with_credentials(&mut command).envs(variables.iter().copied());
        output(command.args(["-vv", "--log-file", "log"]).args(flags))
    };
    let unknown = resume(&[("https_proxy", &url)], &[]);
    let texts = [
        "UntrustedServer",
        "UnknownIssuer",
        "hint: name the PEM file",
        "AWS_CA_BUNDLE",
    ];
    check_nothing_sent(&work_dir, &unknown, &texts);

    // The profile names the CA.
    std::fs::write(work_dir.path("aws"), "[default]\nca_bundle = ca.pem\n").unwrap();
    let done = resume(
        &[("ALL_PROXY", &url), ("AWS_CONFIG_FILE", "aws")],
        &["--progress", "json"],
    );
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_eq!(work_dir.summary("run").added, 250);
    check_no_password(&work_dir, &done);
}

/// Accepts connections, sends these bytes once something came, and closes.
fn proxy_that_answers(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{USER}:{PASSWORD}@{}",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut vec![0; 65_536]);
            let _ = stream.write_all(answer);
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_does_not_connect_leaves_no_row_in_doubt_and_fails_none() {
    let answers: [(&[u8], &str); 5] = [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "authorization required",
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\n\r\nopen.sesame-4711",
            "unsuccessful",
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "unsuccessful"),
        (b"no HTTP at all\r\n\r\n", "unsuccessful"),
        (b"", "unexpected end of file"),
    ];
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = format!("http://{USER}:{PASSWORD}@{refused}");
    let mut cases: Vec<(String, &str)> = vec![(refused, "Connection refused")];
    cases.extend(answers.map(|(answer, why)| (proxy_that_answers(answer), why)));
    // TLS breaks off after the tunnel is made.
    cases.push((proxy_that_answers(b"HTTP/1.1 200 OK\r\n\r\n"), "handshake"));
    for (url, why) in cases {
        let work_dir = WorkDir::new();
        let host = url.split('@').nth(1).unwrap();
        let mut command = command(&work_dir, &["--max-attempts", "1"]);
        let output = output(command.env("HTTPS_PROXY", &url));
        check_nothing_sent(
            &work_dir,
            &output,
            &["ProxyFailed", "HTTPS_PROXY", host, why],
        );
    }
}

/// A proxy that must not be called.
struct Untouched(TcpListener);

impl Untouched {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn set<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let url = format!("http://{}", self.0.local_addr().unwrap());
        ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"]
            .into_iter()
            .fold(command, |command, name| command.env(name, &url))
    }

    #[track_caller]
    fn check(&self) {
        assert!(self.0.accept().is_err(), "the proxy was called");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_loopback_nor_a_sandbox_nor_no_proxy_goes_through_the_proxy() {
    let proxy = Untouched::new();
    let work_dir = WorkDir::new();
    let server = Server::start(SandboxConfig::default()).await;
    for url in [
        server.url.clone(),
        server.url.replace("127.0.0.1", "localhost"),
    ] {
        let work_dir = WorkDir::new();
        let mut command = command(&work_dir, &["--endpoint-url", &url]);
        let output = output(proxy.set(&mut command));
        assert_eq!(output.code, Some(0), "{output:#?}");
    }
    std::fs::write(work_dir.path("list.csv"), ids("user-", 10)).unwrap();
    let sandbox = [
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--sandbox",
        "--channel-arn",
        CHANNEL,
    ];
    let mut command_of_sandbox = work_dir.command(sandbox);
    // Not even what cannot work is an error there.
    proxy
        .set(&mut command_of_sandbox)
        .env("AWS_CA_BUNDLE", "nowhere.pem");
    let done = output(command_of_sandbox.env("https_proxy", "socks5://nowhere"));
    assert_eq!(done.code, Some(0), "{done:#?}");
    for no_proxy in ["*", NAME, "example.com, .invalid"] {
        let work_dir = WorkDir::new();
        let mut command = command(&work_dir, &[]);
        let output = output(proxy.set(&mut command).env("NO_PROXY", no_proxy));
        check_nothing_sent(&work_dir, &output, &["Unreachable", "dns error"]);
    }
    proxy.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_any_request() {
    let work_dir = WorkDir::with("empty.pem", "no certificate");
    let key = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(work_dir.path("bad.pem"), key).unwrap();
    let cases = [
        (
            "HTTPS_PROXY",
            "socks5://ann:secret@p:1",
            "the proxy of HTTPS_PROXY cannot be used",
            "hint: set it",
        ),
        (
            "all_proxy",
            "http://ann:sec/ret@p:1",
            "the proxy of all_proxy cannot be used",
            "NO_PROXY",
        ),
        (
            "AWS_CA_BUNDLE",
            "nowhere.pem",
            "the CA bundle nowhere.pem of AWS_CA_BUNDLE",
            "hint: name a readable",
        ),
        (
            "AWS_CA_BUNDLE",
            "empty.pem",
            "contains no certificate",
            "hint: name a readable",
        ),
        (
            "AWS_CA_BUNDLE",
            "bad.pem",
            "contains no certificate",
            "hint: name a readable",
        ),
        (
            "AWS_CA_BUNDLE",
            ".",
            "Is a directory",
            "hint: name a readable",
        ),
    ];
    for (variable, value, error, hint) in cases {
        let output = output(command(&work_dir, &[]).env(variable, value));
        assert_eq!(output.code, Some(2), "{output:#?}");
        for text in [error, hint] {
            assert!(output.stderr.contains(text), "no `{text}` in {output:#?}");
        }
        assert!(!output.stderr.contains("secret") && !output.stderr.contains("sec/ret"));
        assert!(!Path::new(&work_dir.path("run")).exists());
    }
}

/// The address that `--print-config` shows under these variables.
fn address(api: &str, region: &str, variables: &[(&str, &str)]) -> String {
    let work_dir = WorkDir::new();
    let bearer = BEARER.replace("us-east-1", region);
    let arguments = [
        "run",
        "list.csv",
        "--api",
        api,
        "--bearer",
        &bearer,
        "--print-config",
    ];
    let mut command = work_dir.command(arguments);
    let output = output(command.envs(variables.iter().copied()));
    let line = output.stdout.lines().last().unwrap_or_default();
    line.strip_prefix("# address called: ").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn fips_and_dual_stack_addresses_are_those_of_the_usual_variables() {
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    for (api, region) in [
        ("messaging", "us-east-1"),
        ("messaging", "eu-central-1"),
        #[cfg(feature = "legacy-chime")]
        ("legacy", "us-east-1"),
    ] {
        let cases = [
            (
                vec![],
                format!("https://messaging-chime.{region}.amazonaws.com"),
            ),
            (
                vec![fips],
                format!("https://messaging-chime-fips.{region}.amazonaws.com"),
            ),
            (
                vec![dual],
                format!("https://messaging-chime.{region}.api.aws"),
            ),
            (
                vec![fips, dual],
                format!("https://messaging-chime-fips.{region}.api.aws"),
            ),
        ];
        for (variables, wanted) in cases {
            assert_eq!(
                address(api, region, &variables),
                wanted,
                "{api} {variables:?}"
            );
        }
        let elsewhere = address(api, "eu-west-1", &[fips]);
        assert!(
            elsewhere.contains("is not in region `eu-west-1`"),
            "{elsewhere}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn print_config_names_the_proxy_without_its_password() {
    let proxy = ("HTTPS_PROXY", "http://ann:secret@proxy.example:3128");
    let aws = "https://messaging-chime.us-east-1.amazonaws.com";
    let through = format!("{aws} through the proxy proxy.example:3128 of HTTPS_PROXY");
    assert_eq!(address("messaging", "us-east-1", &[proxy]), through);
    let direct = address(
        "messaging",
        "us-east-1",
        &[proxy, ("NO_PROXY", "amazonaws.com")],
    );
    assert_eq!(direct, aws);
}
