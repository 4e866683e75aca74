//! Whether the machine stayed the same while the benchmark ran: other load, the clock, drift.

use std::collections::BTreeMap;

use super::Warning;
use crate::ceiling::Peak;
use crate::record::{GpuUse, Record, Run};
use crate::statistics::median;

/// The time constant of the one-minute load average, in seconds.
const LOAD_SECONDS: f64 = 60.0;
/// Load beyond the benchmark's own that does not matter.
const OTHER_LOAD: f64 = 0.5;
/// Fall of the clock that does not matter.
const CLOCK_FALL: f64 = 0.1;

/// What has changed on the machine meanwhile. `noise_share`: the share beyond which a
/// difference of times is more than noise.
pub(super) fn conditions(record: &Record, noise_share: f64) -> Vec<Warning> {
    let runs = timeline(record);
    let nodes = by_node(&runs);
    [
        nodes.iter().find_map(|runs| other_load(record, runs)),
        shared_host(record),
        nodes.iter().find_map(|runs| falling_clock(runs)),
        throttled(&runs),
        drifted(record, noise_share),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The same of each node of a cluster: one machine's load and clock say nothing of another's.
fn by_node<'r>(runs: &[(f64, &'r Run)]) -> Vec<Vec<(f64, &'r Run)>> {
    let mut nodes: BTreeMap<Option<&str>, Vec<(f64, &'r Run)>> = BTreeMap::new();
    for (begun, run) in runs {
        nodes.entry(run.node.as_deref()).or_default().push((*begun, run));
    }
    nodes.into_values().collect()
}

/// All runs that began, for whatever purpose, in the order of their beginning, each with the
/// time of that.
fn timeline(record: &Record) -> Vec<(f64, &Run)> {
    let begun = record.runs.iter().filter_map(|run| Some((run.begun.as_ref()?.unix_time, run)));
    let mut runs: Vec<(f64, &Run)> = begun.collect();
    runs.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    runs
}

/// Says so when other programs loaded the machine before runs.
///
/// A load average is what was loaded, weighted by e^(−age/60 s). Of it the benchmark's own
/// runs explain at most their threads, weighted in the same way: `own` follows that, run by
/// run. Before the first run of a process the gate has run, with as many threads, and after a run
/// that failed nobody knows how long that went on: there the threads are the bound.
fn other_load(record: &Record, runs: &[(f64, &Run)]) -> Option<Warning> {
    let mut own = 0.0;
    let mut ended: Option<f64> = None;
    let mut busy: Vec<(f64, f64)> = Vec::new();
    let mut seed = None;
    for (begun, run) in runs {
        let (threads, seconds) = (run.cell.threads as f64, run.known_seconds());
        // On a node each round is a process of its own.
        let is_new = run.node.is_some() && seed.replace(run.seed) != Some(run.seed);
        let is_first =
            is_new || ended.is_none_or(|ended| record.resumed.iter().any(|at| (ended..=*begun).contains(at)));
        own = ended.filter(|_| !is_first).map_or(threads, |ended| own * weight(begun - ended));
        busy.extend(run.load_average().filter(|load| *load > own + OTHER_LOAD).map(|load| (load, own)));
        own = threads + (own - threads) * weight(seconds);
        ended = run.is_ok().then_some(begun + seconds);
    }
    let (load, own) = busy.iter().copied().max_by(|a, b| (a.0 - a.1).total_cmp(&(b.0 - b.1)))?;
    Some(Warning::OtherLoad { busy: busy.len(), runs: runs.len(), load, own })
}

/// Says so when the counts of the peak were far apart before the first run or after the last:
/// others take processors away, be they guests of the same host, whose load is seen nowhere else.
fn shared_host(record: &Record) -> Option<Warning> {
    let peaks = [record.started.environment.peak.as_ref(), record.last_peak.as_ref()];
    let is_told = peaks.iter().any(|peak| peak.and_then(Peak::is_steady) == Some(false));
    let [before, after] = peaks.map(|peak| peak.and_then(Peak::steadiness));
    is_told.then_some(Warning::SharedHost { before, after })
}

/// What is left of a load in the load average after some seconds.
fn weight(seconds: f64) -> f64 {
    (-seconds.max(0.0) / LOAD_SECONDS).exp()
}

/// Says so when the clock before the last third of the runs is lower than before the first.
fn falling_clock(runs: &[(f64, &Run)]) -> Option<Warning> {
    let clocks: Vec<f64> = runs.iter().filter_map(|(_, run)| run.end.frequency_mhz).collect();
    let third = (clocks.len() / 3).max(1);
    if clocks.len() < 2 {
        return None;
    }
    let first = median(clocks[..third].iter().copied())?;
    let last = median(clocks[clocks.len() - third..].iter().copied())?;
    (1.0 - last / first > CLOCK_FALL).then_some(Warning::FallingClock { first, last })
}

/// Says so when a graphics processor was too hot, or short of power.
fn throttled(runs: &[(f64, &Run)]) -> Option<Warning> {
    let used: Vec<&GpuUse> = runs.iter().filter_map(|(_, run)| run.end.gpu.as_ref()).collect();
    let slowed = used.iter().filter(|used| used.slowdowns().next().is_some()).count();
    let mut reasons: Vec<String> = used.iter().flat_map(|used| used.slowdowns()).cloned().collect();
    reasons.sort_unstable();
    reasons.dedup();
    (slowed > 0).then_some(Warning::Throttled { slowed, runs: used.len(), reasons })
}

/// Says so when the first run took another time at the end.
fn drifted(record: &Record, noise_share: f64) -> Option<Warning> {
    let ratio = record.drift()?;
    let share = ratio.max(1.0 / ratio) - 1.0;
    (share > noise_share).then_some(Warning::Drifted { ratio })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::{Begun, Purpose};

    /// The example with its runs one after another, with this load average before each.
    fn record(load: impl Fn(usize) -> f64) -> Record {
        let mut record = example::record();
        let mut unix_time = record.started.unix_time;
        for (place, run) in record.runs.iter_mut().enumerate() {
            run.begun = Some(Begun { unix_time, load_average: Some(load(place)), epochs: None });
            unix_time += run.known_seconds() + 0.5;
        }
        record
    }

    #[test]
    fn only_load_that_the_runs_do_not_explain_is_told() {
        let told = |record: &Record| other_load(record, &timeline(record)).map(|warning| warning.to_string());
        assert_eq!(told(&record(|_| 1.5)), None, "two threads");
        assert_eq!(
            told(&record(|place| if place == 4 { 3.5 } else { 0.2 })).unwrap(),
            "other programs loaded the machine before 1 of 18 runs: load average up to 3.5, of which the \
             benchmark's own runs explain 2.0"
        );
        // Five minutes after a run its load is forgotten, unless a gate has run again.
        let mut late = record(|place| if place == 9 { 1.0 } else { 0.2 });
        for begun in late.runs[9..].iter_mut().flat_map(|run| &mut run.begun) {
            begun.unix_time += 300.0;
        }
        assert!(told(&late).unwrap().ends_with("up to 1.0, of which the benchmark's own runs explain 0.0"));
        late.resumed.push(late.runs[9].begun.as_ref().unwrap().unix_time - 5.0);
        assert_eq!(told(&late), None);
    }

    #[test]
    fn a_clock_that_falls_is_told() {
        let told = |clock: &dyn Fn(usize) -> f64| {
            let mut record = record(|_| 0.1);
            for (place, run) in record.runs.iter_mut().enumerate() {
                run.end.frequency_mhz = Some(clock(place));
            }
            falling_clock(&timeline(&record)).map(|warning| warning.to_string())
        };
        assert_eq!(told(&|place| if place == 17 { 800.0 } else { 3000.0 }), None, "one that idled");
        assert_eq!(
            told(&|place| 3000.0 - 30.0 * place as f64).unwrap(),
            "the processors' clock fell by 12 % from the first runs to the last (2925 to 2565 MHz)"
        );
    }

    #[test]
    fn a_graphics_processor_that_is_slowed_is_told() {
        let mut record = example::record_on_gpu();
        let told = |record: &Record| throttled(&timeline(record)).map(|warning| warning.to_string());
        assert_eq!(
            told(&record).unwrap(),
            "the graphics processor was slowed during 1 of 1 run (software thermal slowdown): cool it, or give it \
             power"
        );
        for run in &mut record.runs {
            run.end.gpu.as_mut().unwrap().throttle_reasons = Some(vec!["power cap".to_owned()]);
        }
        assert_eq!(told(&record), None);
        assert_eq!(told(&example::record_of_one_run()), None);
    }

    #[test]
    fn counts_of_the_peak_that_are_far_apart_are_told() {
        let mut record = example::record_of_one_run();
        let told = |record: &Record| shared_host(record).map(|warning| warning.to_string());
        assert_eq!(told(&record), None);
        let mut peak = record.started.environment.peak.clone().unwrap();
        peak.median_operations_per_second = Some(0.4 * peak.operations_per_second);
        record.last_peak = Some(peak.clone());
        assert_eq!(
            told(&record).unwrap(),
            "others took processors away: of the rate that the processor reaches, half of the probes had no more than \
             99 % before the first run, 40 % after the last; other programs or other guests of the host slow \
             everything, and unevenly"
        );
        peak.median_operations_per_second = None;
        record.started.environment.peak = Some(peak.clone());
        record.last_peak = Some(peak);
        assert_eq!(told(&record), None, "a record of before it was kept");
    }

    #[test]
    fn drift_beyond_noise_is_told_either_way() {
        let told = |factor: f64, noise_share: f64| {
            let record = example::with_repeats(example::record_of_one_run(), Purpose::Drift, factor);
            conditions(&record, noise_share).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(1.04, 0.02), ["the machine got slower by 4 % from first to last run"]);
        assert_eq!(told(0.8, 0.02), ["the machine got faster by 25 % from first to last run"]);
        assert!(told(1.04, 0.05).is_empty() && told(0.99, 0.02).is_empty());
    }
}
