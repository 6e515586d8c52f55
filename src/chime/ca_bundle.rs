//! The certificates that servers are checked against, where the user sets them.
//!
//! Promises: each certificate can be used, and there is one at least. Must not: look for the file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, SectionKind};

/// The longest file that is read, in bytes. All public authorities together take a quarter of one
/// MiB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A bundle of certificates, which replaces the system's as it does for the AWS CLI.
#[derive(Debug, Clone)]
pub(super) struct CaBundle {
    certificates: Vec<Vec<u8>>,
}

impl CaBundle {
    /// Reads a file of PEM certificates. Certificates that cannot be used as authorities are ignored,
    /// as with the system's.
    ///
    /// # Errors
    /// If it cannot be read, or no certificate is left.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let mut text = Vec::new();
        let mut open = File::open(file).map_err(|error| error.to_string())?;
        let read = open.by_ref().take(MAX_BYTES + 1).read_to_end(&mut text);
        if read.map_err(|error| error.to_string())? as u64 > MAX_BYTES {
            return Err(format!("it is longer than {} MiB", MAX_BYTES >> 20));
        }
        let certificates = certificates(&text);
        if certificates.is_empty() {
            return Err("it contains no certificate in PEM format".to_owned());
        }
        Ok(Self { certificates })
    }

    /// Its certificates, each in PEM format.
    pub(super) fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }
}

/// The sections of a PEM text that are certificates of authorities.
fn certificates(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut certificates) = (text, Vec::new());
    loop {
        let before = rest;
        match pem::from_buf(&mut rest) {
            // The HTTP client panics at a certificate that it cannot use: each is tried here first.
            Ok(Some((SectionKind::Certificate, der)))
                if RootCertStore::empty()
                    .add(CertificateDer::from_slice(&der))
                    .is_ok() =>
            {
                certificates.push(before[..before.len() - rest.len()].to_vec());
            }
            Ok(Some(_)) => {}
            // A damaged section, which is behind us.
            Err(_) if rest.len() < before.len() => {}
            Ok(None) | Err(_) => return certificates,
        }
    }
}
