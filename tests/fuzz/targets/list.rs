//! See `tests/it/bad_input/fuzz/mod.rs`.
#![no_main]
#![allow(dead_code, reason = "shared with other targets")]

#[path = "../../it/bad_input/fuzz/list.rs"]
mod list;

libfuzzer_sys::fuzz_target!(|input: &[u8]| list::run(input));
