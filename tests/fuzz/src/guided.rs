//! Searches for bytes that break a target, by libFuzzer: the target is named by
//! `TRAINMARK_FUZZ`, arguments are libFuzzer's.

#![no_main]

use std::sync::LazyLock;

use trainmark_fuzz::{TARGETS, Target};

/// Which target to search, by its name.
const VARIABLE: &str = "TRAINMARK_FUZZ";

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    TARGETS.into_iter().find(|target| target.name == wanted).unwrap_or_else(|| {
        let names = TARGETS.map(|target| target.name).join(", ");
        panic!("{VARIABLE}={wanted} is none of {names}")
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
