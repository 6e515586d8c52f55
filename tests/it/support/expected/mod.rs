//! Lists of which it is known what must become of each row, the sandbox that they are imported
//! into, and a judge of what a run says of them.

mod judge;
mod list;
mod world;

pub(crate) use judge::{Judgement, finished, no_strangers, outcomes, unfinished, verdicts, whole};
pub(crate) use list::{Line, List};
pub(crate) use world::{LIST, RUN, World, copy, names, settings, through};
