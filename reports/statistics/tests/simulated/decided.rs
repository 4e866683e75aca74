//! Two builds in rounds that are added until a difference between them is shown.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use trainmark_statistics::{Comparison, Noise, Verdict, judge};

use super::rounds::{Machine, Measured, Plan};
use super::tally::Rule;

/// The first look is after so many rounds, and no more are made than so many.
pub(crate) const LOOKS: std::ops::RangeInclusive<usize> = 3..=30;

/// What came of simulated comparisons.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// Per cent in which the second was called slower, and faster.
    pub slower: f64,
    /// The same the other way round.
    pub faster: f64,
    /// The median number of rounds of those that were decided.
    pub rounds: usize,
}

/// Two builds, of which the second takes `ratio` times as long.
pub(crate) fn two_builds(ratio: f64, machine: Machine, simulations: usize) -> Decided {
    let mut generator = ChaCha8Rng::seed_from_u64(7);
    let (mut slower, mut faster, mut rounds) = (0, 0, Vec::new());
    for _ in 0..simulations {
        let (look, comparison) = at_last(&mut generator, ratio, machine);
        if is_decided(comparison.verdict) {
            rounds.push(look);
            slower += usize::from(comparison.verdict == Verdict::Higher);
            faster += usize::from(comparison.verdict == Verdict::Lower);
        }
    }
    rounds.sort_unstable();
    let percent = |number: usize| 100.0 * number as f64 / simulations as f64;
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or(0);
    Decided { slower: percent(slower), faster: percent(faster), rounds: median }
}

/// After how many rounds two builds were decided, or all were made, and what they had shown by then.
pub(crate) fn at_last(generator: &mut ChaCha8Rng, ratio: f64, machine: Machine) -> (usize, Comparison) {
    let plan = Plan { cells: 2, rounds: *LOOKS.end(), last: ratio };
    let measured = Measured::of(generator, plan, machine);
    let mut looks = LOOKS.map(|look| (look, compared(&measured.after(look))));
    let decided = looks.find(|(_, comparison)| is_decided(comparison.verdict));
    decided.unwrap_or_else(|| (*LOOKS.end(), compared(&measured)))
}

fn is_decided(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Higher | Verdict::Lower)
}

fn compared(measured: &Measured) -> Comparison {
    let mut family = [measured.compare(1, 0, Rule::Pooled)];
    judge(&mut family, Noise::of(&measured.repeated).map_or(1.0, |noise| noise.of_mean));
    family[0]
}
