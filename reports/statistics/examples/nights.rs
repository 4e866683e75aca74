//! How often a history without a step, which is read after every run, tells one on any of these nights,
//! what both libraries in the same rounds (`--confirm`) leave of that, and how soon a step is told when the
//! history is young:
//!
//!     cargo run --release -p trainmark-statistics --example nights [-- HISTORIES [NIGHTS]]
//!
//! A history has six series. Every night has another library, so that each step lies between two; where it
//! is the same one, nothing can be held against each other, and a step stands.

use std::collections::BTreeMap;

#[path = "../tests/simulated/history.rs"]
mod history;
#[path = "../tests/simulated/mod.rs"]
#[expect(dead_code, reason = "other examples and tests use the rest")]
mod simulated;

use history::{Planted, Scatter, counted, plant, quiet, steps};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use simulated::decided::at_last;
use simulated::rounds::Machine;
use trainmark_statistics::Comparison;
use trainmark_statistics::steps::{LEAST, Step};

const SERIES: usize = 6;

fn main() {
    let mut arguments = std::env::args().skip(1).map_while(|text| text.parse::<usize>().ok());
    let histories = arguments.next().unwrap_or(1000);
    let nights = arguments.next().unwrap_or(60);
    without_steps(histories, nights);
    young(histories);
}

fn without_steps(histories: usize, nights: usize) {
    println!(
        "## {histories} histories without a step, of {SERIES} series, read on each of {nights} nights\n"
    );
    println!(
        "| scatter of runs | histories with a step on the last night | on any | series with one on any | \
         histories with a suspected one on any | with a step on any that both libraries do not exclude | that they show |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for scatter in Scatter::ALL {
        let mut generator = ChaCha8Rng::seed_from_u64(2);
        let all: Vec<Told> = (0..histories).map(|_| Told::of(scatter, nights, &mut generator)).collect();
        let percent = |is_so: fn(&Told) -> bool| {
            100.0 * all.iter().filter(|told| is_so(told)).count() as f64 / histories as f64
        };
        let series: usize = all.iter().map(|told| told.series.iter().filter(|any| **any).count()).sum();
        println!(
            "| {} | {:.1}% | {:.1}% | {:.2}% | {:.1}% | {:.1}% | {:.1}% |",
            scatter.name(),
            percent(|told| told.last),
            percent(|told| told.series.iter().any(|any| *any)),
            100.0 * series as f64 / (SERIES * histories) as f64,
            percent(|told| told.suspected),
            percent(|told| told.stands),
            percent(|told| told.shown)
        );
    }
}

/// After so many runs a young history's step lies.
const YOUNG: usize = 12;
/// So many nights after it are read.
const AFTER: usize = 20;

/// How soon a step is told that comes when a history is young.
fn young(histories: usize) {
    println!(
        "\n## A step after {YOUNG} runs in one of the series: told on one of {AFTER} nights from it on\n"
    );
    println!("| scatter of runs | series | size, in deviations | told | after so many nights, median |");
    println!("|---|--:|--:|--:|--:|");
    for scatter in [Scatter::Normal, Scatter::HeavyTailed, Scatter::Lasting(0.5)] {
        for (count, size) in [(1, 3.0), (1, 5.0), (SERIES, 3.0), (SERIES, 5.0)] {
            let mut generator = ChaCha8Rng::seed_from_u64(4);
            let planted = Planted { series: 0, at: YOUNG, change: 0.01 * size };
            let told = (0..histories).filter_map(|_| {
                let mut whole = quiet(scatter, &mut generator, count, YOUNG + AFTER);
                plant(&mut whole, &[planted]);
                (1..=AFTER).find(|after| {
                    let so_far: Vec<Vec<f64>> =
                        whole.iter().map(|series| series[..YOUNG + after].to_vec()).collect();
                    counted(&steps(&so_far, 0.01), &[planted]).0 > 0
                })
            });
            let mut nights: Vec<usize> = told.collect();
            nights.sort_unstable();
            let part = 100.0 * nights.len() as f64 / histories as f64;
            let median = nights.get(nights.len() / 2).map_or_else(String::new, usize::to_string);
            println!("| {} | {count} | {size} | {part:.0}% | {median} |", scatter.name());
        }
    }
}

/// What was told of a history, all of it wrong.
#[derive(Default)]
struct Told {
    /// A step, on the last night.
    last: bool,
    /// Of each series: a step, on any night.
    series: [bool; SERIES],
    /// On any night a step that is not decided.
    suspected: bool,
    /// On any night a step that both libraries in the same rounds leave open or show.
    stands: bool,
    /// On any night a step that they show.
    shown: bool,
}

impl Told {
    fn of(scatter: Scatter, nights: usize, generator: &mut ChaCha8Rng) -> Self {
        let whole = quiet(scatter, generator, SERIES, nights);
        let (mut told, mut trials) = (Self::default(), Trials::default());
        for night in 2 * LEAST..=nights {
            let so_far: Vec<Vec<f64>> = whole.iter().map(|series| series[..night].to_vec()).collect();
            let found = steps(&so_far, 0.01);
            told.last = found.iter().any(|changes| !changes.steps.is_empty());
            told.suspected |= found.iter().any(|changes| changes.suspected.is_some());
            for (series, changes) in found.iter().enumerate() {
                for step in &changes.steps {
                    let comparison = trials.of(series, step, generator);
                    told.series[series] = true;
                    told.stands |= !step.is_excluded_by(&comparison);
                    told.shown |= comparison.verdict == step.verdict;
                }
            }
        }
        told
    }
}

/// What two libraries have shown in the same rounds, which is measured once, by series and place.
#[derive(Default)]
struct Trials(BTreeMap<(usize, usize), Comparison>);

impl Trials {
    fn of(&mut self, series: usize, step: &Step, generator: &mut ChaCha8Rng) -> Comparison {
        *self.0.entry((series, step.at)).or_insert_with(|| at_last(generator, 1.0, Machine::Alike).1)
    }
}
