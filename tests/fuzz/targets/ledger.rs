//! See `tests/it/bad_input/fuzz/mod.rs`.
#![no_main]
#![allow(dead_code, reason = "shared with other targets")]

#[path = "../../it/bad_input/fuzz/ledger.rs"]
mod ledger;

libfuzzer_sys::fuzz_target!(|input: &[u8]| ledger::run(input));
