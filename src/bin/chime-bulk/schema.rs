//! `schema`.

use chime_bulk::report::{
    Plan, Status, Summary, SyncSummary, UndoPlan, UndoSummary, Verification, VerificationPlan,
};
use clap::ValueEnum;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::exit::Exit;
use crate::line::Line;
use crate::metrics::{EMF_FIELD, Emf};
use crate::output;
use crate::screen::Screen;

/// An output that has a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Output {
    /// summary.json, and --json of run, resume, retry and report.
    Summary,
    /// --json of plan.
    Plan,
    /// --json of status, and each run that --json of runs can read.
    Status,
    /// --json of undo.
    Undo,
    /// --json of undo --dry-run.
    UndoPlan,
    /// --json of sync.
    Sync,
    /// --json of verify.
    Verify,
    /// --json of verify --dry-run.
    VerifyPlan,
    /// Each line of --progress json.
    Events,
}

/// Prints the schema of an output.
pub(crate) fn schema(output: Output, screen: &Screen) -> Exit {
    let schema = match output {
        Output::Summary => schema_of::<Summary>("summary"),
        Output::Plan => schema_of::<Plan>("plan"),
        Output::Status => schema_of::<Status>("status"),
        Output::Undo => schema_of::<UndoSummary>("undo"),
        Output::UndoPlan => schema_of::<UndoPlan>("undo-plan"),
        Output::Sync => schema_of::<SyncSummary>("sync"),
        Output::Verify => schema_of::<Verification>("verify"),
        Output::VerifyPlan => schema_of::<VerificationPlan>("verify-plan"),
        Output::Events => events(),
    };
    let text = format_args!("{:#}\n", schema.as_value());
    output::data(text, Exit::AllIn, screen)
}

/// The schema of a type as it is serialized, with the version and this name as its title.
fn schema_of<T: JsonSchema>(name: &str) -> Schema {
    titled(generator().into_root_schema_for::<T>(), name)
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(RecursiveTransform(adjust))
        .into_generator()
}

/// The schema of the lines of `--progress json`. The events of a run may have the field of `--emf`.
fn events() -> Schema {
    let mut generator = generator();
    let mut emf = generator.subschema_for::<Emf>();
    emf.insert(
        "description".to_owned(),
        "The fields of this line that are metrics of CloudWatch. Only with `--emf`.".into(),
    );
    let mut schema = titled(generator.into_root_schema_for::<Line>(), "event");
    let variants = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for variant in variants.into_iter().flatten() {
        let name = variant.pointer("/properties/event/const");
        if name.is_some_and(|name| name == "note" || name == "error") {
            continue;
        }
        if let Some(Value::Object(properties)) = variant.get_mut("properties") {
            properties.insert(EMF_FIELD.to_owned(), emf.clone().to_value());
        }
    }
    schema
}

fn titled(mut schema: Schema, name: &str) -> Schema {
    let title = format!("chime-bulk {} {name}", env!("CARGO_PKG_VERSION"));
    schema.insert("title".to_owned(), title.into());
    schema
}

/// Changes each part of a schema where the defaults of schemars do not fit.
fn adjust(schema: &mut Schema) {
    // Without this, an object with a field that the schema does not name would be valid.
    if schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    // Descriptions are doc comments, line breaks included.
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}
