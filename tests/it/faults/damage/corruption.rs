//! Ways to damage a file.

use std::path::Path;

use rand::RngExt;
use rand::rngs::StdRng;

use super::intact_run::IntactRun;

/// The size of a page of the ledger, in bytes.
const PAGE: usize = 8_192;

/// One damage: the file, then where and how it is damaged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Corruption {
    /// Bits of one byte are flipped, anywhere.
    Flip(&'static str, usize, u8),
    /// A letter or digit is replaced by another: the content is plausible.
    Letter(&'static str, usize, u8),
    /// Bits of one byte are flipped in the header of a page.
    Structure(&'static str, usize, u8),
    /// A page is overwritten with zeros.
    Zeros(&'static str, usize),
    /// The file is truncated.
    Truncate(&'static str, usize),
    /// The file is removed.
    Missing(&'static str),
}

impl Corruption {
    pub(super) fn flip(rng: &mut StdRng, run: &IntactRun, name: &'static str) -> Self {
        let at = rng.random_range(0..run.size(name));
        Self::Flip(name, at, bits(rng))
    }

    pub(super) fn letter(rng: &mut StdRng, run: &IntactRun, name: &'static str) -> Self {
        let bytes = run.bytes(name);
        loop {
            let at = rng.random_range(0..bytes.len());
            let bits = 1 << rng.random_range(0..3);
            if bytes[at].is_ascii_alphanumeric() && (bytes[at] ^ bits).is_ascii_alphanumeric() {
                return Self::Letter(name, at, bits);
            }
        }
    }

    /// Damages the first bytes of a page: its type, its number of cells, and their offsets.
    pub(super) fn structure(rng: &mut StdRng, run: &IntactRun, name: &'static str) -> Self {
        let page = rng.random_range(0..run.size(name) / PAGE);
        let header = if page == 0 { 100 } else { 0 };
        let at = page * PAGE + header + rng.random_range(0..40);
        Self::Structure(name, at, bits(rng))
    }

    pub(super) fn zeros(rng: &mut StdRng, run: &IntactRun, name: &'static str) -> Self {
        Self::Zeros(name, rng.random_range(0..run.size(name).div_ceil(PAGE)))
    }

    pub(super) fn truncate(rng: &mut StdRng, run: &IntactRun, name: &'static str) -> Self {
        let size = run.size(name);
        let pages = size.div_ceil(PAGE);
        let at = if rng.random() {
            rng.random_range(0..size)
        } else {
            rng.random_range(0..pages) * PAGE
        };
        Self::Truncate(name, at)
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Flip(..) => "byte flipped",
            Self::Letter(..) => "letter changed",
            Self::Structure(..) => "byte of a page's header flipped",
            Self::Zeros(..) => "page zeroed",
            Self::Truncate(..) => "truncated",
            Self::Missing(_) => "missing",
        }
    }

    pub(super) fn apply(&self, dir: &Path) {
        let change = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = std::fs::read(dir.join(name)).unwrap();
            change(&mut bytes);
            std::fs::write(dir.join(name), bytes).unwrap();
        };
        match *self {
            Self::Flip(name, at, bits)
            | Self::Letter(name, at, bits)
            | Self::Structure(name, at, bits) => {
                change(name, &|bytes| bytes[at] ^= bits);
            }
            Self::Zeros(name, page) => change(name, &|bytes| {
                let end = bytes.len().min((page + 1) * PAGE);
                bytes[page * PAGE..end].fill(0);
            }),
            Self::Truncate(name, at) => change(name, &|bytes| bytes.truncate(at)),
            Self::Missing(name) => std::fs::remove_file(dir.join(name)).unwrap(),
        }
    }
}

/// A mask with at least one bit set.
fn bits(rng: &mut StdRng) -> u8 {
    if rng.random() {
        1 << rng.random_range(0..8)
    } else {
        rng.random_range(1..=255)
    }
}
