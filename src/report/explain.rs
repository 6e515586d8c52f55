//! What a code means, and what mends it.

/// A code, why it comes, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The code, as in `results.csv`.
    pub code: &'static str,
    /// Why rows get it.
    pub cause: &'static str,
    /// What mends it.
    pub cure: &'static str,
}

/// The codes that are known.
const KNOWN: [Explanation; 2] = [
    Explanation {
        code: "NotFound",
        cause: "no such user or bot exists in the app instance",
        cure: "create the user first, or correct its id in the list, then try the row again",
    },
    Explanation {
        code: "Defect",
        cause: "the row itself is defective, so it was never sent",
        cure: "mend the row in failed.csv and give that file to `chime-bulk run`",
    },
];

/// What is known of a code.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Explanation> {
    KNOWN.iter().find(|known| known.code == code)
}
