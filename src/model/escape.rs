//! Texts from outside, made fit to be shown.

/// Whether a character steers whatever shows it, or does not show: control characters, line and
/// paragraph separators, marks of direction (Unicode, UAX #9), those of no width, tags.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text with [unprintable](is_unprintable) characters escaped, as `\n` or `\u{202e}`; cut to `most`
/// characters.
#[must_use]
pub fn escape_control(text: &str, max: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for c in text.chars() {
        let before = shown.len();
        if is_unprintable(c) {
            match c {
                '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
                _ => shown.extend(c.escape_unicode()),
            }
        } else {
            shown.push(c);
        }
        length += shown[before..].chars().count();
        if length > max {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(escape_control("user's \"id\" \\", 40), "user's \"id\" \\");
        assert_eq!(
            escape_control("a\u{1b}[2J\u{9b}\u{202e}\r\nb", 40),
            "a\\u{1b}[2J\\u{9b}\\u{202e}\\r\\nb"
        );
        assert_eq!(escape_control("Größe", 3), "Grö…");
        assert_eq!(escape_control("abc", 3), "abc");
        assert_eq!(escape_control("ab\u{1b}", 8), "ab\\u{1b}");
        assert_eq!(escape_control("ab\u{1b}", 7), "ab…");
    }

    #[test]
    fn nothing_unruly_is_left_and_nothing_else_is_touched() {
        let all: String = (0..=0x0010_FFFF).filter_map(char::from_u32).collect();
        let shown = escape_control(&all, usize::MAX);
        assert!(!shown.contains(is_unprintable));
        for text in ["Gro\u{308}ße", "日本", "مرحبا", "👩\u{fe0f}"] {
            assert_eq!(escape_control(text, 40), text);
        }
        let once = escape_control(&"\u{202e}ab".repeat(9), 40);
        assert_eq!(escape_control(&once, 40), once);
    }
}
