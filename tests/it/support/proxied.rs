//! A service over HTTPS, under a private CA, that only a forward proxy reaches: Debian's tinyproxy.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::program::WorkDir;

/// The service's name, which no resolver has.
pub(crate) const NAME: &str = "chime.invalid";
/// The user of the proxy.
pub(crate) const USER: &str = "proxy-user";
/// Its password.
pub(crate) const PASSWORD: &str = "open.sesame-4711";

/// Serves `https://NAME` for a proxy that passes its `CONNECT` requests on, in front of the service
/// at this address. The CA's certificate becomes the file `ca.pem`.
pub(crate) async fn serve_tls(work_dir: &WorkDir, service: SocketAddr) -> SocketAddr {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(work_dir.path("ca.pem"), ca.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new([NAME.to_owned()]).unwrap();
    let server = server.signed_by(&key, &ca).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_tunnel(stream, acceptor.clone(), service));
        }
    });
    address
}

/// Answers `CONNECT`, then speaks TLS.
async fn serve_tunnel(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    service: SocketAddr,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let wanted = format!("CONNECT {NAME}:443 ");
    assert!(head.starts_with(wanted.as_bytes()), "{head:?}");
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut stream = acceptor.accept(stream).await?;
    let mut service = TcpStream::connect(service).await?;
    copy_bidirectional(&mut stream, &mut service).await?;
    Ok(())
}

/// A running tinyproxy, which asks for `USER` and `PASSWORD` and passes everything on to another
/// proxy. Killed when this is dropped.
pub(crate) struct Tinyproxy {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Tinyproxy {
    pub(crate) fn start(work_dir: &WorkDir, upstream: SocketAddr) -> Self {
        let free = StdListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let file = work_dir.path("tinyproxy.conf");
        let config = format!(
            "Listen 127.0.0.1\nPort {}\nTimeout 60\nMaxClients 50\nBasicAuth {USER} {PASSWORD}\n\
             Upstream http {upstream}\n",
            address.port()
        );
        std::fs::write(&file, config).unwrap();
        Self {
            child: spawn(&file),
            address,
        }
    }

    /// Its URL, with this user and password.
    pub(crate) fn url(&self, user: &str) -> String {
        format!("http://{user}@{}", self.address)
    }
}

fn spawn(config: &Path) -> Child {
    let mut command = Command::new("tinyproxy");
    let command = command.arg("-d").arg("-c").arg(config);
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut child = spawned.expect("tinyproxy is needed: apt-get install tinyproxy");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_begun = |line: std::io::Result<String>| line.unwrap().contains("Accepting");
    assert!(lines.any(is_begun), "tinyproxy did not begin");
    // It must not be stopped by a pipe that is full or closed.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
