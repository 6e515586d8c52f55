//! Whether channels are listed before members are added, to skip those who are in them already.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which channels are listed first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipExisting {
    /// None.
    #[default]
    Never,
    /// Those where that saves time, by what their first pages have.
    Auto,
    /// All.
    Always,
}
