//! Bars on a pseudo-terminal that wraps its lines anew when it is resized, as many do.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use portable_pty::{PtyPair, PtySize, native_pty_system};

use super::*;

struct Terminal {
    pair: PtyPair,
    program: File,
    output: Box<dyn Read>,
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
    fn new(rows: u16, cols: u16) -> Self {
        let pair = native_pty_system().openpty(size(rows, cols)).unwrap();
        Self {
            program: open(&pair),
            output: pair.master.try_clone_reader().unwrap(),
            pair,
            screen: vt100::Parser::new(rows, cols, 0),
        }
    }

    fn bars(&self) -> Bars {
        let program = self.program.try_clone().unwrap();
        Bars::new(move || {
            let file = || program.try_clone().unwrap();
            Term::read_write_pair(file(), file())
        })
    }

    /// The lines on the screen by now, without blanks at their ends.
    fn lines(&mut self) -> Vec<String> {
        // Marks the end of what was written; a terminal ignores it.
        self.program.write_all(b"\0").unwrap();
        let mut byte = [1];
        while byte != [0] {
            self.output.read_exact(&mut byte).unwrap();
            self.screen.process(&byte);
        }
        let mut lines = self.rows();
        let filled = lines.iter().rposition(|line| !line.is_empty());
        lines.truncate(filled.map_or(0, |last| last + 1));
        lines
    }

    fn rows(&self) -> Vec<String> {
        let screen = self.screen.screen();
        let rows = screen.rows(0, screen.size().1);
        rows.map(|row| row.trim_end().to_owned()).collect()
    }

    /// Wraps all lines anew. The cursor stays with the line that it is in.
    fn resize(&mut self, rows: u16, cols: u16) {
        let mut lines = self.lines();
        self.pair.master.resize(size(rows, cols)).unwrap();
        let (row, column) = self.screen.screen().cursor_position();
        assert_eq!(column, 0, "the cursor rests at the beginning of a line");
        let row = usize::from(row);
        lines.resize(lines.len().max(row + 1), String::new());
        let height = |line: &String| line.chars().count().div_ceil(cols.into()).max(1);
        let below: usize = lines[row..].iter().map(height).sum();
        self.screen = vt100::Parser::new(rows, cols, 0);
        self.screen.process(lines.join("\r\n").as_bytes());
        let last = usize::from(self.screen.screen().cursor_position().0);
        let row = (last + 2).saturating_sub(below).max(1);
        self.screen.process(format!("\x1b[{row};1H").as_bytes());
    }
}

fn open(pair: &PtyPair) -> File {
    let path = pair.master.tty_name().unwrap();
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

/// A frame of three lines that fit.
fn frame(size: Size) -> Frame {
    let full = "x".repeat(size.width());
    Frame {
        done: 995,
        to_send: 1_000,
        lines: vec!["some".to_owned(), full],
    }
}

/// The lines of that frame.
fn drawn(columns: usize) -> [String; 3] {
    let cells = (columns - 1).min(WIDEST) - PERCENTAGE;
    let full = cells * 995 / 1_000;
    let bar = "█".repeat(full) + &"░".repeat(cells - full) + "  99%";
    [bar, "some".to_owned(), "x".repeat(columns - 1)]
}

#[test]
fn a_bar_is_as_wide_as_is_of_use_and_lines_go_above() {
    for columns in [20, 80, 101, 200] {
        let mut terminal = Terminal::new(10, columns);
        let mut bars = terminal.bars();
        bars.print_line("first");
        assert_eq!(terminal.lines(), ["first"]);
        bars.draw(frame);
        let frame: Vec<_> = drawn(columns.into()).into();
        assert_eq!(
            terminal.lines(),
            [&["first".to_owned()], &frame[..]].concat()
        );
        bars.print_line("second");
        bars.print_line("");
        let above = ["first", "second", ""].map(str::to_owned);
        assert_eq!(terminal.lines(), [&above, &frame[..]].concat());
        assert!(terminal.screen.screen().hide_cursor());
        bars.clear();
        bars.print_line("last");
        assert_eq!(terminal.lines(), ["first", "second", "", "last"]);
        assert!(!terminal.screen.screen().hide_cursor());
    }
}

#[test]
fn a_resize_leaves_no_traces_and_wipes_nothing_above() {
    let mut terminal = Terminal::new(30, 80);
    let mut bars = terminal.bars();
    let mut above = Vec::new();
    for (number, columns) in [80, 30, 120, 12, 11, 200, 80].into_iter().enumerate() {
        terminal.resize(30, columns);
        if number % 2 == 1 {
            // Before the frame is made for the new size.
            let line = format!("line {number}");
            bars.print_line(&line);
            above.push(line);
            let lines = terminal.lines();
            assert_eq!(lines[..above.len()], above, "{lines:#?}");
            assert_eq!(lines.len(), above.len() + 3, "{lines:#?}");
        }
        bars.draw(frame);
        assert_eq!(
            terminal.lines(),
            [&above[..], &drawn(columns.into())].concat()
        );
    }
    bars.clear();
    assert_eq!(terminal.lines(), above);
}

#[test]
fn a_terminal_with_few_rows_never_scrolls() {
    for rows in 1..=4 {
        let mut terminal = Terminal::new(rows, 40);
        let mut bars = terminal.bars();
        for _ in 0..3 {
            bars.draw(frame);
            let shown = usize::from(rows).saturating_sub(1).clamp(1, 3);
            assert_eq!(terminal.lines(), drawn(40)[..shown]);
        }
    }
}
