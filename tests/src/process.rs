//! Processes, found by a variable in their environment.

use std::fs;
use std::time::{Duration, Instant};

/// Name of the variable.
pub(crate) const VARIABLE: &str = "TRAINMARK_TEST_MARKER";

/// Marks a process and everything that it starts.
#[derive(Debug, Clone)]
pub struct Marker(String);

impl Marker {
    /// A marker that no other process has.
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn value(&self) -> &str {
        &self.0
    }

    /// The marked processes that there are: number and command line.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let wanted = format!("{VARIABLE}={}", self.0);
        let entries = fs::read_dir("/proc").unwrap();
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter_map(|number| Some((number, marked_command(number, &wanted)?))).collect()
    }

    /// Waits until no marked process is left.
    ///
    /// # Panics
    /// Where one outlives ten seconds.
    pub fn assert_gone(&self) {
        let is_gone = wait_until(Duration::from_secs(10), || self.processes().is_empty());
        assert!(is_gone, "still running: {:?}", self.processes());
    }
}

impl Default for Marker {
    fn default() -> Self {
        Self::new()
    }
}

/// A process's command line, if its environment holds `wanted`. One that has
/// ended, reaped or not, has no environment any more.
fn marked_command(number: u32, wanted: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{number}/environ")).ok()?;
    environment.split(|&byte| byte == 0).find(|one| *one == wanted.as_bytes())?;
    let command = fs::read(format!("/proc/{number}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&command).replace('\0', " "))
}

/// Asks again and again until the answer is yes, which is returned, or the time is over.
pub fn wait_until(patience: Duration, mut ask: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < patience {
        if ask() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    ask()
}
