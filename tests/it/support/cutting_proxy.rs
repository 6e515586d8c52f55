//! A proxy on loopback that breaks connections in the middle of an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// A running proxy; it ends when this is dropped.
pub(crate) struct CuttingProxy {
    pub(crate) address: SocketAddr,
    left: Arc<AtomicI64>,
    _runtime: Runtime,
}

impl CuttingProxy {
    /// A proxy to this server. Of as many connections as `cuts`, each one is cut once the server has sent
    /// `after` bytes over it.
    pub(crate) fn start(server: SocketAddr, cuts: i64, after: usize) -> Self {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let left = Arc::new(AtomicI64::new(cuts));
        let counter = Arc::clone(&left);
        runtime.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pass_on(client, server, after, Arc::clone(&counter)));
            }
        });
        Self {
            address,
            left,
            _runtime: runtime,
        }
    }

    /// How many connections are still to be cut.
    pub(crate) fn cuts_left(&self) -> i64 {
        self.left.load(Ordering::SeqCst)
    }
}

/// Passes on both directions until one ends, or the connection is cut.
async fn pass_on(client: TcpStream, server: TcpStream, after: usize, left: Arc<AtomicI64>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        let (mut buffer, mut sent) = (vec![0; 16 * 1024], 0);
        loop {
            let read = from_server.read(&mut buffer).await.unwrap_or(0);
            if read == 0 || to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
            sent += read;
            if sent >= after && left.fetch_sub(1, Ordering::SeqCst) > 0 {
                return;
            }
        }
    };
    tokio::select! {
        () = answers => {}
        _ = copy(&mut from_client, &mut to_server) => {}
    }
}
