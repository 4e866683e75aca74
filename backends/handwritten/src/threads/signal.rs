//! A number that threads wait for: first spinning, then asleep.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How often a waiting thread looks before it goes to sleep: some 20 µs. Threads
/// that share a batch evenly meet within that, and waking a sleeper takes longer.
const LOOKS: usize = 2_000;

/// A counter with waiting.
#[derive(Debug)]
pub(super) struct Signal {
    value: AtomicUsize,
    /// Threads that are asleep, or about to look a last time before they are.
    sleepers: AtomicUsize,
    /// Guards the gap between that last look and falling asleep.
    falling_asleep: Mutex<()>,
    changed: Condvar,
    looks: usize,
}

impl Signal {
    /// Starts at 0. With more threads than processors, who spins keeps the one
    /// that is waited for from running: then nobody does.
    pub(super) fn new(threads: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            value: AtomicUsize::new(0),
            sleepers: AtomicUsize::new(0),
            falling_asleep: Mutex::new(()),
            changed: Condvar::new(),
            looks: if threads <= processors { LOOKS } else { 0 },
        }
    }

    pub(super) fn value(&self) -> usize {
        self.value.load(Ordering::SeqCst)
    }

    /// Adds 1 and wakes whoever sleeps. What was written before is seen by
    /// whoever sees the new value.
    pub(super) fn advance(&self) {
        self.value.fetch_add(1, Ordering::SeqCst);
        // A thread counts itself among the sleepers before its last look: either
        // it is seen here, or it saw the new value.
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.lock());
            self.changed.notify_all();
        }
    }

    /// Waits until `is_reached` holds of the value.
    pub(super) fn wait(&self, is_reached: impl Fn(usize) -> bool) {
        for _ in 0..self.looks {
            if is_reached(self.value()) {
                return;
            }
            hint::spin_loop();
        }
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut guard = self.lock();
        while !is_reached(self.value()) {
            guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Nothing is guarded but the order of events, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.falling_asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
