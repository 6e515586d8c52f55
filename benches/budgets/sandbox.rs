//! The service: `chime-bulk sandbox` in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Failure;
use super::process::{self, chime_bulk};

/// A new sandbox; killed when this is dropped.
pub(crate) struct Sandbox {
    process: Child,
    /// The environment variables that it prints: its address and credentials.
    variables: Vec<(String, String)>,
}

impl Sandbox {
    /// Starts a sandbox without quotas of calls, with additional arguments.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut process = chime_bulk()
            .args(["sandbox", "--unlimited", "--listen", "127.0.0.1:0"])
            .args(["--capacity", "1000000000"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process
            .stdout
            .take()
            .ok_or("the sandbox has no standard output")?;
        let mut variables = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            let variable = line
                .trim()
                .strip_prefix("export ")
                .and_then(|text| text.split_once('='));
            if let Some((name, value)) = variable {
                variables.push((name.to_owned(), value.to_owned()));
            }
            // The last line that it prints.
            if line.starts_with("unset ") {
                return Ok(Self { process, variables });
            }
        }
        process::kill(&mut process)?;
        Err("the sandbox did not start".into())
    }

    /// Sets the variables with which a command calls this sandbox.
    pub(crate) fn configure<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = process::kill(&mut self.process);
    }
}
