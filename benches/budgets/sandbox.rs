//! The service: `chime-bulk sandbox` in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Failure;
use super::process::{self, chime_bulk};

/// A sandbox that has seen nothing yet; ended when dropped.
pub(crate) struct Sandbox {
    process: Child,
    /// Where it is and who may call it, as environment variables.
    variables: Vec<(String, String)>,
}

impl Sandbox {
    /// Starts one without quotas of calls, and with these further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut process = chime_bulk()
            .args(["sandbox", "--unlimited", "--listen", "127.0.0.1:0"])
            .args(["--capacity", "1000000000"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the sandbox says nothing")?;
        let mut variables = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            let said = line
                .trim()
                .strip_prefix("export ")
                .and_then(|said| said.split_once('='));
            if let Some((name, value)) = said {
                variables.push((name.to_owned(), value.to_owned()));
            }
            if line.starts_with("What it has seen") {
                return Ok(Self { process, variables });
            }
        }
        process::kill(&mut process)?;
        Err("the sandbox did not start".into())
    }

    /// Lets a command find it.
    pub(crate) fn known_to<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended; there is nothing to do about it here.
        let _ = process::kill(&mut self.process);
    }
}
