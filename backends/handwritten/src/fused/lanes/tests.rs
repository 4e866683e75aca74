//! Every width that this processor has does what the plain one does.

use super::*;
use crate::fused::sigmoid::{exp, sigmoid};
use crate::fused::{ForWidth, Width, for_width};

/// A test that is run for a vector type.
pub(crate) trait ForEachWidth {
    fn run<V: Lanes>(&mut self);
}

/// Runs a test for every width that this processor has.
pub(crate) fn for_each_width<T: ForEachWidth>(test: &mut T) {
    struct Run<'t, T>(&'t mut T);

    impl<T: ForEachWidth> ForWidth for Run<'_, T> {
        type Output = ();

        fn run<V: Lanes>(self) {
            self.0.run::<V>();
        }
    }

    for width in Width::available() {
        for_width(width, Run(test));
    }
}

/// A vector of COUNT of these numbers.
fn vector<V: Lanes>(numbers: &[f32]) -> V {
    let mut vector = [V::zero()];
    V::floats_mut(&mut vector).iter_mut().zip(numbers.iter().cycle()).for_each(|(lane, x)| *lane = *x);
    vector[0]
}

fn lanes<V: Lanes>(x: V) -> Vec<f32> {
    V::floats(&[x]).to_vec()
}

struct Operations;

impl ForEachWidth for Operations {
    fn run<V: Lanes>(&mut self) {
        let a: V = vector(&[1.0, -2.5, 3.25, 8.0]);
        let b: V = vector(&[0.5, -2.5, 7.0]);
        let pairs: Vec<(f32, f32)> = lanes(a).into_iter().zip(lanes(b)).collect();
        let check = |name: &str, found: V, expected: &dyn Fn(f32, f32) -> f32| {
            let expected: Vec<f32> = pairs.iter().map(|&(a, b)| expected(a, b)).collect();
            assert_eq!(lanes(found), expected, "{name} of {} lanes", V::COUNT);
        };
        check("add", a.add(b), &|a, b| a + b);
        check("sub", a.sub(b), &|a, b| a - b);
        check("mul", a.mul(b), &|a, b| a * b);
        check("div", a.div(b), &|a, b| a / b);
        check("mul_add", a.mul_add(b, V::splat(2.0)), &|a, b| a * b + 2.0);
        let mut sum = V::splat(2.0);
        sum.accumulate(a, b);
        check("accumulate", sum, &|a, b| a * b + 2.0);
        check("max", a.max(b), &f32::max);
        check("min", a.min(b), &f32::min);
        let (same, other) = a.divide_by_equality(b, V::splat(9.0));
        check("same", same, &|a, b| if a == b { 9.0 } else { 0.0 });
        check("other", other, &|a, b| if a == b { 0.0 } else { 9.0 });
        assert_eq!(lanes(a.read()), lanes(a));
        assert_eq!(a.sum(), lanes(a).iter().sum());
        let (first, second) = a.interleave(b);
        let in_turn: Vec<f32> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
        assert_eq!([lanes(first), lanes(second)].concat(), in_turn);
        let bytes: Vec<u8> = (250..=255).cycle().take(V::COUNT).collect();
        assert_eq!(lanes(V::from_bytes(&bytes)), bytes.iter().copied().map(f32::from).collect::<Vec<_>>());
        let mut floats = vec![0.0; V::COUNT + 1];
        a.store(&mut floats[1..]);
        assert_eq!(&floats[1..], lanes(a));
    }
}

#[test]
fn operations_are_those_of_floats() {
    for_each_width(&mut Operations);
}

struct MissingNumbers;

impl ForEachWidth for MissingNumbers {
    fn run<V: Lanes>(&mut self) {
        let (one, missing) = (V::splat(1.0), V::splat(f32::NAN));
        for kept in [one.max(missing), one.min(missing), exp(missing), sigmoid(missing)] {
            assert!(lanes(kept).iter().all(|x| x.is_nan()), "{kept:?}");
        }
        for lost in [missing.max(one), missing.min(one)] {
            assert!(lanes(lost).iter().all(|&x| x == 1.0), "{lost:?}");
        }
    }
}

#[test]
fn not_a_number_is_kept_where_promised() {
    for_each_width(&mut MissingNumbers);
}

/// Largest relative error of exp in units of the last place.
struct Exponential(f64);

impl ForEachWidth for Exponential {
    fn run<V: Lanes>(&mut self) {
        let inputs: Vec<f32> = (-87_000..=88_000).map(|step| step as f32 / 1000.0).collect();
        for inputs in inputs.chunks(V::COUNT) {
            for (x, found) in inputs.iter().zip(lanes(exp(vector::<V>(inputs)))) {
                let expected = f64::from(*x).exp();
                let last_place = f64::from(f32::EPSILON) * expected.log2().floor().exp2();
                self.0 = self.0.max((f64::from(found) - expected).abs() / last_place);
            }
        }
    }
}

#[test]
fn exp_is_off_by_two_units_in_the_last_place_at_most() {
    let mut error = Exponential(0.0);
    for_each_width(&mut error);
    assert!(error.0 < 2.0, "{}", error.0);
}

struct Saturation;

impl ForEachWidth for Saturation {
    fn run<V: Lanes>(&mut self) {
        let found = [0.0, 1e9, -1e9].map(|x| lanes(sigmoid(V::splat(x)))[0]);
        assert_eq!(found[..2], [0.5, 1.0]);
        assert!(found[2] < 1e-37);
    }
}

#[test]
fn the_sigmoid_saturates() {
    for_each_width(&mut Saturation);
}
