//! Reading many records at once.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Identity;
use crate::record::Record;
use crate::store::StoreError;

/// Threads that read, at most: more would wait for the disk.
const MOST_THREADS: usize = 16;

type Read<T> = (PathBuf, Result<(Identity, T), StoreError>);

/// What `make` makes of the record of each of these run folders, in no order.
pub(super) fn all<T: Send>(
    folder: &Path,
    paths: Vec<PathBuf>,
    make: impl Fn(Record) -> T + Sync,
) -> Vec<Read<T>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(paths.len());
    let next = AtomicUsize::new(0);
    let of_thread = || {
        let mine = std::iter::from_fn(|| paths.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.map(|path| (path.clone(), one(&folder.join(path), &make))).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(of_thread)).collect();
        let mut read = of_thread();
        for other in others {
            match other.join() {
                Ok(more) => read.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read
    })
}

fn one<T>(folder: &Path, make: &impl Fn(Record) -> T) -> Result<(Identity, T), StoreError> {
    let record = Record::read(folder)?;
    Ok((Identity::of(&record.started), make(record)))
}
