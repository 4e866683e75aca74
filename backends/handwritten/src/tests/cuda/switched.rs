//! Each switch of the fused implementation, and all together: the same function.

use trainmark_plugin::{Session, Split};

use super::fused::{bits, case, float64, open_switched};
use crate::cuda::device::emulator::Emulator;
use crate::cuda::fused::timing::time_kernels;
use crate::cuda::switches::{Switch, Switches};
use crate::tests::gradients::{Expected, RATE};
use crate::tests::reference::{self, Mode};
use crate::tests::{Case, distance};

/// Each alone, each pair of those that change kernels, and all.
const SETS: [&str; 8] = [
    "staged",
    "overlap",
    "pairs",
    "folded",
    "pairs,folded",
    "overlap,pairs",
    "overlap,folded",
    "staged,overlap,pairs,folded",
];

/// A session with these switches, room for the case's samples, and threads in an order of the seed.
fn open<'c>(case: &'c Case, learning_rate: f64, seed: u64, names: &str) -> Option<Box<dyn Session + 'c>> {
    let switches = Switches::parse(names).unwrap();
    let device = Emulator::new(seed)?;
    // A device keeps what each kernel changes only where that is asked for.
    let device = if switches.has(Switch::Overlap) { device.watching() } else { device };
    open_switched(case, learning_rate, device, switches, case.indices().len())
}

#[test]
fn a_step_gives_the_references_gradients_and_running_statistics() {
    // Whole pairs and tiles of samples or not, and a single one.
    for (has_batch_norm, samples) in [(true, 11), (false, 12), (true, 1)] {
        let case = case(has_batch_norm, samples, 61);
        let expected = Expected::of(&case, 3);
        for names in SETS {
            let Some(mut session) = open(&case, RATE, 1, names) else { return };
            println!("with {names}");
            expected.check(session.as_mut(), "builtin");
        }
    }
}

/// All values after several steps, also those that the reference has no time for; parameters drift
/// apart by rounding where sums are joined in another order, and not at all elsewhere.
#[test]
fn steps_and_epochs_stay_with_those_without_switches() {
    let case = case(true, 23, 62);
    let train = |names: &str| {
        let mut session = open(&case, 0.5, 2, names)?;
        let order: Vec<u32> = (0..23).map(|k| k * 8 % 23).collect();
        let mut losses = vec![session.train_step(&order[..5]).unwrap().loss];
        // Batches of 9, 9 and 5, recorded and replayed.
        losses.extend((0..2).map(|_| session.train_epoch(&order, 9).unwrap().loss));
        losses.push(session.train_step(&order[..1]).unwrap().loss);
        Some((losses, bits(&case, session.as_mut()), case.parameters_of(session.as_mut()).concat()))
    };
    let Some((losses, plain, parameters)) = train("") else { return };
    for names in SETS {
        let (own_losses, own, own_parameters) = train(names).unwrap();
        if ["staged", "overlap"].contains(&names) {
            assert!(own == plain && own_losses == losses, "{names}");
        }
        for (own, loss) in own_losses.iter().zip(&losses) {
            assert!((own - loss).abs() <= 1e-4 * loss, "{names}: {own_losses:?}, {losses:?}");
        }
        let apart = distance(&float64(&own_parameters), &float64(&parameters));
        let change = distance(&float64(&parameters), &float64(&case.parameters.concat()));
        assert!(apart <= 1e-3 * change, "{names}: {apart} of {change}");
    }
}

#[test]
fn an_epoch_gives_the_bits_of_its_steps_in_any_order_of_threads() {
    let case = case(true, 21, 63);
    for names in ["pairs,folded", "staged,overlap,pairs,folded"] {
        let Some(mut epochs) = open(&case, 0.5, 4, names) else { return };
        let Some(mut steps) = open(&case, 0.5, 5, names) else { return };
        for turn in 0..2 {
            let order: Vec<u32> = (0..21).map(|k| (k * 8 + turn) % 21).collect();
            let outcome = epochs.train_epoch(&order, 9).unwrap();
            let steps_of = order.chunks(9).map(|batch| (batch, steps.train_step(batch).unwrap()));
            let correct: u64 = steps_of.map(|(_, step)| step.correct).sum();
            assert_eq!(outcome.correct, correct, "{names}");
            assert_eq!(bits(&case, epochs.as_mut()), bits(&case, steps.as_mut()), "{names}");
        }
    }
}

#[test]
fn prediction_is_the_references_whatever_the_number_of_samples() {
    let case = case(true, 21, 64);
    let (expected, _) =
        reference::forward(&case.model, &case.float64_parameters(), &case.input(), Mode::Prediction);
    for names in SETS {
        for count in [21, 2, 1] {
            let Some(mut session) = open(&case, 0.5, 6, names) else { return };
            let mut logits = vec![f32::NAN; 10 * count];
            let order: Vec<u32> = (0..count as u32).collect();
            session.predict(Split::Test, &order, 4, &mut logits).unwrap();
            for (logits, expected) in logits.chunks(10).zip(&expected) {
                assert!(distance(&float64(logits), expected) < 1e-4, "{names}, {count}");
            }
        }
    }
}

#[test]
fn each_kernel_of_a_step_is_timed_alone() {
    let case = case(true, 5, 65);
    let Some(device) = Emulator::new(7) else { return };
    let switches = Switches::parse("overlap,folded").unwrap();
    let mut request = case.request("builtin", 1, 0.5);
    request.batch_size = 5;
    let parameters: Vec<&[f32]> = case.parameters.iter().map(Vec::as_slice).collect();
    let times = time_kernels(Box::new(device.watching()), &request, switches, &parameters, 2).unwrap();
    let names: Vec<&str> = times.iter().map(|&(name, _)| name).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    assert_eq!((names[0], names[9]), ("fused_convolution1_forward", "step"));
    assert!(times.iter().all(|&(_, seconds)| seconds > 0.0 && seconds.is_finite()), "{times:?}");
}
