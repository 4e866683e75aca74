//! The order in which an epoch visits the training samples.

use rand_chacha::rand_core::Rng;

use super::initial::generator;

/// A permutation of 0..`samples` that depends only on seed and epoch, the same on
/// every platform and for every backend.
///
/// Fisher–Yates with unbiased draws by Lemire's multiplication (2019).
pub fn epoch_order(samples: u32, seed: u64, epoch: u32) -> Vec<u32> {
    let mut random = generator("epoch order", seed, u64::from(epoch));
    let mut order: Vec<u32> = (0..samples).collect();
    for last in (1..samples).rev() {
        let chosen = below(&mut random, last + 1);
        order.swap(last as usize, chosen as usize);
    }
    order
}

/// A draw from 0..`bound`, each value equally likely.
fn below(random: &mut impl Rng, bound: u32) -> u32 {
    let unfair = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(random.next_u32()) * u64::from(bound);
        if product as u32 >= unfair {
            return (product >> 32) as u32;
        }
    }
}

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
