//! A team of threads that works on one batch and can add up numbers.
//!
//! Every thread of the team runs the same code on its own part of the batch.
//! Where a formula needs the whole batch, each hands in what it has of its part
//! to [`Member::exchange`] and reads what all have handed in, in the order of the
//! threads, so that the same number of threads gives the same bits in every run.
//!
//! The threads live as long as the team. They meet many times in a training step
//! of milliseconds, so a thread that waits spins for a while before it sleeps.

mod pool;
mod signal;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use pool::Pool;
use signal::Signal;
use trainmark_plugin::Error;

/// A fixed number of threads and the place where they meet.
#[derive(Debug)]
pub(crate) struct Team {
    pool: Pool,
    meeting: Meeting,
}

#[derive(Debug)]
struct Meeting {
    /// What each thread hands in. Two rounds alternate: a thread may hand in
    /// for the next round while a slower one still reads this one.
    slots: Vec<[RwLock<Vec<f64>>; 2]>,
    arrived: AtomicUsize,
    /// Meetings held so far.
    held: Signal,
    /// A thread panicked and will never arrive.
    broken: AtomicBool,
}

impl Team {
    /// # Errors
    /// Where the system gives no more threads.
    pub(crate) fn new(threads: usize) -> Result<Self, Error> {
        let pool = Pool::start(threads)
            .map_err(|why| Error::failed(format!("cannot start {threads} threads: {why}; ask for fewer")))?;
        let meeting = Meeting {
            slots: (0..threads).map(|_| Default::default()).collect(),
            arrived: AtomicUsize::new(0),
            held: Signal::new(threads),
            broken: AtomicBool::new(false),
        };
        Ok(Self { pool, meeting })
    }

    pub(crate) fn threads(&self) -> usize {
        self.meeting.slots.len()
    }

    /// Runs `work` on every task, the first on the calling thread and each
    /// other one on a thread of its own, and returns when all have finished.
    ///
    /// # Panics
    /// If there is not one task per thread, or `work` panics; then the team
    /// is of no further use.
    pub(crate) fn run<T: Send>(
        &mut self,
        tasks: impl IntoIterator<Item = T>,
        work: impl Fn(&Member<'_>, T) + Sync,
    ) {
        let tasks: Vec<Mutex<Option<T>>> = tasks.into_iter().map(|task| Mutex::new(Some(task))).collect();
        assert_eq!(tasks.len(), self.threads(), "a team needs one task per thread");
        let Self { pool, meeting } = self;
        pool.run(&|index| {
            let _guard = BreakOnPanic(meeting);
            let task = tasks[index].lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(task) = task {
                work(&Member { meeting, index, round: Cell::new(0) }, task);
            }
        });
    }
}

impl Meeting {
    /// Waits until every thread of the team has arrived.
    fn meet(&self) {
        let held = self.held.value();
        if self.arrived.fetch_add(1, Ordering::SeqCst) + 1 == self.slots.len() {
            self.arrived.store(0, Ordering::SeqCst);
            self.held.advance();
        } else {
            self.held.wait(|now| now != held || self.broken.load(Ordering::SeqCst));
        }
        assert!(!self.broken.load(Ordering::SeqCst), "another thread of the team panicked");
    }
}

/// Without this, a panic in one thread would leave the others waiting for ever.
struct BreakOnPanic<'t>(&'t Meeting);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::SeqCst);
            self.0.held.advance();
        }
    }
}

/// One thread's place in the team.
pub(crate) struct Member<'t> {
    meeting: &'t Meeting,
    index: usize,
    round: Cell<usize>,
}

impl Member<'_> {
    /// Hands in this thread's values and then reads those of every thread, in the
    /// order of the threads. All threads call this equally often.
    pub(crate) fn exchange(&self, values: &[f64], mut read: impl FnMut(&[f64])) {
        let slots = &self.meeting.slots;
        if slots.len() == 1 {
            return read(values);
        }
        let round = self.round.replace(self.round.get() ^ 1);
        {
            let mut slot = slots[self.index][round].write().unwrap_or_else(PoisonError::into_inner);
            slot.clear();
            slot.extend_from_slice(values);
        }
        self.meeting.meet();
        for slot in slots {
            read(&slot[round].read().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Replaces every value by its sum over all threads: values\[k] ← Σₜ valuesₜ\[k],
    /// added in the order of the threads. All threads call this equally often
    /// and with equally many values.
    pub(crate) fn sum(&self, values: &mut [f64]) {
        let mut totals = vec![0.0; values.len()];
        self.exchange(values, |part| {
            for (total, part) in totals.iter_mut().zip(part) {
                *total += part;
            }
        });
        values.copy_from_slice(&totals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_receives_the_total_of_every_round() {
        for threads in [1, 2, 3, 8] {
            let mut team = Team::new(threads).unwrap();
            for _ in 0..3 {
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
    }

    #[test]
    fn threads_that_sleep_are_woken() {
        let mut team = Team::new(2).unwrap();
        for late in [0, 1] {
            team.run(0..2, |member, task| {
                if task == late {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
                let mut values = [1.0];
                member.sum(&mut values);
                assert_eq!(values, [2.0]);
            });
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    #[test]
    #[should_panic = "another thread of the team panicked"]
    fn a_panic_in_one_thread_ends_the_others() {
        Team::new(3).unwrap().run(0..3, |member, task| {
            assert_ne!(task, 1, "thread 1 fails");
            member.sum(&mut [0.0]);
        });
    }
}
