//! Threads that stay, so that work need not wait for their start.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::signal::Signal;

/// What a thread does, given its index.
type Work<'w> = dyn Fn(usize) + Sync + 'w;
type Panic = Box<dyn Any + Send>;

/// Threads 1, 2, … of a team; the caller is thread 0.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    order: Mutex<Order>,
    /// Orders given so far.
    given: Signal,
    /// Orders carried out so far, each counted once per thread.
    done: Signal,
    panic: Mutex<Option<Panic>>,
}

enum Order {
    Run(&'static Work<'static>),
    Leave,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run(_) => "run",
            Self::Leave => "leave",
        })
    }
}

impl Pool {
    /// Starts `threads` − 1 threads.
    ///
    /// # Errors
    /// Where the system gives no more threads.
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            order: Mutex::new(Order::Leave),
            given: Signal::new(threads),
            done: Signal::new(threads),
            panic: Mutex::new(None),
        });
        // Filled one by one, so that those already started leave if another cannot start.
        let mut pool = Self { shared, threads: Vec::new() };
        for index in 1..threads {
            let shared = pool.shared.clone();
            let name = format!("handwritten-{index}");
            pool.threads.push(thread::Builder::new().name(name).spawn(move || shared.serve(index))?);
        }
        Ok(pool)
    }

    /// Runs `work` once per thread, thread 0 being the caller, and returns when
    /// all have finished.
    ///
    /// # Panics
    /// If `work` panics, with the panic of one of the threads.
    pub(super) fn run(&mut self, work: &Work<'_>) {
        // SAFETY: the reference is used only by threads that carry out this order.
        // Each of them counts up `done` when it no longer uses it, and this function
        // does not return or unwind before all have: the borrow outlives every use.
        let work_for_threads = unsafe { std::mem::transmute::<&Work<'_>, &'static Work<'static>>(work) };
        let finished = self.shared.done.value() + self.threads.len();
        self.give(Order::Run(work_for_threads));
        let own = catch_unwind(AssertUnwindSafe(|| work(0)));
        self.shared.done.wait(|done| done >= finished);
        let others = lock(&self.shared.panic).take();
        if let Some(panic) = own.err().or(others) {
            resume_unwind(panic);
        }
    }

    fn give(&self, order: Order) {
        *lock(&self.shared.order) = order;
        self.shared.given.advance();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.give(Order::Leave);
        for thread in self.threads.drain(..) {
            // A thread catches the panics of its work, so it has none to report.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Carries out every order, until told to leave.
    fn serve(&self, index: usize) {
        for seen in 0.. {
            self.given.wait(|given| given > seen);
            let work = match *lock(&self.order) {
                Order::Run(work) => work,
                Order::Leave => return,
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(index))) {
                *lock(&self.panic) = Some(panic);
            }
            self.done.advance();
        }
    }
}

/// A poisoned lock holds whole data here: nothing panics while it is held.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
