//! `explain`.

use chime_bulk::model::{closest_match, codes};
use chime_bulk::report::Explanation;

use crate::exit::Exit;
use crate::output;
use crate::screen::Screen;

/// Explains a code, or all of them.
pub(crate) fn explain(code: Option<&str>, screen: &Screen) -> Exit {
    let Some(code) = code else {
        codes::CODES.iter().map(Explanation).for_each(output::text);
        return Exit::AllIn;
    };
    if let Some(known) = codes::explain(code) {
        output::text(Explanation(known));
        return Exit::AllIn;
    }
    let nearest = closest_match(code, codes::CODES.iter().map(|known| known.text));
    let hint = nearest.map_or_else(
        || "chime-bulk explain lists all codes".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    );
    screen.error(&format!("unknown error code `{code}`"), Some(&hint));
    Exit::Usage
}
