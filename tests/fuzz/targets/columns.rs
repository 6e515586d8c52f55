//! See `tests/it/fuzz/mod.rs`.
#![no_main]
#![allow(dead_code, reason = "shared with other targets")]

#[path = "../../it/fuzz/columns.rs"]
mod columns;
#[path = "../../it/fuzz/list.rs"]
mod list;

libfuzzer_sys::fuzz_target!(|input: &[u8]| columns::run(input));
