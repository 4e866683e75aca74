//! How often a history without a step has one all the same, and how often planted steps are found:
//!
//!     cargo run --release -p trainmark-statistics --example steps [-- HISTORIES]
//!
//! A history has six series of 500 runs, read once. Read night by night: example `nights`.

#[path = "../tests/simulated/history.rs"]
mod history;
#[path = "../tests/simulated/mod.rs"]
#[expect(dead_code, reason = "other examples and tests use the rest")]
mod simulated;

use history::{Planted, Scatter, counted, plant, quiet, steps};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const SERIES: usize = 6;
const RUNS: usize = 500;

fn main() {
    let histories = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    false_steps(histories);
    planted(histories);
}

fn false_steps(histories: usize) {
    println!("## {histories} histories without a step, read once\n");
    println!("| scatter of runs | histories with a step | steps in a history |\n|---|--:|--:|");
    for scatter in Scatter::ALL {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let counts: Vec<usize> = (0..histories)
            .map(|_| counted(&steps(&quiet(scatter, &mut generator, SERIES, RUNS), 0.01), &[]).1)
            .collect();
        let with = counts.iter().filter(|&&count| count > 0).count();
        let mean = counts.iter().sum::<usize>() as f64 / histories as f64;
        println!("| {} | {:.1}% | {mean:.2} |", scatter.name(), 100.0 * with as f64 / histories as f64);
    }
}

/// Three steps in one of the six series.
fn planted(histories: usize) {
    println!("\n## Three steps, planted in one of the series: found, and other steps\n");
    println!(
        "| scatter of runs | size, in deviations | found | within one run | histories with another step |"
    );
    println!("|---|--:|--:|--:|--:|");
    for scatter in [Scatter::Normal, Scatter::HeavyTailed, Scatter::Disturbed] {
        for size in [1.0, 1.5, 2.0, 3.0, 5.0] {
            let mut generator = ChaCha8Rng::seed_from_u64(3);
            let change = 0.01 * size;
            let steps_of = [(100, change), (250, change), (400, -change)];
            let planted = steps_of.map(|(at, change)| Planted { series: 1, at, change });
            let (mut hits, mut wrong, mut near) = (0, 0, 0);
            for _ in 0..histories {
                let mut series = quiet(scatter, &mut generator, SERIES, RUNS);
                plant(&mut series, &planted);
                let found = steps(&series, 0.01);
                let (hit, others) = counted(&found, &planted);
                hits += hit;
                wrong += usize::from(others > 0);
                let is_near =
                    |one: &&Planted| found[one.series].steps.iter().any(|step| step.at.abs_diff(one.at) <= 1);
                near += planted.iter().filter(is_near).count();
            }
            let part = |count: usize, of: usize| 100.0 * count as f64 / of as f64;
            println!(
                "| {} | {size} | {:.0}% | {:.0}% | {:.1}% |",
                scatter.name(),
                part(hits, 3 * histories),
                part(near, 3 * histories),
                part(wrong, histories)
            );
        }
    }
}
