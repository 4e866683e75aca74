//! Check 6: after the timed epochs, the learning curve lies in the band that the
//! reference framework's seeds give. Learning too fast is as suspect as too slowly.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use trainmark_reports::record::{CheckKind, CheckRecord, Epoch};
use trainmark_statistics::distributions::{student_quantile, student_two_sided};

use crate::workload::Workload;

/// Written by `tests/golden/bands.py`.
static BANDS: LazyLock<Result<BTreeMap<String, Band>, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("bands.json")).map_err(|error| error.to_string()));

/// Half a band's width in standard deviations, of [`SEEDS`] seeds. They estimate the
/// standard deviation to a fifth or so, and every backend, seed and epoch is a chance of a
/// false alarm: six leave none in practice, and a wrong momentum, ε or learning rate
/// has been seen by the checks before.
const DEVIATIONS: f64 = 6.0;
/// Of fewer seeds the band is so much wider that a false alarm is as rare.
const SEEDS: f64 = 12.0;
/// No band is narrower than this on either side.
const LEAST_HALF_WIDTH: f64 = 0.004;
/// Accuracies that spread more than this between seeds have no mean to speak of:
/// without batch norm the network sits on a plateau and leaves it when it will.
const PLATEAU_SPREAD: f64 = 0.05;
/// What is added on either side of the extremes seen where there is a plateau.
const PLATEAU_MARGIN: f64 = 0.05;

#[derive(Debug, Deserialize)]
struct Band {
    dataset: String,
    learning_rate: f64,
    batch_size: usize,
    framework: String,
    seeds: Vec<u64>,
    epochs: Vec<BandEpoch>,
}

#[derive(Debug, Deserialize)]
struct BandEpoch {
    epoch: u32,
    train_loss: Spread,
    train_accuracy: Spread,
}

#[derive(Debug, Deserialize)]
struct Spread {
    mean: f64,
    sd: f64,
    min: f64,
    max: f64,
}

#[derive(Clone, Copy)]
enum Curve {
    Loss,
    Accuracy,
}

/// Judges the epochs of one run: one check each for training loss and accuracy,
/// with the epoch that lies farthest out. Where there is no band to hold them
/// against, one check says so, passed and with neither measure nor limit.
///
/// `dataset` is the data set's name.
pub fn judge(workload: &Workload, dataset: &str, epochs: &[Epoch]) -> Vec<CheckRecord> {
    let band = match band_for(workload, dataset) {
        Ok(band) => band,
        Err(why) => return vec![not_judged(why)],
    };
    if !epochs.iter().any(|epoch| band.place(epoch.number).is_some()) {
        return vec![not_judged(format!("none of the {} epochs has a recorded band", epochs.len()))];
    }
    vec![band.check(Curve::Loss, epochs), band.check(Curve::Accuracy, epochs)]
}

fn not_judged(why: String) -> CheckRecord {
    CheckRecord {
        name: "learning curve".into(),
        kind: Some(CheckKind::LearningCurve),
        passed: true,
        measured: None,
        limit: None,
        detail: format!("not judged: {why}"),
    }
}

fn band_for(workload: &Workload, dataset: &str) -> Result<&'static Band, String> {
    let bands = BANDS.as_ref().map_err(|error| format!("bands.json: {error}"))?;
    let band = bands.get(&workload.name).ok_or_else(|| format!("no band for {}", workload.name))?;
    if band.dataset != dataset {
        return Err(format!("the band of {} is for {}, this is {dataset}", workload.name, band.dataset));
    }
    if (band.learning_rate, band.batch_size) != (workload.learning_rate, workload.batch_size) {
        return Err(format!(
            "the band of {} is for learning rate {} and batch size {}, this is {} and {}",
            workload.name, band.learning_rate, band.batch_size, workload.learning_rate, workload.batch_size
        ));
    }
    if !workload.is_built_in() {
        return Err(format!(
            "the band of {} is for the workload of that name that is built in",
            workload.name
        ));
    }
    Ok(band)
}

/// Standard deviations that one more run lies off the mean of so many with the chance with which it
/// lies [`DEVIATIONS`] off the mean of [`SEEDS`]: the deviation of few is known less well.
fn deviations(seeds: usize) -> f64 {
    let seeds = seeds as f64;
    let of_one_more = |seeds: f64| (1.0 + 1.0 / seeds).sqrt();
    let chance = student_two_sided(DEVIATIONS / of_one_more(SEEDS), SEEDS - 1.0);
    student_quantile(1.0 - chance / 2.0, seeds - 1.0) * of_one_more(seeds)
}

impl Band {
    fn place(&self, epoch: u32) -> Option<usize> {
        self.epochs.iter().position(|recorded| recorded.epoch == epoch)
    }

    fn spread(&self, place: usize, curve: Curve) -> &Spread {
        match curve {
            Curve::Loss => &self.epochs[place].train_loss,
            Curve::Accuracy => &self.epochs[place].train_accuracy,
        }
    }

    /// mean ± max(6·sd, 0.004), with a wider band from fewer than a dozen seeds. Where seeds leave a plateau at different times: from
    /// the least to the greatest value of this epoch and its neighbours, since one
    /// epoch earlier or later is within what seeds do, and a margin.
    fn interval(&self, place: usize, curve: Curve) -> (f64, f64) {
        let plateau = self.epochs.iter().any(|epoch| epoch.train_accuracy.sd > PLATEAU_SPREAD);
        if plateau {
            let last = (place + 1).min(self.epochs.len() - 1);
            let spreads = (place.saturating_sub(1)..=last).map(|place| self.spread(place, curve));
            let ends = spreads
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s.min), high.max(s.max)));
            return (ends.0 - PLATEAU_MARGIN, ends.1 + PLATEAU_MARGIN);
        }
        let Spread { mean, sd, .. } = self.spread(place, curve);
        let half = (deviations(self.seeds.len()) * sd).max(LEAST_HALF_WIDTH);
        (mean - half, mean + half)
    }

    fn check(&self, curve: Curve, epochs: &[Epoch]) -> CheckRecord {
        let name = match curve {
            Curve::Loss => "learning curve: training loss",
            Curve::Accuracy => "learning curve: training accuracy",
        };
        let judged = epochs.iter().filter_map(|epoch| Some((epoch, self.place(epoch.number)?)));
        let positions = judged.map(|(epoch, place)| {
            let value = match curve {
                Curve::Loss => epoch.train_loss,
                Curve::Accuracy => epoch.train_accuracy,
            };
            Position::new(epoch.number, value.unwrap_or(f64::NAN), self.interval(place, curve))
        });
        match positions.max_by(|a, b| a.outness().total_cmp(&b.outness())) {
            Some(worst) => worst.record(name, self),
            None => not_judged("no epoch".into()),
        }
    }
}

/// Where one epoch's value lies in its band.
struct Position {
    epoch: u32,
    value: f64,
    interval: (f64, f64),
}

impl Position {
    fn new(epoch: u32, value: f64, interval: (f64, f64)) -> Self {
        Self { epoch, value, interval }
    }

    fn half_width(&self) -> f64 {
        (self.interval.1 - self.interval.0) / 2.0
    }

    fn distance(&self) -> f64 {
        let distance = (self.value - (self.interval.0 + self.interval.1) / 2.0).abs();
        if distance.is_nan() { f64::INFINITY } else { distance }
    }

    /// Distance from the middle in half widths.
    fn outness(&self) -> f64 {
        self.distance() / self.half_width()
    }

    fn record(&self, name: &str, band: &Band) -> CheckRecord {
        let (distance, half_width) = (self.distance(), self.half_width());
        CheckRecord {
            name: name.into(),
            kind: Some(CheckKind::LearningCurve),
            passed: distance <= half_width,
            measured: distance.is_finite().then_some(distance),
            limit: Some(half_width),
            detail: format!(
                "epoch {}: {:.4}, band {:.4} to {:.4} from {} seeds of {}",
                self.epoch,
                self.value,
                self.interval.0,
                self.interval.1,
                band.seeds.len(),
                band.framework
            ),
        }
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use crate::workload::{lenet, lenet_bn, softmax};

    fn epochs(curve: &[(f64, f64)]) -> Vec<Epoch> {
        let record = |(place, &(loss, accuracy)): (usize, &(f64, f64))| Epoch {
            number: place as u32 + 1,
            train_seconds: 1.0,
            unfinished_seconds: None,
            train_cpu_seconds: None,
            predict_seconds: 0.1,
            train_loss: Some(loss),
            train_accuracy: Some(accuracy),
            test_accuracy: None,
            rss_bytes: None,
            status: "ok".into(),
        };
        curve.iter().enumerate().map(record).collect()
    }

    fn verdicts(workload: &Workload, curve: &[(f64, f64)]) -> Vec<bool> {
        judge(workload, "fashion-mnist", &epochs(curve)).iter().map(|check| check.passed).collect()
    }

    #[test]
    fn a_usual_curve_passes_and_too_slow_or_too_fast_ones_fail() {
        let usual = [(0.64, 0.772), (0.395, 0.857), (0.349, 0.873)];
        assert_eq!(verdicts(&lenet_bn(), &usual), [true, true]);
        assert_eq!(verdicts(&lenet_bn(), &[(0.64, 0.772), (0.50, 0.81)]), [false, false]);
        assert_eq!(verdicts(&lenet_bn(), &[(0.50, 0.83), (0.395, 0.857)]), [false, false]);
        assert_eq!(verdicts(&lenet_bn(), &[(f64::NAN, 0.772)]), [false, true]);
    }

    #[test]
    fn the_control_may_leave_its_plateau_an_epoch_early_or_late() {
        assert_eq!(verdicts(&lenet(), &[(2.32, 0.10), (2.31, 0.11), (1.5, 0.4)]), [true, true]);
        assert_eq!(verdicts(&lenet(), &[(1.5, 0.4), (0.9, 0.6)]), [true, true]);
        // Batch norm's curve is not the control's.
        assert_eq!(verdicts(&lenet(), &[(0.64, 0.772), (0.395, 0.857)]), [false, false]);
    }

    #[test]
    fn the_least_half_width_holds() {
        let band = band_for(&lenet_bn(), "fashion-mnist").unwrap();
        for place in 0..band.epochs.len() {
            let (low, high) = band.interval(place, Curve::Accuracy);
            assert!(high - low >= 2.0 * LEAST_HALF_WIDTH && high - low < 0.08);
        }
    }

    #[test]
    fn every_band_is_of_a_workload_as_it_is_built_in() {
        for (name, band) in BANDS.as_ref().unwrap() {
            let workload = crate::workload::find(name).unwrap();
            let usual: Vec<(f64, f64)> =
                band.epochs.iter().map(|epoch| (epoch.train_loss.mean, epoch.train_accuracy.mean)).collect();
            let checks = judge(&workload, "fashion-mnist", &epochs(&usual));
            assert!(checks.len() == 2 && checks.iter().all(|check| check.passed), "{name}: {checks:?}");
        }
    }

    #[test]
    fn fewer_seeds_make_a_wider_band() {
        assert!((deviations(12) - DEVIATIONS).abs() < 1e-6);
        let widths = [4, 6, 8, 12, 100].map(deviations);
        assert!(widths.is_sorted_by(|one, other| one > other), "{widths:?}");
    }

    #[test]
    fn what_has_no_band_says_so() {
        let hurried = Workload { learning_rate: 0.5, ..lenet_bn() };
        let details: Vec<String> = [
            judge(&softmax(), "fashion-mnist", &epochs(&[(0.6, 0.8)])),
            judge(&lenet_bn(), "synthetic", &epochs(&[(0.6, 0.8)])),
            judge(&hurried, "fashion-mnist", &epochs(&[(0.6, 0.8)])),
            judge(&lenet_bn(), "fashion-mnist", &[]),
        ]
        .into_iter()
        .flatten()
        .map(|check| {
            assert!(check.passed && check.measured.is_none() && check.limit.is_none());
            check.detail
        })
        .collect();
        insta::assert_snapshot!(details.join("\n"));
    }
}
