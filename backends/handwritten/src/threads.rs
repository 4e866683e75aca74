//! A team of threads that works on one batch and can add up numbers.
//!
//! Every thread of the team runs the same code on its own part of the batch.
//! Where a formula sums over the whole batch, each hands in its part's sum to
//! [`Member::sum`] and receives the total. Totals are added in the order of
//! the threads, so that they are the same bits in every run.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A fixed number of threads and the place where they meet.
#[derive(Debug)]
pub(crate) struct Team {
    /// What each thread hands in. Two rounds alternate: a thread may hand in
    /// for the next round while a slower one still reads this one.
    slots: Vec<[Mutex<Vec<f64>>; 2]>,
    meeting: Mutex<Meeting>,
    all_arrived: Condvar,
}

#[derive(Debug, Default)]
struct Meeting {
    arrived: usize,
    /// Meetings held so far.
    held: usize,
    /// A thread panicked and will never arrive.
    broken: bool,
}

impl Team {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            slots: (0..threads).map(|_| Default::default()).collect(),
            meeting: Mutex::default(),
            all_arrived: Condvar::new(),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.slots.len()
    }

    /// Runs `work` on every task, the first on the calling thread and each
    /// other one on a thread of its own, and returns when all have finished.
    ///
    /// # Panics
    /// If there is not one task per thread, or `work` panics.
    pub(crate) fn run<T: Send>(
        &self,
        tasks: impl IntoIterator<Item = T>,
        work: impl Fn(&Member<'_>, T) + Sync,
    ) {
        let tasks: Vec<T> = tasks.into_iter().collect();
        assert_eq!(tasks.len(), self.threads(), "a team needs one task per thread");
        let work_as = |index: usize, task: T| {
            let _guard = BreakOnPanic(self);
            work(&Member { team: self, index, round: Cell::new(0) }, task);
        };
        thread::scope(|scope| {
            let _guard = BreakOnPanic(self);
            let mut tasks = tasks.into_iter().enumerate();
            let own = tasks.next();
            for (index, task) in tasks {
                let work_as = &work_as;
                scope.spawn(move || work_as(index, task));
            }
            if let Some((index, task)) = own {
                work_as(index, task);
            }
        });
    }

    /// Waits until every thread of the team has arrived.
    fn meet(&self) {
        let mut meeting = lock(&self.meeting);
        meeting.arrived += 1;
        if meeting.arrived == self.threads() {
            meeting.arrived = 0;
            meeting.held += 1;
            self.all_arrived.notify_all();
            return;
        }
        let held = meeting.held;
        while meeting.held == held {
            assert!(!meeting.broken, "another thread of the team panicked");
            meeting = self.all_arrived.wait(meeting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Without this, a panic in one thread would leave the others waiting for ever.
struct BreakOnPanic<'t>(&'t Team);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.meeting).broken = true;
            self.0.all_arrived.notify_all();
        }
    }
}

/// One thread's place in the team.
pub(crate) struct Member<'t> {
    team: &'t Team,
    index: usize,
    round: Cell<usize>,
}

impl Member<'_> {
    /// Replaces every value by its sum over all threads: values\[k] ← Σₜ valuesₜ\[k],
    /// added in the order of the threads. All threads call this equally often
    /// and with equally many values.
    pub(crate) fn sum(&self, values: &mut [f64]) {
        if self.team.threads() == 1 {
            return;
        }
        let round = self.round.replace(self.round.get() ^ 1);
        {
            let mut slot = lock(&self.team.slots[self.index][round]);
            slot.clear();
            slot.extend_from_slice(values);
        }
        self.team.meet();
        values.fill(0.0);
        for slot in &self.team.slots {
            for (total, part) in values.iter_mut().zip(lock(&slot[round]).iter()) {
                *total += part;
            }
        }
    }
}

/// A poisoned lock holds whole data here: nothing panics while it is held
/// except to report that the team is broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_receives_the_total_of_every_round() {
        for threads in [1, 2, 3, 8] {
            let team = Team::new(threads);
            team.run(0..threads, |member, task| {
                for round in 0..50 {
                    let mut values = [task as f64, f64::from(round)];
                    member.sum(&mut values);
                    let expected: usize = (0..threads).sum();
                    assert_eq!(values, [expected as f64, f64::from(round) * threads as f64]);
                }
            });
        }
    }

    #[test]
    #[should_panic = "another thread of the team panicked"]
    fn a_panic_in_one_thread_ends_the_others() {
        Team::new(3).run(0..3, |member, task| {
            assert_ne!(task, 1, "thread 1 fails");
            member.sum(&mut [0.0]);
        });
    }
}
