//! The settings of a run, as names and values.

use serde_json::Value;

/// Lists are shown to this length.
const MAX_ITEMS: usize = 20;

/// Each setting with a value, in the order of their names; those within another have its
/// name too.
pub(super) fn settings(of: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    flatten(&mut pairs, "", of);
    pairs
}

fn flatten(pairs: &mut Vec<(String, String)>, name: &str, value: &Value) {
    let value = match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let field = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}.{field}")
                };
                flatten(pairs, &field, value);
            }
            return;
        }
        Value::Null => return,
        Value::Array(items) if items.is_empty() => return,
        Value::Array(items) => {
            let mut shown: Vec<String> = items.iter().take(MAX_ITEMS).map(text).collect();
            if items.len() > MAX_ITEMS {
                shown.push(format!("and {} more", items.len() - MAX_ITEMS));
            }
            shown.join(", ")
        }
        value => text(value),
    };
    pairs.push((name.to_owned(), value));
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => without_password(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// An address without the name and password that it may bear.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let of = r#"{"b":{"c":null,"d":[],"e":[1,"x"]},"a":true,"f":{"g":"<b>"},"u":"http://me:secret@h:1/p@q"}"#;
        let pairs = settings(&serde_json::from_str(of).unwrap());
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a", "yes"),
                ("b.e", "1, x"),
                ("f.g", "<b>"),
                ("u", "http://h:1/p@q")
            ]
        );
    }
}
