#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| reftable_fuzz::block::check(data));
