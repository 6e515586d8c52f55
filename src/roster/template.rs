//! Ids put together from columns, as in `user-{employee_id}`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Record;

/// A pattern for an id: text, and columns in braces, by name or by position from 1. `{{` and `}}` are
/// braces of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(Vec<Part<String>>);

/// A part of a template; `C` is how a column is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part<C> {
    Text(String),
    Column(C),
}

/// What is not a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace without its counterpart.
    #[error("a brace is open: write {{COLUMN}}, or {{{{ and }}}} for braces of the id")]
    Brace,
    /// Braces with nothing in them.
    #[error("a column's name is missing between braces")]
    NoName,
    /// All rows would have the same id.
    #[error("no column in it: write {{COLUMN}} where its value belongs")]
    NoColumn,
}

impl Template {
    /// The columns, as the user calls them.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }

    /// The same with the columns' positions.
    pub(super) fn locate<E>(
        &self,
        position: impl Fn(&str) -> Result<usize, E>,
    ) -> Result<Vec<Part<usize>>, E> {
        let locate = |part: &Part<String>| match part {
            Part::Text(text) => Ok(Part::Text(text.clone())),
            Part::Column(name) => position(name).map(Part::Column),
        };
        self.0.iter().map(locate).collect()
    }
}

/// Puts an id together of a record's fields.
///
/// # Errors
/// The position of the first column that is empty.
pub(super) fn render<R: Record + ?Sized>(
    parts: &[Part<usize>],
    record: &R,
) -> Result<String, usize> {
    let mut id = String::new();
    for part in parts {
        id.push_str(match part {
            Part::Text(text) => text,
            Part::Column(at) => match record.field(*at).unwrap_or_default().trim() {
                "" => return Err(*at),
                value => value,
            },
        });
    }
    Ok(id)
}

impl FromStr for Template {
    type Err = TemplateError;
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.trim();
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Brace);
            }
            let (name, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            let name = name.trim();
            if name.is_empty() {
                return Err(TemplateError::NoName);
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Column(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let is_column = |part: &Part<String>| matches!(part, Part::Column(_));
        if !parts.iter().any(is_column) {
            return Err(TemplateError::NoColumn);
        }
        Ok(Self(parts))
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Column(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_text_and_columns() {
        let template: Template = "{{{a b}-x{2}}}".parse().unwrap();
        assert_eq!(template.columns().collect::<Vec<_>>(), ["a b", "2"]);
        assert_eq!(template.to_string(), "{{{a b}-x{2}}}");
        let parts = template
            .locate(|name| Ok::<_, ()>(usize::from(name == "2")))
            .unwrap();
        let record = csv::StringRecord::from(vec![" u ", "7"]);
        assert_eq!(render(&parts, &record), Ok("{u-x7}".to_owned()));
        let record = csv::StringRecord::from(vec!["u", " "]);
        assert_eq!(render(&parts, &record), Err(1));
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        let cases = [
            ("{a", TemplateError::Brace),
            ("a}", TemplateError::Brace),
            ("{}", TemplateError::NoName),
            ("{ }", TemplateError::NoName),
            ("abc", TemplateError::NoColumn),
            ("", TemplateError::NoColumn),
            ("{{a}}", TemplateError::NoColumn),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Template>(), Err(error), "{text}");
        }
    }
}
