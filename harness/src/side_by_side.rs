//! Several things done at the same time.

use trainmark_numerics::threads::on_threads;

/// More of them, though they mostly wait, would wait for a processor.
const MOST: usize = 8;

/// What `work`, which mostly waits, makes of each item, in their order.
pub(crate) fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    on_threads(MOST, items, work)
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
        assert!(side_by_side(&[] as &[u8], |item| *item).is_empty());
    }
}
