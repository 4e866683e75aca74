//! Random numbers: the same bits on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Values of U[−1, 1), multiples of 2⁻²³ and hence exact in float32, of one of
/// the streams that belong to a purpose and a seed.
pub fn uniform_generator(purpose: &str, seed: u64, stream: u64) -> impl Iterator<Item = f32> {
    let mut random = generator(purpose, seed, stream);
    std::iter::repeat_with(move || {
        let bits = random.next_u32() >> 8;
        (bits as f32 - (1 << 23) as f32) / (1 << 23) as f32
    })
}

/// The generator of one stream. The key is the seed and the purpose, so that no
/// two purposes share numbers; the expansion of small seeds that the generator's
/// library offers is not used, since it may change with the library's version.
pub fn generator(purpose: &str, seed: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    for (byte, letter) in key[8..].iter_mut().zip(purpose.bytes()) {
        *byte = letter;
    }
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(stream);
    random
}

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
