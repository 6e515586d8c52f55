//! Records out of a page's JSON.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A record: its fields, borrowed from the page where they hold no escape.
pub(super) type Fields<'a> = Vec<Cow<'a, str>>;

/// A field that borrows where it can; serde gives a plain `Cow` only owned.
#[derive(serde::Deserialize)]
struct Field<'a>(#[serde(borrow)] Cow<'a, str>);

fn fields(record: &RawValue) -> Option<Fields<'_>> {
    let fields: Option<Vec<Field<'_>>> = serde_json::from_str(record.get()).ok()?;
    Some(fields?.into_iter().map(|field| field.0).collect())
}

/// One record of a page; none if it was left out or the page is damaged.
pub(super) fn record(page: &str, index: u64) -> Option<Fields<'_>> {
    let records: Vec<&RawValue> = serde_json::from_str(page).ok()?;
    fields(records.get(usize::try_from(index).ok()?)?)
}

/// All records of a page, those left out as none; none at all if the page is damaged.
pub(super) fn records(page: &str) -> Option<Vec<Option<Fields<'_>>>> {
    let records: Vec<&RawValue> = serde_json::from_str(page).ok()?;
    records
        .into_iter()
        .map(|record| {
            if record.get() == "null" {
                Some(None)
            } else {
                fields(record).map(Some)
            }
        })
        .collect()
}
