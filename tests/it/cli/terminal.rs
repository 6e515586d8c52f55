//! The program in a terminal: the content of the screen.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::support::program::{BEARER, CHANNEL, WorkDir, ids};

/// The longest time until something appears on the screen.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The program in a terminal.
pub(super) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

impl Terminal {
    pub(super) fn start(
        work_dir: &WorkDir,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let (rows, cols) = (24, 80);
        let pair = native_pty_system().openpty(size(rows, cols)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_chime-bulk"));
        command.args(arguments);
        command.cwd(work_dir.path(""));
        command.env_clear();
        command.env("HOME", work_dir.path(""));
        command.env("TERM", "xterm-256color");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // At the end, a read fails or returns nothing, depending on the system.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            output,
            screen: vt100::Parser::new(rows, cols, 1_000),
        }
    }

    /// The lines on the screen, without trailing blanks.
    fn lines(&self) -> Vec<String> {
        let screen = self.screen.screen();
        let rows = screen.rows(0, screen.size().1);
        let mut lines: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
        let filled = lines.iter().rposition(|line| !line.is_empty());
        lines.truncate(filled.map_or(0, |last| last + 1));
        lines
    }

    /// Waits until the lines on the screen fulfil a condition, and returns them.
    pub(super) fn until(&mut self, condition: impl Fn(&[String]) -> bool) -> Vec<String> {
        loop {
            let lines = self.lines();
            if condition(&lines) {
                return lines;
            }
            match self.output.recv_timeout(TIMEOUT) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(error) => panic!("{error}; on the screen:\n{}", lines.join("\n")),
            }
        }
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        self.master.resize(size(rows, cols)).unwrap();
        self.screen.screen_mut().set_size(rows, cols);
    }

    pub(super) fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the program ends. Returns the exit code and the lines on the screen.
    pub(super) fn end(&mut self) -> (u32, Vec<String>) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(TIMEOUT) {
            self.screen.process(&bytes);
        }
        (status.exit_code(), self.lines())
    }
}

/// The number of bars on the screen.
pub(super) fn bars(lines: &[String]) -> usize {
    lines.iter().filter(|l| l.contains('░')).count()
}

pub(super) fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

/// A run with three channels that takes half a minute.
fn run(work_dir: &WorkDir, more: &[&str]) -> Terminal {
    let list = "channel,member\n".to_owned()
        + &[("big", 3_000), ("middle", 2_000), ("small", 1_000)]
            .iter()
            .flat_map(|(channel, rows)| (0..*rows).map(move |row| format!("{channel},u{row}\n")))
            .collect::<String>();
    std::fs::write(work_dir.path("list.csv"), list).unwrap();
    let begin = ["run", "list.csv", "--sandbox", "--bearer", BEARER];
    Terminal::start(work_dir, &[&begin, more].concat(), &[])
}

#[test]
fn bars_are_drawn_resized_and_removed_at_an_interrupt() {
    let work_dir = WorkDir::new();
    let mut terminal = run(&work_dir, &["--run-dir", "run"]);
    let lines = terminal.until(|lines| has(lines, " small ") && has(lines, "/s of 3"));
    assert_eq!(bars(&lines), 1, "{lines:#?}");
    assert!(has(&lines, " of 6,000 members · "), "{lines:#?}");
    assert!(has(&lines, " in flight"), "{lines:#?}");
    let above: Vec<_> = lines[..3].iter().map(|line| &line[..5]).collect();
    assert_eq!(above, ["list:", "run: ", "bound"], "{lines:#?}");
    let largest: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(" left  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(largest, ["big", "middle", "small"], "{lines:#?}");

    terminal.resize(24, 50);
    let lines = terminal.until(|lines| has(lines, "/6,000 · ") && bars(lines) == 1);
    assert!(!has(&lines, " big "), "{lines:#?}");
    terminal.resize(24, 100);
    terminal.until(|lines| has(lines, " of 6,000 members · ") && bars(lines) == 1);
    assert!(terminal.screen.screen().hide_cursor());

    terminal.press(b"\x03");
    let (code, lines) = terminal.end();
    assert_eq!(code, 130, "{lines:#?}");
    assert_eq!(bars(&lines), 0, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "chime-bulk resume run");
    assert!(!terminal.screen.screen().hide_cursor());
}

#[test]
fn logs_are_printed_above_the_bars() {
    let work_dir = WorkDir::new();
    let mut terminal = run(&work_dir, &["--run-dir", "run", "-vv"]);
    let lines = terminal.until(|lines| has(lines, "call 9 answered after ") && bars(lines) > 0);
    assert_eq!(bars(&lines), 1, "{lines:#?}");
    let bar = lines.iter().position(|line| line.contains('░')).unwrap();
    let logged = |line: &String| line.contains("DEBUG") || line.contains("INFO");
    assert!(lines[..bar].iter().any(logged), "{lines:#?}");
    assert!(!lines[bar..].iter().any(logged), "{lines:#?}");
    terminal.press(b"\x03");
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn plain_draws_no_bars_in_a_terminal() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let flags = ["run", "list.csv", "--sandbox", "--progress", "plain"];
    let arguments = [&flags[..], &["--channel-arn", CHANNEL]].concat();
    let mut terminal = Terminal::start(&work_dir, &arguments, &[]);
    let (code, lines) = terminal.end();
    assert_eq!(code, 0, "{lines:#?}");
    assert_eq!(bars(&lines), 0, "{lines:#?}");
    assert!(has(&lines, "bound: "), "{lines:#?}");
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let arguments = ["run", "list.csv", "--sandbox", "--channel-arn", CHANNEL];
    let mut terminal = Terminal::start(&work_dir, &arguments, &[("TERM", "dumb")]);
    let (code, lines) = terminal.end();
    assert_eq!(code, 0, "{lines:#?}");
    assert_eq!(bars(&lines), 0, "{lines:#?}");
}

/// Whether nothing on the screen is bold, underlined or coloured.
fn is_plain(screen: &vt100::Screen) -> bool {
    let (rows, cols) = screen.size();
    let mut cells = (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
    cells.all(|(row, col)| {
        screen.cell(row, col).is_none_or(|cell| {
            cell.fgcolor() == vt100::Color::Default && !cell.bold() && !cell.underline()
        })
    })
}

#[test]
fn no_color_is_respected() {
    let work_dir = WorkDir::new();
    for (variables, plain) in [(&[][..], false), (&[("NO_COLOR", "1")], true)] {
        let mut terminal = Terminal::start(&work_dir, &["run", "--nonsense"], variables);
        let (code, lines) = terminal.end();
        assert_eq!(code, 2, "{lines:#?}");
        assert_eq!(is_plain(terminal.screen.screen()), plain, "{lines:#?}");
    }
}
