//! Credentials from a program that a profile names: `credential_process`.
//!
//! Promises: no process is left when nobody waits for its answer any more, in time or not; what it
//! prints is read within bounds, and its standard output is never repeated. Must not: decide how
//! long to wait.
//!
//! The SDK has such a provider. It does not end the process when it stops waiting, keeps all that
//! is printed, and lets the process read our standard input, which can be the list.
//!
//! The process leads a process group of its own, and the whole group is killed: `sh -c` starts
//! children, and to kill the shell alone would leave them. The group's number cannot be another's
//! by then, because its leader is not reaped before. Children that the process moved to another
//! session are left alone: an agent that is meant to stay does that.

use std::fmt;
use std::process::Stdio;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::model::escape_control;

/// The longest answer, in bytes: a session token may take some thousand.
const MAX_ANSWER: usize = 64 * 1024;
/// How much of standard error is kept, in bytes, and shown, in characters.
const MAX_STDERR: usize = 300;

/// A command that prints credentials.
#[derive(Clone)]
pub(super) struct CredentialProcess(String);

impl CredentialProcess {
    /// The command as the profile has it: for a shell.
    pub(super) fn new(command: impl Into<String>) -> Self {
        Self(command.into())
    }

    async fn run(&self) -> Result<Credentials, CredentialsError> {
        let mut group = ProcessGroup::start(&self.0)
            .map_err(|error| failed(&format!("the process cannot be started: {error}")))?;
        let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
        let (answer, stderr) = tokio::join!(
            read_start(stdout, MAX_ANSWER + 1),
            read_start(stderr, MAX_STDERR)
        );
        let status = group.child.wait().await;
        let status = status.map_err(|error| failed(&format!("the process was lost: {error}")))?;
        if !status.success() {
            let stderr = String::from_utf8_lossy(&stderr);
            let stderr = escape_control(stderr.trim(), MAX_STDERR);
            return Err(failed(&format!(
                "the process ended with {status}: {stderr}"
            )));
        }
        credentials(&answer).map_err(|what| failed(&format!("the answer {what}")))
    }
}

/// A command can contain a secret.
impl fmt::Debug for CredentialProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialProcess(..)")
    }
}

impl ProvideCredentials for CredentialProcess {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.run())
    }
}

fn failed(what: &str) -> CredentialsError {
    CredentialsError::provider_error(format!("credential_process: {what}"))
}

/// A process and those that it started.
struct ProcessGroup {
    child: Child,
}

impl ProcessGroup {
    fn start(command: &str) -> std::io::Result<Self> {
        let child = shell(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child })
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // None if its end was seen: then its number may be another's.
        #[cfg(unix)]
        if let Some(leader) = self.child.id()
            && let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw)
        {
            // It fails if all of them have ended, and that is all it can mean.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).process_group(0);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd.exe");
    // In quotes of its own, which is how `cmd.exe` keeps those inside.
    shell.arg("/C").raw_arg(format!("\"{command}\""));
    shell
}

/// Reads a stream to its end, and keeps its start: at most `limit` bytes.
async fn read_start(stream: Option<impl AsyncRead + Unpin>, limit: usize) -> Vec<u8> {
    let mut start = Vec::new();
    if let Some(stream) = stream {
        // What cannot be read is not there.
        let mut kept = stream.take(limit as u64);
        let _ = kept.read_to_end(&mut start).await;
        // Or else the process would wait for somebody to read it.
        let _ = tokio::io::copy(&mut kept.into_inner(), &mut tokio::io::sink()).await;
    }
    start
}

/// Reads the answer; errors describe what is wrong with it without repeating any of it.
///
/// AWS, "Sourcing credentials with an external process in the AWS CLI". Names are taken in any case,
/// as the SDK does.
fn credentials(answer: &[u8]) -> Result<Credentials, String> {
    if answer.len() > MAX_ANSWER {
        return Err(format!("is longer than {} KiB", MAX_ANSWER / 1024));
    }
    let answer: Map<String, Value> =
        serde_json::from_slice(answer).map_err(|_| "is not a JSON object".to_owned())?;
    let find = |name: &str| {
        let mut fields = answer.iter();
        let field = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value)
    };
    let text = |name: &str| match find(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("has an entry {name} that is not text")),
    };
    let needed = |name: &str| text(name)?.ok_or_else(|| format!("has no {name}"));
    if find("Version").and_then(Value::as_u64) != Some(1) {
        return Err("is not of Version 1".to_owned());
    }
    let expiry = text("Expiration")?.map(|time| {
        let time: Result<jiff::Timestamp, _> = time.parse();
        time.map(SystemTime::from)
            .map_err(|_| "has an Expiration that is not a time".to_owned())
    });
    Ok(Credentials::new(
        needed("AccessKeyId")?,
        needed("SecretAccessKey")?,
        text("SessionToken")?,
        expiry.transpose()?,
        "credential_process",
    ))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use super::*;
    use crate::chime::credentials::ProviderWithTimeout;
    use aws_credential_types::provider::SharedCredentialsProvider;

    /// What a command brings, waited for no longer than for any provider.
    async fn ask(command: &str) -> Result<Credentials, CredentialsError> {
        let process = SharedCredentialsProvider::new(CredentialProcess::new(command));
        ProviderWithTimeout(process, crate::chime::secrets::Secrets::default())
            .provide_credentials()
            .await
    }

    async fn error(command: &str) -> String {
        let error = ask(command).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        cause
            .strip_prefix("credential_process: ")
            .unwrap()
            .to_owned()
    }

    /// A pipe that the command and its children hold open, and that ends with the last of them.
    #[tokio::test(start_paused = true)]
    async fn a_process_that_hangs_is_ended_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let fifo = fifo.display().to_string();
        for command in [
            format!("exec 3> {fifo}; sleep 1000"),
            format!("exec 3> {fifo}; sleep 1000 & sleep 1001 & wait"),
            // The shell is gone, and its child holds standard output.
            format!("exec 3> {fifo}; sleep 1000 & exit 0"),
            format!("exec 3> {fifo}; trap '' HUP INT TERM PIPE; (while :; do sleep 1; done)"),
        ] {
            let path = fifo.clone();
            // The clock is paused until the command has begun.
            let begun = tokio::task::spawn_blocking(move || File::open(path).unwrap());
            let (answer, begun) = tokio::join!(ask(&command), begun);
            let error = answer.unwrap_err();
            assert!(
                matches!(error, CredentialsError::ProviderTimedOut(_)),
                "{command}: {error:?}"
            );
            let mut nothing = Vec::new();
            begun.unwrap().read_to_end(&mut nothing).unwrap();
            assert_eq!(nothing, b"", "{command}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_as_aws_describes_it() {
        let whole = r#"echo '{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "secret",
            "SessionToken": "token", "Expiration": "2100-01-02T03:04:05Z", "Other": []}'"#;
        let credentials = ask(whole).await.unwrap();
        assert_eq!(credentials.access_key_id(), "AKID");
        assert_eq!(credentials.secret_access_key(), "secret");
        assert_eq!(credentials.session_token(), Some("token"));
        let expiry: jiff::Timestamp = "2100-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(credentials.expiry(), Some(expiry.into()));
        let least = r#"echo '{"version": 1, "accesskeyid": "AKID", "SECRETACCESSKEY": "secret"}'"#;
        assert_eq!(ask(least).await.unwrap().session_token(), None);
    }

    #[tokio::test]
    async fn an_answer_that_is_none_is_not_repeated() {
        for (command, wanted) in [
            ("echo secret", "the answer is not a JSON object"),
            ("true", "the answer is not a JSON object"),
            ("echo '[\"secret\"]'", "the answer is not a JSON object"),
            ("echo '{\"Version\": 2}'", "the answer is not of Version 1"),
            (
                "echo '{\"Version\": 1, \"AccessKeyId\": \"secret\"}'",
                "the answer has no SecretAccessKey",
            ),
            (
                "echo '{\"Version\": 1, \"AccessKeyId\": [\"secret\"]}'",
                "the answer has an entry AccessKeyId that is not text",
            ),
            (
                "head -c 100000 /dev/zero",
                "the answer is longer than 64 KiB",
            ),
        ] {
            assert_eq!(error(command).await, wanted, "{command}");
        }
    }

    #[tokio::test]
    async fn words_of_any_length_and_kind_are_cut_and_escaped() {
        let command = "head -c 100000 /dev/zero | tr '\\0' x >&2; echo secret; exit 7";
        let long = error(command).await;
        assert!(long.starts_with("the process ended with exit status: 7: xxx"));
        assert!(long.chars().count() < 350, "{long}");
        let command = "printf '\\n\\033[2J\\342\\200\\256no\\n' >&2; exit 1";
        assert_eq!(
            error(command).await,
            "the process ended with exit status: 1: \\u{1b}[2J\\u{202e}no"
        );
    }

    /// The list can come from there.
    #[tokio::test]
    async fn standard_input_is_not_the_processs() {
        assert_eq!(error("cat").await, "the answer is not a JSON object");
    }
}
