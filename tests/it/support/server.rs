//! The simulated service, served over HTTP on loopback.

use std::ffi::OsStr;
use std::future::pending;
use std::process::Command;
use std::sync::Arc;

use chime_bulk::sandbox::{SandboxConfig, Service, serve};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::support::program::{Output, WorkDir};

/// A server that stops when this is dropped.
pub(crate) struct Server {
    pub(crate) service: Arc<Service>,
    pub(crate) url: String,
    task: AbortHandle,
}

impl Server {
    /// Starts a server on a free port, in the current runtime.
    pub(crate) async fn start(config: SandboxConfig) -> Self {
        let service = Arc::new(Service::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = serve(listener, Arc::clone(&service), pending());
        let task = tokio::spawn(async { serving.await.unwrap() }).abort_handle();
        Self { service, url, task }
    }

    /// Runs the program against this server, at full speed.
    pub(crate) fn call<A: AsRef<OsStr>>(
        &self,
        work_dir: &WorkDir,
        arguments: impl IntoIterator<Item = A>,
    ) -> Output {
        let mut command = self.command(work_dir, arguments);
        tokio::task::block_in_place(|| Output::of(&mut command))
    }

    /// A command that runs the program against this server, at full speed.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        work_dir: &WorkDir,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = work_dir.command(arguments);
        command
            .env("CHIME_BULK_ENDPOINT_URL", &self.url)
            .env("CHIME_BULK_BEARER_RATE", "100000")
            .env("AWS_ACCESS_KEY_ID", "sandbox")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
