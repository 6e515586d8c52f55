//! `explain`.

use chime_bulk::report::{self, Explanation};

use crate::exit::Exit;
use crate::output;

/// Explains a code, or all of them.
pub(crate) fn explain(code: Option<&str>) -> Exit {
    let Some(code) = code else {
        report::explained().iter().for_each(show);
        return Exit::AllIn;
    };
    if let Some(explanation) = report::explain(code) {
        show(explanation);
        return Exit::AllIn;
    }
    let alike = |known: &Explanation| {
        strsim::jaro_winkler(&known.code.to_ascii_lowercase(), &code.to_ascii_lowercase())
    };
    let nearest = report::explained()
        .iter()
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))
        .filter(|nearest| alike(nearest) > 0.8);
    let hint = nearest.map_or_else(
        || "chime-bulk explain lists all that are known".to_owned(),
        |nearest| format!("did you mean {}?", nearest.code),
    );
    output::error(&format!("no code `{code}` is known"), Some(&hint));
    Exit::Usage
}

fn show(Explanation { code, cause, cure }: &Explanation) {
    output::line(format_args!("{code}\n  {cause}\n  cure: {cure}"));
}
