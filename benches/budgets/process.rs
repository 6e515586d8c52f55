//! Processes, and what they took.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Failure;

/// Between two looks at a process. What its memory grows by in the last of these is missed.
const LOOK: Duration = Duration::from_millis(10);
/// Clock ticks per second in `/proc`: fixed in Linux's interface (`man 5 proc`, `USER_HZ`).
const TICKS: f64 = 100.0;
/// No process is waited for longer.
const PATIENCE: Duration = Duration::from_mins(30);

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Processor time, of user and system.
    pub(crate) cpu_seconds: f64,
    /// Most memory resident, in MB of a million bytes.
    pub(crate) peak_mb: f64,
    /// From its start to its end.
    pub(crate) seconds: f64,
}

/// The program under measure.
pub(crate) fn chime_bulk() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chime-bulk"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Taken, Failure> {
    let (taken, status) = run_until(command, || false)?;
    if status.success() {
        Ok(taken)
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// Runs a command to its end, or until it is enough: then it is killed.
pub(crate) fn run_until(
    command: &mut Command,
    mut enough: impl FnMut() -> bool,
) -> Result<(Taken, ExitStatus), Failure> {
    let before = cpu_seconds(Whose::Children)?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let status = loop {
        // A process that has just ended shows no memory any more.
        if let Ok(text) = fs::read_to_string(&status_file) {
            peak_kib = peak_kib.max(high_water_kib(&text).unwrap_or_default());
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if enough() || start.elapsed() > PATIENCE {
            kill(&mut child)?;
            break child.wait()?;
        }
        std::thread::sleep(LOOK);
    };
    let taken = Taken {
        cpu_seconds: cpu_seconds(Whose::Children)? - before,
        peak_mb: f64::from(peak_kib) * 1_024.0 / 1e6,
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok((taken, status))
}

/// Ends a process that may have ended by itself.
pub(crate) fn kill(child: &mut Child) -> Result<(), Failure> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// `VmHWM` out of `/proc/PID/status`.
fn high_water_kib(status: &str) -> Option<u32> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Of which processes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    /// This one.
    Own,
    /// Those it has waited for.
    Children,
}

/// Processor time taken so far.
pub(crate) fn cpu_seconds(whose: Whose) -> Result<f64, Failure> {
    let text = fs::read_to_string(Path::new("/proc/self/stat"))?;
    // The second field, the name in parentheses, may hold anything; fields after it are plain.
    let (_, fields) = text
        .rsplit_once(')')
        .ok_or("/proc/self/stat makes no sense")?;
    let (user, system) = match whose {
        Whose::Own => (11, 12),
        Whose::Children => (13, 14),
    };
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |at: usize| -> Result<f64, Failure> { Ok(fields.get(at).ok_or("too short")?.parse()?) };
    Ok((ticks(user)? + ticks(system)?) / TICKS)
}

/// Calls that a run has begun, once there is a ledger to tell.
pub(crate) fn calls_made(ledger: &Path) -> Option<u64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = rusqlite::Connection::open_with_flags(ledger, flags).ok()?;
    let calls = ledger.query_row("SELECT max(id) FROM call", [], |row| row.get(0));
    calls.ok()
}
