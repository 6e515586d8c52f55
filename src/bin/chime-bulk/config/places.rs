//! Where in the file of `--config` the flags are set, for errors about their values.

use super::file::File;

/// The flags that come from the file, each with its place: `job.toml, line 3`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Vec<(String, String)>);

impl Places {
    /// The flags that are taken from a file.
    pub(super) fn of(file: &File) -> Self {
        let place = |line| format!("{}, line {line}", file.path.display());
        let settings = file.settings.iter();
        Self(
            settings
                .map(|set| (set.name.clone(), place(set.line)))
                .collect(),
        )
    }

    /// The place of a flag, if it comes from the file.
    pub(crate) fn of_flag(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(flag, _)| flag == name)?;
        Some(&found.1)
    }

    /// The place of the first flag that a message names and that comes from the file.
    pub(crate) fn of_message(&self, message: &str) -> Option<&str> {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
        let mut words = message.split(|c| !is_name(c));
        words.find_map(|word| self.of_flag(word.strip_prefix("--")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_about_a_flag_that_it_names_and_that_is_in_the_file() {
        let place = |flag: &str, place: &str| (flag.to_owned(), place.to_owned());
        let places = Places(vec![
            place("max-rate", "a, line 1"),
            place("json", "a, line 2"),
        ]);
        for (message, place) in [
            ("--max-rate must be more", Some("a, line 1")),
            ("`--json`, not --max-rate", Some("a, line 2")),
            ("--max-rates and max-rate", None),
            ("--bearer: not an ARN", None),
        ] {
            assert_eq!(places.of_message(message), place, "{message}");
        }
    }
}
