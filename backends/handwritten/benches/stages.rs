//! Times the stages of the fused training step one by one, on one thread, and prints a
//! roofline table: how near each comes to the multiply-adds that the processor can do.
//!
//!     cargo bench -p trainmark-handwritten --bench stages
//!
//! `TRAINMARK_SIMD` chooses the vector width.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use trainmark_handwritten::stages::{SAMPLES, Stage, lenet};

/// The shortest time of one run of each stage.
#[derive(Default)]
struct Table(Vec<(String, u64, Duration)>);

fn stages(criterion: &mut Criterion) {
    let stages = match lenet() {
        Ok(stages) => stages,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    let mut table = Table::default();
    for mut stage in stages {
        let fastest = time(criterion, &mut stage);
        table.0.extend(fastest.map(|fastest| (stage.name, stage.multiply_adds, fastest)));
    }
    table.print();
}

/// The mean of the fastest sample; nothing where the stage is filtered out.
fn time(criterion: &mut Criterion, stage: &mut Stage) -> Option<Duration> {
    let mut fastest = None;
    criterion.bench_function(&stage.name, |bencher| {
        bencher.iter_custom(|runs| {
            let start = Instant::now();
            for _ in 0..runs {
                (stage.run)();
            }
            let elapsed = start.elapsed();
            let each = elapsed / u32::try_from(runs).unwrap_or(u32::MAX);
            fastest = Some(fastest.map_or(each, |fastest: Duration| fastest.min(each)));
            elapsed
        });
    });
    fastest
}

impl Table {
    /// GFLOP/s of a row: a multiply-add is two.
    fn rate(multiply_adds: u64, time: Duration) -> f64 {
        2e-9 * multiply_adds as f64 / time.as_secs_f64()
    }

    fn print(&self) {
        let find = |wanted: &str| self.0.iter().find(|(name, ..)| name == wanted);
        let peak = find("peak").map(|&(_, multiply_adds, time)| Self::rate(multiply_adds, time));
        let step = find("whole step").map(|&(_, _, time)| time);
        println!("\n{SAMPLES} samples on one thread, fastest of criterion's samples:\n");
        println!("| stage | multiply-adds | time | share of the step | GFLOP/s | of the peak |");
        println!("|---|--:|--:|--:|--:|--:|");
        let percent = |part: f64, whole: Option<f64>| match whole {
            Some(whole) => format!("{:.0} %", 100.0 * part / whole),
            None => "–".into(),
        };
        for (name, multiply_adds, time) in &self.0 {
            let micros = 1e6 * time.as_secs_f64();
            let share = match &**name {
                "peak" | "whole step" => "–".into(),
                _ => percent(time.as_secs_f64(), step.map(|step| step.as_secs_f64())),
            };
            let (work, rate, of_peak) = match multiply_adds {
                0 => ("–".into(), "–".into(), "–".into()),
                _ => {
                    let rate = Self::rate(*multiply_adds, *time);
                    let work = format!("{:.2} M", 1e-6 * *multiply_adds as f64);
                    (work, format!("{rate:.1}"), percent(rate, peak))
                }
            };
            println!("| {name} | {work} | {micros:.0} µs | {share} | {rate} | {of_peak} |");
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = stages
}
criterion_main!(benches);
