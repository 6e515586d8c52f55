//! Lists that lie in S3.

use super::{call, flags, run, url};
use crate::support::program::{Output, WorkDir, ids};
use crate::support::s3_server::S3Server;

const COUNT: usize = 3_000;

/// The list as it is, and packed.
fn packed(list: &str) -> [(&'static str, Vec<u8>); 3] {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(list.as_bytes()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(
        list.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    [
        ("plain.csv", list.as_bytes().to_vec()),
        ("gzip.csv.gz", gzip.finish().unwrap()),
        ("zstd.csv.zst", zstd),
    ]
}

#[test]
fn a_list_from_s3_gives_the_rows_of_the_file() {
    let server = S3Server::start();
    let list = ids("u", COUNT);
    let of_file = WorkDir::with("list.csv", &list);
    run(&of_file, &server, "list.csv", &[]);
    let expected = of_file.results("run");
    assert_eq!(expected.len(), COUNT);
    for (key, object) in packed(&list) {
        server.put(key, &object);
        let work_dir = WorkDir::new();
        let planned = call(
            &work_dir,
            &server,
            &[&["plan", &url(key), "--json"][..], &flags()].concat(),
        );
        assert_eq!(planned.code, Some(0), "{key}: {planned:#?}");
        let plan: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
        assert_eq!(plan["members"], COUNT, "{key}");
        assert_eq!(plan["list"], url(key));

        let output = run(&work_dir, &server, &url(key), &[]);
        assert_eq!(output.code, Some(0), "{key}: {output:#?}");
        assert_eq!(work_dir.results("run"), expected, "{key}");

        let arguments = ["sync", &url(key), "--run-dir", "sync"];
        let output = call(&work_dir, &server, &[&arguments[..], &flags()].concat());
        assert_eq!(output.code, Some(0), "{key}: {output:#?}");
        assert_eq!(work_dir.results("sync").len(), COUNT, "{key}");
    }
}

#[test]
fn an_empty_object_is_an_empty_list() {
    let server = S3Server::start();
    server.put("empty.csv", "");
    let output = run(&WorkDir::new(), &server, &url("empty.csv"), &[]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("s3://lists/empty.csv: is empty"),
        "{output:#?}"
    );
}

#[test]
fn any_key_is_read_as_it_is_written_and_never_becomes_a_path() {
    let server = S3Server::start();
    let outside = WorkDir::new();
    for key in [
        "a b/c d.csv",
        "ü/名前.csv",
        "a+b%20c&d=e.csv",
        "%2e%2e/%2Fetc.csv",
        "~/$HOME/`id`;'x'.csv",
        "what?versionId=1#x.csv",
        "...",
        "a/..b/\u{202e}vsc.exe",
        "-rf *",
    ] {
        server.put(key, ids("u", 3));
        let work_dir = WorkDir::new();
        let list = url(key);
        let output = call(
            &work_dir,
            &server,
            &[&["run", &list][..], &flags()].concat(),
        );
        assert_eq!(output.code, Some(0), "{key}: {output:#?}");
        let made: Vec<_> = std::fs::read_dir(work_dir.path("."))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(made, ["runs"], "{key}");
        let runs = std::fs::read_dir(work_dir.path("runs")).unwrap();
        let runs: Vec<_> = runs
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let [dir] = &runs[..] else {
            panic!("{key}: {runs:?}");
        };
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(dir.chars().all(is_safe), "{key}: {dir}");
        let requested = format!("GetObject {key}");
        assert!(
            server.requests().contains(&requested),
            "{key}: {:?}",
            server.requests()
        );
    }
    assert!(
        std::fs::read_dir(outside.path("."))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn an_address_that_names_no_object_is_refused_before_anybody_is_asked() {
    let server = S3Server::start();
    for (list, what) in [
        ("s3://", "is not the name of a bucket"),
        ("s3://lists", "names no object"),
        ("s3://lists/may/", "names no object"),
        ("s3://lists/../../etc/passwd", "the part `.` or `..`"),
        ("s3://lists//etc/passwd", "an empty part"),
        ("s3://Lists/may.csv", "is not the name of a bucket"),
    ] {
        let work_dir = WorkDir::new();
        for command in ["plan", "run", "sync"] {
            let output = call(
                &work_dir,
                &server,
                &[&[command, list][..], &flags()].concat(),
            );
            assert_eq!(output.code, Some(2), "{command} {list}: {output:#?}");
            assert!(
                output.stderr.contains(what),
                "{command} {list}: {output:#?}"
            );
            assert!(
                output.stderr.contains("hint: "),
                "{command} {list}: {output:#?}"
            );
        }
        assert!(!work_dir.path("runs").exists());
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_profile_and_a_process_give_the_credentials() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 3));
    let work_dir = WorkDir::new();
    std::fs::create_dir(work_dir.path(".aws")).unwrap();
    let (id, secret) = (
        crate::support::s3_server::KEY_ID,
        crate::support::s3_server::SECRET,
    );
    let process =
        format!(r#"{{"Version": 1, "AccessKeyId": "{id}", "SecretAccessKey": "{secret}"}}"#);
    std::fs::write(work_dir.path("keys.json"), process).unwrap();
    let config = format!(
        "[profile lists]\nregion = eu-west-3\ncredential_process = cat {}\n",
        work_dir.path("keys.json").display()
    );
    std::fs::write(work_dir.path(".aws/config"), config).unwrap();
    let list = url("list.csv");
    let channel = crate::support::program::CHANNEL;
    let arguments = [
        "plan",
        &list,
        "--channel-arn",
        channel,
        "--profile",
        "lists",
    ];
    let mut command = server.serve(work_dir.command(arguments));
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let output = Output::within_a_minute(&command);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_bucket_in_another_region_is_found_there() {
    let server = S3Server::start();
    server.put("list.csv", ids("u", 3));
    server.set_region("ap-southeast-2");
    let work_dir = WorkDir::new();
    let to = url("out");
    let output = run(&work_dir, &server, &url("list.csv"), &["--reports-to", &to]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(server.get("out/summary.json").is_some());
}
