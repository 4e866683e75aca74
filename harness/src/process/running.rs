//! The processes that run, for Ctrl-Z: a terminal stops only the harness's own group.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Family;

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// A process's group, or its family where that is kept together.
struct Running {
    group: Pid,
    has_family: bool,
}

impl Running {
    fn signal(&self, signal: Signal) {
        let family = self.has_family.then(|| Family::below(self.group.as_raw_nonzero().get().unsigned_abs()));
        // A guard with a family computes nothing, and must notice a harness that is killed.
        if !family.is_some_and(|family| family.signal(signal)) || signal == Signal::CONT {
            // Already gone is as good.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

fn locked() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(group: Pid, has_family: bool) {
    locked().push(Running { group, has_family });
}

/// Forgets a process before its number may be another's.
pub(super) fn remove(group: Pid) {
    locked().retain(|running| running.group != group);
}

/// Stops all of them, does something meanwhile, and lets them go on.
pub(crate) fn stopped(meanwhile: impl FnOnce()) {
    let running = locked();
    running.iter().for_each(|one| one.signal(Signal::STOP));
    meanwhile();
    running.iter().for_each(|one| one.signal(Signal::CONT));
}
