//! `report.html`, as text and in a browser.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use chime_bulk::job;
use chime_bulk::ledger::{Durability, Ledger};
use chime_bulk::model::{Limits, RunState};
use chime_bulk::report::{self, PAGE, Reports};

use crate::support::is_large;
use crate::support::program::{APP, BEARER, CHANNEL, Output, Sandbox, WorkDir, ids};

/// The widths of a phone and of a desktop.
const WIDTHS: [u32; 2] = [390, 1_280];
/// If `required`, the tests that need a browser must not be skipped.
const BROWSER: &str = "CHIME_BULK_BROWSER";

/// A finished run of a list for one channel.
fn finished_run(list: &str, flags: &[&str]) -> WorkDir {
    let work_dir = WorkDir::with("list.csv", list);
    let flags: Vec<&str> = ["--channel-arn", CHANNEL]
        .iter()
        .chain(flags)
        .copied()
        .collect();
    let output = work_dir.run_fast("list.csv", &flags);
    assert!(matches!(output.code, Some(0 | 1)), "{output:#?}");
    work_dir
}

fn page(work_dir: &WorkDir) -> String {
    std::fs::read_to_string(work_dir.path("run").join(PAGE)).unwrap()
}

/// Checks that elements are nested and closed, and that quotes and brackets match.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "link", "input"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        assert!(
            !rest[..at].contains('>') || matches!(open.last(), Some(&("style" | "script"))),
            "{}",
            &rest[..at]
        );
        let end = rest[at..].find('>').expect("a tag that ends") + at;
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "wrong closing tag");
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag}>");
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0], "unclosed elements");
}

#[test]
fn the_page_of_a_finished_run_is_complete() {
    let work_dir = finished_run(&(ids("u", 2_999) + "gone\n"), &["--missing-users", "gone"]);
    let page = page(&work_dir);
    assert_well_formed(&page);
    let texts = [
        "<html lang=\"en\">",
        "default-src 'none'",
        "Members of list.csv",
        ": 2,999 of 3,000 rows got in, 1 did not.",
        "2,999",
        "there is no such user or channel",
        "create it, or correct its id",
        "<th class=\"n\" scope=\"row\">3,000</th>",
        "chime-bulk retry ",
        "calls a second",
        "options.channel_arn",
        "prefers-color-scheme:dark",
        "@media print",
    ];
    for text in texts {
        assert!(page.contains(text), "{text}\n{page}");
    }
    for chart in ["throughput", "channels", "latency"] {
        assert!(page.contains(&format!("<svg id=\"{chart}\"")), "{chart}");
        assert!(
            page.contains(&format!("<title id=\"{chart}-title\">")),
            "{chart}"
        );
        assert!(
            page.contains(&format!("<desc id=\"{chart}-desc\">")),
            "{chart}"
        );
    }
    assert_eq!(
        page.matches("<script").count(),
        1,
        "only that of the filter"
    );
    for absent in ["chime-bulk resume", "chime-bulk undo", "chime-bulk verify"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn text_of_the_list_is_never_markup() {
    const MARKUP: &str = "<img src=x onerror=alert(1)>\"'&amp;</td></style><script>";
    let mut list = "user_id,note\n".to_owned();
    let _ = writeln!(list, "\"{}\",a", MARKUP.replace('"', "\"\""));
    let _ = writeln!(list, "\u{202e}evil,b");
    let work_dir = WorkDir::with("<b>&\"list.csv", list);
    let flags = ["--channel-arn", CHANNEL, "--member-column", "user_id"];
    let output = work_dir.run_fast("<b>&\"list.csv", &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let page = page(&work_dir);
    assert_well_formed(&page);
    assert_eq!(
        page.matches("<script").count(),
        1,
        "only that of the filter"
    );
    for absent in ["<img", "<b>", "\u{202e}"] {
        assert!(!page.contains(absent), "{absent}\n{page}");
    }
    assert!(
        page.contains("Members of &lt;b&gt;&amp;&quot;list.csv"),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;"), "{page}");
}

#[test]
fn a_list_without_rows_and_a_list_with_one_row_have_a_page() {
    let none = page(&finished_run("user_id\n", &[]));
    assert_well_formed(&none);
    assert!(
        none.contains("Finished: there was no row to add."),
        "{none}"
    );
    assert!(
        none.contains("No call was made.") && !none.contains("NaN"),
        "{none}"
    );
    let one = page(&finished_run("user_id\nu1\n", &[]));
    assert_well_formed(&one);
    assert!(one.contains("every member of the list is in"), "{one}");
    assert!(one.contains("class=\"verdict good\""), "{one}");
    assert!(
        one.contains("Of 1 answer, ") && !one.contains("NaN"),
        "{one}"
    );
    assert!(!one.contains("chime-bulk retry"), "{one}");
}

/// The sum of a column of the throughput table, counted from 1.
fn column(page: &str, number: usize) -> u64 {
    let table = page.split_once("The throughput in figures").unwrap().1;
    let table = table.split("</table>").next().unwrap();
    let body = table.split("<tbody>").nth(1).unwrap();
    let cell = |row: &str| {
        let cells = row.split("<td class=\"n\">").nth(number).unwrap();
        let text = cells.split('<').next().unwrap().replace(',', "");
        text.parse::<u64>().unwrap()
    };
    body.split("</tr>")
        .filter(|row| row.contains("<td"))
        .map(cell)
        .sum()
}

#[test]
fn the_throughput_table_counts_every_call_and_member() {
    let flags = ["--fault", "call-throttled=0.2", "--seed", "3"];
    let work_dir = finished_run(&ids("u", 2_000), &flags);
    let (page, summary) = (page(&work_dir), work_dir.summary("run"));
    assert!(summary.throttled_calls > 0, "{summary:?}");
    let [accepted, throttled, failed, members] = [3, 4, 5, 6].map(|number| column(&page, number));
    assert_eq!(throttled, summary.throttled_calls);
    assert_eq!(accepted + throttled + failed, summary.calls);
    assert_eq!(members, summary.added);
}

/// Writes the reports of a run as if it had ended in this state; returns the page.
fn write_reports_as(work_dir: &WorkDir, state: RunState) -> String {
    let dir = work_dir.path("run");
    let ledger = Ledger::open(&dir.join(job::LEDGER), Durability::None).unwrap();
    let limits = &Limits::of_region("us-east-1");
    let reports = Reports {
        dir: &dir,
        state,
        limits,
    };
    report::write(&ledger, reports, || true).unwrap();
    page(work_dir)
}

#[test]
fn the_page_of_an_unfinished_run_has_the_resume_command() {
    let work_dir = finished_run(&ids("u", 300), &[]);
    for (state, word) in [
        (RunState::Interrupted, "Interrupted after"),
        (RunState::Aborted, "Stopped after"),
    ] {
        let page = write_reports_as(&work_dir, state);
        assert_well_formed(&page);
        assert!(
            page.contains(word) && page.contains("with 300 of 300 rows in"),
            "{page}"
        );
        assert!(page.contains("chime-bulk resume ") && !page.contains("chime-bulk retry "));
    }
}

#[test]
fn the_page_does_not_grow_with_the_list() {
    let small = page(&finished_run(
        &ids("gone", 200),
        &["--missing-users", "gone"],
    ));
    let large = page(&finished_run(
        &ids("gone", 20_000),
        &["--missing-users", "gone"],
    ));
    assert!(
        large.len() < small.len() + 8_000,
        "{} {}",
        small.len(),
        large.len()
    );
}

/// Chromium, if it is installed. CI sets `CHIME_BULK_BROWSER=required`, so that these tests run there.
#[expect(clippy::print_stderr, reason = "shows that a test was skipped")]
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path)
        .flat_map(|dir| names.map(|name| dir.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os(BROWSER).is_none_or(|value| value != "required"),
            "{BROWSER}=required, but there is no Chromium"
        );
        eprintln!("skipped: no Chromium (apt-get install chromium)");
    }
    found
}

/// The DOM that Chromium renders from a page, and its log.
fn rendered(chromium: &Path, scratch: &Path, url: &str) -> (String, String) {
    let profile = tempfile::tempdir_in(scratch).unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
        ])
        .args(["--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--log-level=0"])
        .args(["--allow-file-access-from-files", "--window-size=1400,1000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=10000", "--dump-dom", url])
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr))
}

/// Measures the page in frames of each width, with a script in the page around them.
fn measure(chromium: &Path, work_dir: &WorkDir) -> String {
    let script = "const wide=[...d.querySelectorAll('body *')].filter(e=>!e.closest('.wide,svg')&&
            e.getBoundingClientRect().right>r.clientWidth+1).length;
        const drawn=[...d.querySelectorAll('figure svg')].filter(e=>
            e.getBoundingClientRect().height>30&&e.querySelector('rect,polygon')).length;
        const fetched=f.contentWindow.performance.getEntriesByType('resource').length;
        p.textContent=`width ${r.clientWidth} over ${r.scrollWidth-r.clientWidth} wide ${wide} charts ${drawn} fetched ${fetched} scripts ${d.scripts.length};`;";
    in_frames(chromium, work_dir, script)
}

/// Opens the page in frames of each width. The script runs once for each frame `f`, whose document is
/// `d` with the root `r`, and sets the text of `p`. Returns the document around them.
fn in_frames(chromium: &Path, work_dir: &WorkDir, script: &str) -> String {
    let mut harness = "<!DOCTYPE html><meta charset=utf-8><body>".to_owned();
    for width in WIDTHS {
        let _ = write!(
            harness,
            "<iframe src='run/{PAGE}' width={width} height=900 style='border:0'></iframe>"
        );
    }
    let _ = write!(
        harness,
        "<script>onload=()=>{{for(const f of document.querySelectorAll('iframe')){{
        const d=f.contentDocument,r=d.documentElement,p=document.createElement('p');
        {script} document.body.append(p)}}}}</script>"
    );
    let file = work_dir.path("harness.html");
    std::fs::write(&file, harness).unwrap();
    let (dom, log) = rendered(
        chromium,
        &work_dir.path("."),
        &format!("file://{}", file.display()),
    );
    assert!(!log.contains("CONSOLE"), "{log}");
    dom
}

#[test]
fn in_a_browser_nothing_overflows_or_is_fetched_and_every_chart_is_drawn() {
    let Some(chromium) = browser() else { return };
    let long = format!(
        "user_id\n{}\n{}",
        "x".repeat(3_000),
        ids("u", 900).replace("user_id\n", "")
    );
    let lists = [
        ("user_id\n".to_owned(), 0),
        ("user_id\nu1\n".to_owned(), 3),
        (long, 3),
    ];
    for (list, charts) in lists {
        let dom = measure(&chromium, &finished_run(&list, &["--missing-users", "u7"]));
        for width in WIDTHS {
            let expected =
                format!("width {width} over 0 wide 0 charts {charts} fetched 0 scripts 1;");
            assert!(
                dom.contains(&expected),
                "{expected}\n{}",
                &dom[dom.len().saturating_sub(600)..]
            );
        }
    }
}

/// A list of this many channels with a row each; every hundredth has a missing user, too.
fn list_of_channels(channels: usize) -> String {
    let mut list = "channel_id,user_id\n".to_owned();
    for channel in 0..channels {
        let _ = writeln!(list, "room-{channel:05},u1");
        if channel % 100 == 0 {
            let _ = writeln!(list, "room-{channel:05},gone1");
        }
    }
    list
}

/// A finished run of that list, with missing users.
fn run_of_channels(channels: usize) -> WorkDir {
    let work_dir = WorkDir::with("list.csv", list_of_channels(channels));
    let flags = ["--app-instance-arn", APP, "--missing-users", "gone"];
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    work_dir
}

#[test]
fn many_channels_are_cut_to_the_most_failing_and_largest() {
    let page = page(&run_of_channels(3_000));
    assert_well_formed(&page);
    assert!(page.len() < 250_000, "{}", page.len());
    assert!(
        page.contains("Shown are 200 of 3,000; of the other 2,800, every row is in."),
        "{page}"
    );
    let table = page.split_once("table class=\"channels\"").unwrap().1;
    let table = table.split("</table>").next().unwrap();
    assert_eq!(table.matches("<tr data-channel=").count(), 200);
    assert_eq!(table.matches("NotFound 1").count(), 30, "those that fail");
    let first = table.split("</tr>").nth(1).unwrap();
    let full = format!("<code>{APP}/channel/room-00000</code>");
    assert!(first.contains(&full), "{first}");
    let numbers: Vec<&str> = first.split("<td class=\"n\">").skip(1).collect();
    let numbers = numbers.iter().map(|cell| cell.split('<').next().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), ["2", "1", "1"]);
}

#[test]
fn the_page_says_whether_the_run_was_a_rehearsal() {
    let rehearsal = page(&finished_run("user_id\nu1\n", &[]));
    assert!(
        rehearsal.contains("class=\"origin rehearsal\""),
        "{rehearsal}"
    );
    assert!(
        rehearsal.contains("<title>Rehearsal – list.csv"),
        "{rehearsal}"
    );
    let work_dir = WorkDir::with("list.csv", "user_id\nu1\n");
    let sandbox = Sandbox::start(&work_dir, &[]);
    let flags = [
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--channel-arn",
        CHANNEL,
    ];
    let real = sandbox.call(work_dir.command(flags.iter().chain(&["--bearer", BEARER])));
    let output = Output::within_a_minute(&real);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.starts_with("run "), "{output:#?}");
    assert!(!work_dir.summary("run").rehearsal);
    let real = page(&work_dir);
    assert!(
        real.contains("Real run, against the address of --endpoint-url"),
        "{real}"
    );
    assert!(
        !real.contains("ehearsal:") && !real.contains("<title>Rehearsal"),
        "{real}"
    );
}

#[test]
fn defects_are_listed_by_kind() {
    let list = format!("{}not valid\nnot valid 2\n", ids("u", 3));
    let page = page(&finished_run(&list, &[]));
    let table = page.split_once("Defects by kind").unwrap().1;
    let table = table.split("</table>").next().unwrap();
    assert!(table.contains("user_id"), "{table}");
    assert!(table.contains("<td class=\"text\">4, 5</td>"), "{table}");
    assert!(
        page.contains("2 rows can succeed only after a correction")
            && !page.contains("chime-bulk retry"),
        "{page}"
    );
}

#[test]
#[cfg(unix)]
fn a_pause_between_sessions_is_drawn_and_listed() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    let fast = [
        "--unlimited",
        "--channel-rate",
        "100000",
        "--bearer-rate",
        "100000",
    ];
    let output = work_dir.run(["resume", "run"].iter().chain(&fast));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let page = page(&work_dir);
    assert_well_formed(&page);
    for text in [
        "between two sessions",
        "There was 1 pause",
        "stroke=\"#070707\"",
        "pause (dotted)",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(!page.contains("no call accepted (shaded)"), "{page}");
}

#[test]
fn in_a_browser_the_filter_shows_only_what_matches() {
    let Some(chromium) = browser() else { return };
    let work_dir = run_of_channels(150);
    let script = "const visible=()=>[...d.querySelectorAll('.channels tbody tr')].filter(e=>
            e.getBoundingClientRect().height>0).length;
        const set=(id,value)=>{const e=d.getElementById(id);e.value=value;
            e.dispatchEvent(new f.contentWindow.Event('input'));return visible()};
        const box=d.getElementById('filter').getBoundingClientRect().height>0;
        p.textContent=`box ${box} all ${visible()} code ${set('filter-code','NotFound')} both ${
            set('filter-channel','ROOM-00100')} none ${set('filter-channel','x')} again ${
            set('filter-channel','')};`;";
    let dom = in_frames(&chromium, &work_dir, script);
    let expected = "box true all 150 code 2 both 1 none 0 again 2;";
    assert_eq!(
        dom.matches(expected).count(),
        2,
        "{}",
        &dom[dom.len().saturating_sub(600)..]
    );
}

#[test]
fn the_page_of_a_million_rows_has_the_usual_size() {
    let (rows, counts) = if is_large() {
        (1_000_000, "of 1,000,000 rows got in, 11,111 did not.")
    } else {
        (100_000, "of 100,000 rows got in, 1,111 did not.")
    };
    let flags = ["--missing-users", "u77", "--capacity", "1000000"];
    let work_dir = finished_run(&ids("u", rows), &flags);
    let page = page(&work_dir);
    assert_well_formed(&page);
    assert!(page.contains(counts), "{page}");
    assert!(page.len() < 200_000, "{}", page.len());
    let Some(chromium) = browser() else { return };
    let dom = measure(&chromium, &work_dir);
    for width in WIDTHS {
        let expected = format!("width {width} over 0 wide 0 charts 3 fetched 0 scripts 1;");
        assert!(dom.contains(&expected), "{expected}");
    }
}
