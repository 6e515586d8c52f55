//! Runs processes and measures what they use.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Failure;

/// The time between two measurements of a process's memory. Growth after the last one is missed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Clock ticks per second in `/proc`. Linux's interface fixes them (`man 5 proc`, `USER_HZ`).
const TICKS: f64 = 100.0;
/// A process that takes longer is killed.
const TIMEOUT: Duration = Duration::from_mins(30);

/// What a process used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time, user and system.
    pub(crate) cpu_seconds: f64,
    /// Peak resident memory, in MB of a million bytes.
    pub(crate) peak_mb: f64,
    /// Time from its start to its end.
    pub(crate) seconds: f64,
}

/// The program, without input and output.
pub(crate) fn chime_bulk() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chime-bulk"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Usage, Failure> {
    let (usage, status) = run_until(command, || false)?;
    if status.success() {
        Ok(usage)
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// Runs a command to its end, or kills it once `enough` returns true.
pub(crate) fn run_until(
    command: &mut Command,
    mut enough: impl FnMut() -> bool,
) -> Result<(Usage, ExitStatus), Failure> {
    let before = cpu_seconds(Processes::Children)?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let status = loop {
        // A process that has just ended has no memory left to measure.
        if let Ok(text) = fs::read_to_string(&status_file) {
            peak_kib = peak_kib.max(high_water_kib(&text).unwrap_or_default());
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if enough() || start.elapsed() > TIMEOUT {
            kill(&mut child)?;
            break child.wait()?;
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    let usage = Usage {
        cpu_seconds: cpu_seconds(Processes::Children)? - before,
        peak_mb: f64::from(peak_kib) * 1_024.0 / 1e6,
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok((usage, status))
}

/// Kills a process, which may have ended already.
pub(crate) fn kill(child: &mut Child) -> Result<(), Failure> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// The field `VmHWM` of `/proc/PID/status`.
fn high_water_kib(status: &str) -> Option<u32> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processes whose time is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Processes {
    /// This process.
    Own,
    /// Its children that have ended.
    Children,
}

/// Processor time used so far, in seconds.
pub(crate) fn cpu_seconds(of: Processes) -> Result<f64, Failure> {
    let text = fs::read_to_string(Path::new("/proc/self/stat"))?;
    // The second field is the name in parentheses, which may contain any character.
    let (_, fields) = text
        .rsplit_once(')')
        .ok_or("/proc/self/stat has no process name")?;
    let (user, system) = match of {
        Processes::Own => (11, 12),
        Processes::Children => (13, 14),
    };
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |at: usize| -> Result<f64, Failure> { Ok(fields.get(at).ok_or("too short")?.parse()?) };
    Ok((ticks(user)? + ticks(system)?) / TICKS)
}

/// The number of calls that a run has made; `None` before its ledger exists.
pub(crate) fn calls_made(ledger: &Path) -> Option<u64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = rusqlite::Connection::open_with_flags(ledger, flags).ok()?;
    let calls = ledger.query_row("SELECT max(id) FROM call", [], |row| row.get(0));
    calls.ok()
}
