//! Finds the columns of an arbitrary list with arbitrary options.

use chime_bulk::model::MembershipType;
use chime_bulk::roster::{Encoding, Options};

use super::list::{INSTANCE, assert_same, read};

/// The input is split at bytes of value 1: a byte of switches, nine options, which may be empty, and the
/// list.
pub(crate) fn run(input: &[u8]) {
    let parts: Vec<&[u8]> = input.splitn(11, |byte| *byte == 1).collect();
    let &[
        how,
        delimiter,
        member,
        channel,
        channel_arn,
        kind,
        sub,
        sub_id,
        home,
        filter,
        list,
    ] = parts.as_slice()
    else {
        return;
    };
    let how = how.first().copied().unwrap_or_default();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        (!text.is_empty()).then_some(text)
    };
    let encodings = [
        None,
        Some(Encoding::UTF_8),
        Some(Encoding::UTF_16LE),
        Some(Encoding::UTF_16BE),
        Some(Encoding::WINDOWS_1252),
    ];
    let in_instance = |bytes: &[u8], kind: &str| {
        let text = text(bytes).unwrap_or_default();
        match text.strip_prefix('~') {
            Some(id) => format!("{INSTANCE}{kind}{id}"),
            None => text,
        }
    };
    let options = Options {
        delimiter: delimiter.first().and_then(|byte| (*byte).try_into().ok()),
        encoding: encodings[usize::from(how >> 2) % encodings.len()],
        header: (how & 1 != 0).then_some(false),
        skip_lines: 0,
        limit: None,
        allow_empty: true,
        member_template: None,
        channel_template: None,
        member_column: text(member),
        channel_column: text(channel),
        channel_arn: in_instance(channel_arn, "/channel/").parse().ok(),
        type_column: text(kind),
        membership_type: if how & 2 == 0 {
            MembershipType::Default
        } else {
            MembershipType::Hidden
        },
        sub_channel_column: text(sub),
        sub_channel: text(sub_id).and_then(|id| id.parse().ok()),
        app_instance: in_instance(home, "").parse().ok(),
        bearer_app_instance: (how & 128 != 0).then(|| INSTANCE.parse().unwrap()),
        legacy_api: how & 64 != 0,
        filters: text(filter)
            .unwrap_or_default()
            .split('&')
            .filter_map(|text| text.parse().ok())
            .collect(),
        max_record_size: None,
    };
    let whole = read(list, &options, usize::MAX);
    let pieces = read(list, &options, 5);
    assert_same(list, &pieces, &whole);
    let Some(layout) = whole.layout else { return };
    assert!(options.header != Some(false) || !layout.has_header());
    assert_eq!(
        options.delimiter.unwrap_or(layout.delimiter()),
        layout.delimiter()
    );
    assert_eq!(
        options.channel_arn.is_some(),
        layout.constant_channel().is_some()
    );
    assert!(!layout.has_header() || layout.header().len() == layout.width());
}
