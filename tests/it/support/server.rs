//! The simulated service, served over HTTP on loopback.

use std::future::pending;
use std::sync::Arc;

use chime_bulk::sandbox::{SandboxConfig, Service, serve};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

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
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
