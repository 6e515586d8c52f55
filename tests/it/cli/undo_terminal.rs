//! `undo` in a terminal: its question, and its bars.

use chime_bulk::sandbox::ExistingAnswer;

use super::terminal::{Terminal, bars, has};
use super::undo::{members, run, server};
use crate::support::program::{BEARER, WorkDir, ids};
use crate::support::server::Server;

/// Starts the undo of `run`, with this rate of the bearer.
fn start(work_dir: &WorkDir, server: &Server, rate: &str) -> Terminal {
    let variables = [
        ("CHIME_BULK_ENDPOINT_URL", server.url.as_str()),
        ("CHIME_BULK_BEARER_RATE", rate),
        ("AWS_ACCESS_KEY_ID", "sandbox"),
        ("AWS_SECRET_ACCESS_KEY", "sandbox"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    Terminal::start(work_dir, &["undo", "run"], &variables)
}

/// Waits for the question, and answers it.
fn answer(terminal: &mut Terminal, keys: &[u8]) {
    let question = "remove 20 members from 1 channel? [y/N]";
    terminal.until(|lines| has(lines, question));
    terminal.press(keys);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_removed_before_the_answer_is_yes() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 20));
    run(&work_dir, &server, "list.csv", BEARER, "run");
    tokio::task::block_in_place(|| {
        // The third ends the input.
        for keys in [&b"\r"[..], b"n\r", b"\x04", b"yesterday\r"] {
            let mut terminal = start(&work_dir, &server, "100000");
            answer(&mut terminal, keys);
            let (code, lines) = terminal.end();
            assert_eq!(code, 1, "{lines:#?}");
            assert!(has(&lines, "nothing was removed"), "{lines:#?}");
        }
        let mut terminal = start(&work_dir, &server, "100000");
        answer(&mut terminal, b"\x03");
        assert_ne!(terminal.end().0, 0);
        assert_eq!(members(&server), 20);
        assert!(!work_dir.path("run/undo").exists());
        let mut terminal = start(&work_dir, &server, "100000");
        answer(&mut terminal, b"Yes\r");
        let (code, lines) = terminal.end();
        assert_eq!(code, 0, "{lines:#?}");
        assert!(has(&lines, "  removed                   20"), "{lines:#?}");
        assert_eq!(members(&server), 0);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bars_of_an_undo_say_nothing_of_adding_and_an_interrupt_leaves_it_to_continue() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 20));
    run(&work_dir, &server, "list.csv", BEARER, "run");
    tokio::task::block_in_place(|| {
        let mut terminal = start(&work_dir, &server, "4");
        answer(&mut terminal, b"y\r");
        let lines = terminal.until(|lines| bars(lines) == 1 && has(lines, "/s of 2"));
        assert!(has(&lines, "removal: run against http"), "{lines:#?}");
        assert!(has(&lines, " of 20 members · "), "{lines:#?}");
        for word in ["added", "list", "not used"] {
            assert!(!has(&lines, word), "{lines:#?}");
        }
        terminal.press(b"\x03");
        let (code, lines) = terminal.end();
        assert_eq!(code, 130, "{lines:#?}");
        assert_eq!(lines.last().unwrap(), "chime-bulk undo run --yes");
        assert!(has(&lines, "not attempted"), "{lines:#?}");
    });
}
