//! The order in which an epoch visits the training samples.

pub use trainmark_numerics::random::epoch_order;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_is_pinned() {
        insta::assert_compact_debug_snapshot!(epoch_order(12, 1, 1));
        let order = epoch_order(60_000, 1, 1);
        insta::assert_compact_debug_snapshot!((&order[..6], &order[59_994..]));
    }

    #[test]
    fn seeds_and_epochs_differ() {
        assert_ne!(epoch_order(100, 1, 1), epoch_order(100, 1, 2));
        assert_ne!(epoch_order(100, 1, 1), epoch_order(100, 2, 1));
    }

    #[test]
    fn every_place_is_equally_likely() {
        let mut counts = [[0_u32; 5]; 5];
        for seed in 0..5000 {
            for (place, &sample) in epoch_order(5, seed, 1).iter().enumerate() {
                counts[place][sample as usize] += 1;
            }
        }
        // 1000 expected, standard deviation 28: five of them.
        assert!(counts.iter().flatten().all(|&c| (860..=1140).contains(&c)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn it_is_a_permutation(samples in 0_u32..500, seed: u64, epoch: u32) {
            let mut order = epoch_order(samples, seed, epoch);
            order.sort_unstable();
            prop_assert_eq!(order, (0..samples).collect::<Vec<_>>());
        }
    }
}
