//! Work on many runs that several threads share.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads at most: more would wait for the disk.
const MOST: usize = 16;

/// How many threads [`on_all`] has for much work.
pub(crate) fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// What `work` makes of each item, in their order.
pub(crate) fn on_all<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let of_thread = || {
        let mine = std::iter::from_fn(|| {
            let place = next.fetch_add(1, Ordering::Relaxed);
            items.get(place).map(|item| (place, item))
        });
        mine.map(|(place, item)| (place, work(item))).collect::<Vec<_>>()
    };
    let mut made = thread::scope(|scope| {
        let others: Vec<_> = (1..count().min(items.len())).map(|_| scope.spawn(of_thread)).collect();
        let mut made = of_thread();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod unit_tests {
    use super::on_all;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..500).collect();
        // The first ones take longest.
        let slow = |item: &u64| {
            std::thread::sleep(std::time::Duration::from_micros(200_u64.saturating_sub(*item)));
            2 * item
        };
        assert_eq!(on_all(&items, slow), items.iter().map(|item| 2 * item).collect::<Vec<_>>());
        assert!(on_all(&[] as &[u64], slow).is_empty());
    }
}
