//! How often 95% intervals hold the true ratio, and how often a verdict is wrong,
//! by the number of seeds, the noise and the method:
//!
//!     cargo run --release -p trainmark-statistics --example calibration [-- SIMULATIONS]
//!
//! Prints the tables that the documentation of `trainmark_statistics`
//! speaks of. 10 000 simulations (the default) are certain to about 0.4 points.

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use simulated::decided::{Decided, two_builds};
use simulated::rounds::{Machine, Plan};
use simulated::tally::{Rule, Tally};
use simulated::{Noise, Shape, pairs};
use trainmark_statistics::bootstrap::{Ranked, Resamples, bca};
use trainmark_statistics::distributions::{normal_cdf, student_quantile};
use trainmark_statistics::{BOOTSTRAP_FROM, CONFIDENCE, Verdict, compare, judge};

const ROUNDS: [usize; 5] = [2, 3, 5, 10, 30];
const SEEDS: [usize; 10] = [2, 3, 4, 5, 7, 10, 15, 20, 30, 50];

fn main() {
    let simulations = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    rounds(simulations);
    power(simulations);
    power_beyond_noise(simulations);
    decided(simulations);
    drawing_error();
    false_positives(simulations);
    coverage(simulations);
}

/// Cells measured in rounds, none of which differ.
fn rounds(simulations: usize) {
    println!("## Cells in rounds: what holds of all pairs, in %");
    println!("Intervals that hold the true ratio (of the worst pair); families with a wrong verdict, the");
    println!(
        "noise floor left aside (of the worst baseline; with the floor). Of {simulations} rounds each\n"
    );
    println!("| cells | noise |{}", ROUNDS.map(|rounds| format!(" {rounds} rounds |")).concat());
    println!("|--:|---|{}", "--:|".repeat(ROUNDS.len()));
    for cells in [8, 4] {
        for machine in Machine::ALL {
            rounds_of(cells, machine, Rule::Pooled, simulations);
        }
    }
    println!("\nThe same where the noise of all cells counts alike, as the residual of the whole fit\n");
    for machine in [Machine::Alike, Machine::OneNoisy] {
        rounds_of(8, machine, Rule::Residual, simulations);
    }
    println!();
}

fn rounds_of(cells: usize, machine: Machine, rule: Rule, simulations: usize) {
    print!("| {cells} | {} |", machine.name());
    for rounds in ROUNDS {
        let plan = Plan { cells, rounds, last: 1.0 };
        let tally = Tally::of(plan, machine, rule, simulations.div_ceil(rounds));
        print!(" {:.1} ({:.1}); {:.1} ", tally.coverage(), tally.least_coverage(), tally.wrong());
        print!("({:.1}; {:.1}); ", tally.most_wrong(false), tally.most_wrong(true));
        let [without, with] = tally.wrong_of_lowest();
        print!("{without:.1} ({with:.1}) |");
    }
    println!();
}

/// Benchmarks of eight cells, one of which is slower.
fn power(simulations: usize) {
    println!("## Comparisons with the slower cell that find it so, in %, noise of 2%\n");
    println!("| rounds | whose noise | 5% slower | 10% | 30% |\n|--:|---|--:|--:|--:|");
    for rounds in [2, 3, 5] {
        for (rule, whose) in [(Rule::Pooled, "all cells'"), (Rule::Own, "the pair's own")] {
            print!("| {rounds} | {whose} |");
            for last in [1.05, 1.1, 1.3] {
                let plan = Plan { cells: 8, rounds, last };
                print!(" {:.0} |", Tally::of(plan, Machine::Alike, rule, simulations / 10).found());
            }
            println!();
        }
    }
    println!();
}

/// The same beyond the noise floor: that of the mean, and the greatest ratio of single pairs.
fn power_beyond_noise(simulations: usize) {
    println!("## The same beyond the noise floor (beyond the greatest ratio of a pair instead), in %\n");
    println!("| rounds | 2% slower | 5% | 10% | 30% |\n|--:|--:|--:|--:|--:|");
    for rounds in ROUNDS {
        print!("| {rounds} |");
        for last in [1.02, 1.05, 1.1, 1.3] {
            let plan = Plan { cells: 8, rounds, last };
            let tally = Tally::of(plan, Machine::Alike, Rule::Pooled, simulations / 10);
            let [floor, greatest] = tally.found_beyond_noise();
            print!(" {floor:.0} ({greatest:.0}) |");
        }
        println!();
    }
    println!();
}

/// Rounds that are added until a difference is shown, or thirty are made.
fn decided(simulations: usize) {
    println!(
        "## Two builds in 3 to 30 rounds, ended once a difference is shown: slower, faster (%); rounds\n"
    );
    println!("| noise | the same | 2% slower | 5% | 10% |\n|---|--:|--:|--:|--:|");
    for machine in Machine::ALL {
        print!("| {} |", machine.name());
        for ratio in [1.0, 1.02, 1.05, 1.1] {
            let Decided { slower, faster, rounds } = two_builds(ratio, machine, simulations / 5);
            print!(" {slower:.1}, {faster:.1}; {rounds} |");
        }
        println!();
    }
    println!();
}

fn coverage(simulations: usize) {
    println!("## Coverage of 95% intervals in %, and their median width in % of the ratio");
    println!("{simulations} simulations each; `compare` uses the bootstrap from {BOOTSTRAP_FROM} seeds on\n");
    print!("| noise | seeds |");
    Method::ALL.iter().for_each(|method| print!(" {} |", method.name()));
    println!("\n|---|--:|{}", "--:|".repeat(Method::ALL.len()));
    for (number, noise) in noises().into_iter().enumerate() {
        for seeds in SEEDS {
            print!("| {} | {seeds} |", noise.name());
            for method in Method::ALL {
                let mut generator = ChaCha8Rng::seed_from_u64((100 * number + seeds) as u64);
                let intervals: Vec<_> = (0..simulations)
                    .filter_map(|_| method.interval(&pairs(&mut generator, seeds, noise)))
                    .collect();
                let held = intervals.iter().filter(|(low, high)| *low <= 0.0 && *high >= 0.0).count();
                let mut widths: Vec<f64> = intervals.iter().map(|(low, high)| high - low).collect();
                widths.sort_by(f64::total_cmp);
                let width = widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN);
                print!(" {:.1} ({:.2}) |", percent(held, intervals.len()), 100.0 * width);
            }
            println!();
        }
    }
}

/// How far the bounds of one sample lie apart when the resamples are drawn anew.
fn drawing_error() {
    println!("## Standard deviation of the bootstrap's bounds by its resamples, in % of the width\n");
    println!("| seeds | 1000 | 2000 | 4000 | 8000 |\n|--:|--:|--:|--:|--:|");
    for seeds in [BOOTSTRAP_FROM, 50] {
        let mut generator = ChaCha8Rng::seed_from_u64(seeds as u64);
        let sample: Vec<f64> =
            pairs(&mut generator, seeds, Noise { run: 0.02, seed: 0.0, shape: Shape::Normal })
                .iter()
                .map(|(subject, baseline)| (subject / baseline).ln())
                .collect();
        print!("| {seeds} |");
        for resamples in [1000, 2000, 4000, 8000] {
            let bounds = |seed| expanded(&Resamples::draw(seeds, resamples, seed), &sample);
            let bounds: Vec<(f64, f64)> = (0..100).filter_map(bounds).collect();
            let deviation = |end: fn(&(f64, f64)) -> f64| {
                let mean = bounds.iter().map(end).sum::<f64>() / bounds.len() as f64;
                bounds.iter().map(|bound| (end(bound) - mean).powi(2)).sum::<f64>() / bounds.len() as f64
            };
            let width = bounds.iter().map(|(low, high)| high - low).sum::<f64>() / bounds.len() as f64;
            let variance = f64::midpoint(deviation(|bound| bound.0), deviation(|bound| bound.1));
            print!(" {:.2} |", 100.0 * variance.sqrt() / width);
        }
        println!();
    }
    println!();
}

fn false_positives(simulations: usize) {
    println!("## Families of 7 null comparisons with a wrong verdict, in %\n");
    println!("| noise |{}", SEEDS.map(|seeds| format!(" {seeds} seeds |")).concat());
    println!("|---|{}", "--:|".repeat(SEEDS.len()));
    for (number, noise) in noises().into_iter().enumerate() {
        print!("| {} |", noise.name());
        for seeds in SEEDS {
            let mut generator = ChaCha8Rng::seed_from_u64((100 * number + seeds) as u64);
            let wrong = (0..simulations)
                .filter(|_| {
                    let mut family = simulated::null_family(&mut generator, seeds, 7, noise);
                    judge(&mut family, 1.0);
                    family.iter().any(|comparison| comparison.verdict != Verdict::NoDifferenceShown)
                })
                .count();
            print!(" {:.1} |", percent(wrong, simulations));
        }
        println!();
    }
    println!();
}

fn noises() -> Vec<Noise> {
    let mut noises = Vec::new();
    for shape in [Shape::Normal, Shape::HeavyTailed, Shape::Skewed] {
        for (run, seed) in [(0.005, 0.0), (0.02, 0.1), (0.1, 0.0)] {
            noises.push(Noise { run, seed, shape });
        }
    }
    noises
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// Ways to an interval of the ratio's logarithm, of which one was to be chosen.
#[derive(Clone, Copy)]
enum Method {
    Compare,
    StudentT,
    RatioOfMedians,
    MedianOfRatios,
    GeometricMean,
    Expanded,
}

impl Method {
    const ALL: [Self; 6] = [
        Self::Compare,
        Self::StudentT,
        Self::RatioOfMedians,
        Self::MedianOfRatios,
        Self::GeometricMean,
        Self::Expanded,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Compare => "`compare`",
            Self::StudentT => "Student's t",
            Self::RatioOfMedians => "BCa, ratio of medians",
            Self::MedianOfRatios => "BCa, median of ratios",
            Self::GeometricMean => "BCa, geometric mean",
            Self::Expanded => "expanded BCa, geometric mean",
        }
    }

    fn interval(self, pairs: &[(f64, f64)]) -> Option<(f64, f64)> {
        let resamples = Resamples::of(pairs.len());
        let logarithms: Vec<f64> =
            pairs.iter().map(|(subject, baseline)| (subject / baseline).ln()).collect();
        match self {
            Self::Compare => compare(pairs).interval.map(|interval| (interval.low.ln(), interval.high.ln())),
            Self::StudentT => student(&logarithms),
            Self::RatioOfMedians => {
                let subject = Ranked::new(pairs.iter().map(|pair| pair.0));
                let baseline = Ranked::new(pairs.iter().map(|pair| pair.1));
                bca(&resamples, CONFIDENCE, |counts| (subject.median(counts) / baseline.median(counts)).ln())
            }
            Self::MedianOfRatios => {
                let ranked = Ranked::new(logarithms);
                bca(&resamples, CONFIDENCE, |counts| ranked.median(counts))
            }
            Self::GeometricMean => bca(&resamples, CONFIDENCE, |counts| mean(&logarithms, counts)),
            Self::Expanded => expanded(&resamples, &logarithms),
        }
    }
}

fn student(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let half = student_quantile((1.0 + CONFIDENCE) / 2.0, count - 1.0) * (variance / count).sqrt();
    Some((mean - half, mean + half))
}

fn expanded(resamples: &Resamples, values: &[f64]) -> Option<(f64, f64)> {
    let (count, freedom) = (values.len() as f64, (values.len() - 1) as f64);
    let quantile = student_quantile((1.0 + CONFIDENCE) / 2.0, freedom) * (count / freedom).sqrt();
    bca(resamples, 2.0 * normal_cdf(quantile) - 1.0, |counts| mean(values, counts))
}

fn mean(values: &[f64], counts: &[u16]) -> f64 {
    let sum: f64 = values.iter().zip(counts).map(|(value, &count)| value * f64::from(count)).sum();
    sum / counts.iter().copied().map(f64::from).sum::<f64>()
}
