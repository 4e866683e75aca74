//! Two builds in rounds that are added until a difference between them is shown.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use trainmark_statistics::{Noise, Verdict, judge};

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
        let plan = Plan { cells: 2, rounds: *LOOKS.end(), last: ratio };
        let measured = Measured::of(&mut generator, plan, machine);
        let mut looks = LOOKS.map(|look| (look, verdict(&measured.after(look))));
        if let Some((look, verdict)) = looks.find(|(_, verdict)| is_decided(*verdict)) {
            rounds.push(look);
            slower += usize::from(verdict == Verdict::Higher);
            faster += usize::from(verdict == Verdict::Lower);
        }
    }
    rounds.sort_unstable();
    let percent = |number: usize| 100.0 * number as f64 / simulations as f64;
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or(0);
    Decided { slower: percent(slower), faster: percent(faster), rounds: median }
}

fn is_decided(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Higher | Verdict::Lower)
}

fn verdict(measured: &Measured) -> Verdict {
    let mut family = [measured.compare(1, 0, Rule::Pooled)];
    judge(&mut family, Noise::of(&measured.repeated).map_or(1.0, |noise| noise.of_mean));
    family[0].verdict
}
