//! The name that was meant.

/// How alike two names are that may be meant for each other, of 1.
const MIN_SIMILARITY: f64 = 0.8;

/// The most alike of these names to one that is not among them, if any is alike at all. Case does
/// not matter.
#[must_use]
pub fn closest_match<T: AsRef<str>>(name: &str, names: impl IntoIterator<Item = T>) -> Option<T> {
    let wanted = name.to_lowercase();
    names
        .into_iter()
        .map(|name| {
            let known = name.as_ref().to_lowercase();
            (strsim::jaro_winkler(&known, &wanted), name)
        })
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let names = ["channel-rate", "bearer-rate", "max-rate"];
        assert_eq!(closest_match("chanel-rate", names), Some("channel-rate"));
        assert_eq!(closest_match("MAX-RATE", names), Some("max-rate"));
        assert_eq!(closest_match("profile", names), None);
    }
}
