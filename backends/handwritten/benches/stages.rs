//! Times the stages of the fused training step one by one and prints a roofline table: how
//! near each comes to the multiply-adds that the processor can do. Once with one thread and,
//! where there are more processors, once with two.
//!
//!     cargo bench -p trainmark-handwritten --bench stages
//!
//! `TRAINMARK_SIMD` chooses the vector width. Where other work shares the machine, the
//! fastest run is the steadier figure; the processor time is less than the time of all
//! threads where they were kept waiting.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use trainmark_handwritten::stages::{SAMPLES, Stage, lenet};

/// How long one stage took.
struct Row {
    name: String,
    multiply_adds: u64,
    fastest: Duration,
    mean: Duration,
    /// Of all threads, in the mean.
    processor: Duration,
}

fn stages(criterion: &mut Criterion) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in 1..=processors.min(2) {
        let stages = match lenet(threads) {
            Ok(stages) => stages,
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(2);
            }
        };
        let rows: Vec<Row> = stages.into_iter().filter_map(|stage| time(criterion, threads, stage)).collect();
        print(threads, &rows);
    }
}

/// Nothing where the stage is filtered out.
fn time(criterion: &mut Criterion, threads: usize, mut stage: Stage) -> Option<Row> {
    let (mut fastest, mut all, mut processor, mut count) = (Duration::MAX, Duration::ZERO, Duration::ZERO, 0);
    criterion.bench_function(&format!("{}, threads: {threads}", stage.name), |bencher| {
        bencher.iter_custom(|runs| {
            let before = processor_time();
            let mut sum = Duration::ZERO;
            for _ in 0..runs {
                let start = Instant::now();
                (stage.run)();
                let time = start.elapsed();
                fastest = fastest.min(time);
                sum += time;
            }
            processor += processor_time() - before;
            all += sum;
            count += u32::try_from(runs).unwrap_or(u32::MAX);
            sum
        });
    });
    let Stage { name, multiply_adds, .. } = stage;
    (count > 0).then(|| Row { name, multiply_adds, fastest, mean: all / count, processor: processor / count })
}

/// Of all threads of this process so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

impl Row {
    /// GFLOP/s of the fastest run: a multiply-add is two.
    fn rate(&self) -> f64 {
        2e-9 * self.multiply_adds as f64 / self.fastest.as_secs_f64()
    }
}

fn print(threads: usize, rows: &[Row]) {
    let find = |wanted: &str| rows.iter().find(|row| row.name == wanted);
    let peak = find("peak").map(Row::rate);
    let step = find("whole step").map(|row| row.fastest.as_secs_f64());
    let percent = |part: f64, whole: Option<f64>| match whole {
        Some(whole) => format!("{:.0} %", 100.0 * part / whole),
        None => "–".into(),
    };
    println!("\n{SAMPLES} samples per thread, threads: {threads}; times in µs, shares of the fastest run:\n");
    println!(
        "| stage | multiply-adds | fastest | mean | processor time | share of the step | GFLOP/s | of the peak |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        let micros = |time: Duration| format!("{:.0}", 1e6 * time.as_secs_f64());
        let share = match &*row.name {
            "peak" | "whole step" => "–".into(),
            _ => percent(row.fastest.as_secs_f64(), step),
        };
        let (work, rate, of_peak) = match row.multiply_adds {
            0 => ("–".into(), "–".into(), "–".into()),
            multiply_adds => (
                format!("{:.2} M", 1e-6 * multiply_adds as f64),
                format!("{:.1}", row.rate()),
                percent(row.rate(), peak),
            ),
        };
        let [fastest, mean, processor] = [row.fastest, row.mean, row.processor].map(micros);
        println!(
            "| {} | {work} | {fastest} | {mean} | {processor} | {share} | {rate} | {of_peak} |",
            row.name
        );
    }
    println!();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = stages
}
criterion_main!(benches);
