//! Several things done at the same time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

/// More of them, though they mostly wait, would wait for a processor.
const MOST: usize = 8;

/// What `work`, which mostly waits, makes of each item, in their order.
pub(crate) fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    on_threads(MOST, items, work)
}

/// What `work` makes of each item, in their order, on so many threads at most. However few there
/// are, this one takes part.
pub(crate) fn on_threads<T: Sync, R: Send>(
    most: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let take_part = || {
        while let Some((index, item)) = take(items, &next) {
            let result = work(item);
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..items.len().min(most) {
            // Where threads are few, those that there are do more of it.
            if Builder::new().spawn_scoped(scope, take_part).is_err() {
                break;
            }
        }
        take_part();
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<'t, T>(items: &'t [T], next: &AtomicUsize) -> Option<(usize, &'t T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn all_are_done_at_once_and_come_in_order() {
        // Nobody passes before all of them are there.
        let barrier = Barrier::new(MOST);
        let items: Vec<usize> = (0..MOST).collect();
        let doubled = side_by_side(&items, |item| {
            barrier.wait();
            2 * item
        });
        assert_eq!(doubled, items.iter().map(|item| 2 * item).collect::<Vec<_>>());
    }

    #[test]
    fn many_and_none_are_done() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(side_by_side(&items, |item| *item), items);
        assert_eq!(on_threads(1, &items, |item| *item), items);
        assert!(side_by_side(&[] as &[u8], |item| *item).is_empty());
    }
}
