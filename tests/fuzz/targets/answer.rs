//! See `tests/it/fuzz/mod.rs`.
#![no_main]
#![allow(dead_code, reason = "shared with other targets")]

#[path = "../../it/fuzz/answer.rs"]
mod answer;
#[path = "../../it/fuzz/list.rs"]
mod list;

libfuzzer_sys::fuzz_target!(|input: &[u8]| answer::run(input));
