//! See `tests/it/fuzz/mod.rs`.
#![no_main]
#![allow(dead_code, reason = "shared with other targets")]

#[path = "../../it/fuzz/ledger.rs"]
mod ledger;

libfuzzer_sys::fuzz_target!(|input: &[u8]| ledger::run(input));
