//! The harness itself takes little memory: it is not what is measured.

use std::fs;

use crate::records::good;

/// Most that the harness may take.
const LIMIT: u64 = 300_000_000;

/// Peak resident memory of a process until now.
pub(crate) fn peak_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[test]
fn the_harness_stays_below_300_megabytes() {
    let Some(good) = good() else { return };
    let peak = good.peak_bytes;
    assert!(peak > 1_000_000, "it was looked at: {peak}");
    assert!(peak < LIMIT, "{peak} bytes");
    eprintln!("peak of the harness: {} MB", peak / 1_000_000);
}
