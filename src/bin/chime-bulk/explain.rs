//! `explain`.

use chime_bulk::model::most_alike;
use chime_bulk::report;

use crate::exit::Exit;
use crate::output;

/// Explains a code, or all of them.
pub(crate) fn explain(code: Option<&str>) -> Exit {
    let Some(code) = code else {
        report::explained().iter().for_each(output::data);
        return Exit::AllIn;
    };
    if let Some(explanation) = report::explain(code) {
        output::data(explanation);
        return Exit::AllIn;
    }
    let nearest = most_alike(code, report::explained().iter().map(|known| known.code));
    let hint = nearest.map_or_else(
        || "chime-bulk explain lists all that are known".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    );
    output::error(&format!("no code `{code}` is known"), Some(&hint));
    Exit::Usage
}
