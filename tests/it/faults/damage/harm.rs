//! What is done to a file.

use std::path::Path;

use rand::RngExt;
use rand::rngs::StdRng;

use super::victim::Victim;

/// Bytes in a page of the ledger.
const PAGE: usize = 8_192;

/// One damage.
#[derive(Debug, Clone, Copy)]
pub(super) enum Harm {
    /// Bits of one byte are turned, anywhere.
    Flip(&'static str, usize, u8),
    /// A letter or digit is another, as may well be.
    Letter(&'static str, usize, u8),
    /// Bits of one byte, where a page says what is in it.
    Structure(&'static str, usize, u8),
    /// A page is zeros.
    Zeros(&'static str, usize),
    /// The file ends here.
    Cut(&'static str, usize),
    Missing(&'static str),
}

impl Harm {
    pub(super) fn flip(dice: &mut StdRng, victim: &Victim, name: &'static str) -> Self {
        let at = dice.random_range(0..victim.size(name));
        Self::Flip(name, at, bits(dice))
    }

    pub(super) fn letter(dice: &mut StdRng, victim: &Victim, name: &'static str) -> Self {
        let bytes = victim.bytes(name);
        loop {
            let at = dice.random_range(0..bytes.len());
            let bits = 1 << dice.random_range(0..3);
            if bytes[at].is_ascii_alphanumeric() && (bytes[at] ^ bits).is_ascii_alphanumeric() {
                return Self::Letter(name, at, bits);
            }
        }
    }

    /// The first bytes of a page: its kind, how many cells it has, where they are.
    pub(super) fn structure(dice: &mut StdRng, victim: &Victim, name: &'static str) -> Self {
        let page = dice.random_range(0..victim.size(name) / PAGE);
        let header = if page == 0 { 100 } else { 0 };
        let at = page * PAGE + header + dice.random_range(0..40);
        Self::Structure(name, at, bits(dice))
    }

    pub(super) fn zeros(dice: &mut StdRng, victim: &Victim, name: &'static str) -> Self {
        Self::Zeros(name, dice.random_range(0..victim.size(name).div_ceil(PAGE)))
    }

    pub(super) fn cut(dice: &mut StdRng, victim: &Victim, name: &'static str) -> Self {
        let size = victim.size(name);
        let pages = size.div_ceil(PAGE);
        let at = if dice.random() {
            dice.random_range(0..size)
        } else {
            dice.random_range(0..pages) * PAGE
        };
        Self::Cut(name, at)
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Flip(..) => "byte flipped",
            Self::Letter(..) => "letter changed",
            Self::Structure(..) => "byte of a page's header flipped",
            Self::Zeros(..) => "page zeroed",
            Self::Cut(..) => "cut",
            Self::Missing(_) => "missing",
        }
    }

    pub(super) fn strike(&self, dir: &Path) {
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
            Self::Cut(name, at) => change(name, &|bytes| bytes.truncate(at)),
            Self::Missing(name) => std::fs::remove_file(dir.join(name)).unwrap(),
        }
    }
}

/// At least one.
fn bits(dice: &mut StdRng) -> u8 {
    if dice.random() {
        1 << dice.random_range(0..8)
    } else {
        dice.random_range(1..=255)
    }
}
