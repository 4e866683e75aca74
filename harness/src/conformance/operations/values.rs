//! Samples and initial values of a case.

use trainmark_plugin::{Dataset, Error, Role, RunningVariance, Samples};

use super::case::{Case, sides};
use super::generate::Dice;
use crate::conformance::starts;
use crate::parameters;
use crate::reference::rounding::Rounding;
use crate::workload::{Pixels, Values};

/// Samples that lie about and are not trained on.
const UNUSED: usize = 3;
/// Largest magnitude of a logit: beyond, float32 says little of a softmax.
const LARGEST_LOGIT: f64 = 16.0;

/// Both splits of a case.
pub(super) struct OwnSamples {
    train: (Vec<u8>, Vec<u8>),
    test: (Vec<u8>, Vec<u8>),
    /// Those of the step, in an order that is not the split's.
    pub(super) batch: Vec<u32>,
}

impl OwnSamples {
    pub(super) fn new(case: &Case, classes: usize) -> Self {
        let mut dice = Dice::new("operations: samples", case.seed, 0);
        let mut split = |count: usize| {
            let image = case.image(&mut dice);
            let samples = (0..count).map(|_| match case.pixels {
                Pixels::Same => image.clone(),
                _ => case.image(&mut dice),
            });
            let pixels = samples.collect::<Vec<_>>().concat();
            (pixels, (0..count).map(|_| dice.below(classes) as u8).collect())
        };
        let (train, test) = (split(case.batch + UNUSED), split(case.tests()));
        let mut batch: Vec<u32> = (0..(case.batch + UNUSED) as u32).collect();
        for place in 0..case.batch {
            batch.swap(place, place + dice.below(case.batch + UNUSED - place));
        }
        batch.truncate(case.batch);
        Self { train, test, batch }
    }

    pub(super) fn dataset(&self) -> Dataset<'_> {
        let samples = |(pixels, labels)| Samples::new(pixels, labels);
        let [train, test] = [&self.train, &self.test].map(|(pixels, labels)| samples((pixels, labels)));
        Dataset::new(train, test)
    }
}

impl Case {
    fn image(&self, dice: &mut Dice) -> Vec<u8> {
        let (height, width) = sides(self.model.input).unwrap_or((1, self.model.input.len()));
        let level = dice.byte();
        let squares: Vec<u8> =
            (0..height.div_ceil(2) * width.div_ceil(2)).map(|_| 80 * dice.below(4) as u8).collect();
        let pixel = |place: usize| match self.pixels {
            Pixels::Random | Pixels::Same => dice.byte(),
            Pixels::BlackAndWhite => 255 * dice.below(2) as u8,
            Pixels::Squares => {
                let (row, column) = (place / width % height, place % width);
                squares[row / 2 * width.div_ceil(2) + column / 2]
            }
            Pixels::Flat => level,
            Pixels::Dark => dice.below(4) as u8,
            Pixels::Black => 0,
        };
        (0..self.model.input.len()).map(pixel).collect()
    }

    /// What its parameters begin with, so that its logits on these inputs are of a size that says
    /// something.
    ///
    /// # Errors
    /// Where the model's shapes do not fit.
    pub(super) fn initial(
        &self,
        convention: RunningVariance,
        rounding: &Rounding,
        inputs: &[f64],
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut values = starts::telling_of(&self.model, convention, self.seed)?;
        let specs = rounding.specs();
        let slots = |role| (0..specs.len()).filter(move |&slot| specs[slot].role == role);
        let (mut weights, mut biases) = (slots(Role::Weight), slots(Role::Bias));
        match (self.values, weights.next(), biases.next()) {
            (Values::Scaled(exponent), Some(weight), Some(bias)) => {
                let factor = (exponent as f32).exp2();
                values[weight].iter_mut().for_each(|value| *value *= factor);
                values[bias].iter_mut().for_each(|value| *value *= factor);
            }
            (Values::ConstantChannel, Some(weight), _) => {
                let of_channel = values[weight].len() / specs[weight].shape[0];
                values[weight][..of_channel].fill(0.0);
            }
            (Values::Quarters, ..) => {
                for slot in slots(Role::Weight).chain(slots(Role::Bias)) {
                    values[slot].iter_mut().for_each(|value| *value = quarter(*value));
                }
            }
            _ => {}
        }
        let logits = rounding.training_logits(&parameters::widened(&values), inputs);
        let largest = logits.iter().fold(0.0_f64, |largest, z| largest.max(z.abs()));
        if largest > LARGEST_LOGIT
            && let Some((weight, bias)) = slots(Role::Weight).zip(slots(Role::Bias)).last()
        {
            let factor = (LARGEST_LOGIT / largest).log2().floor().exp2() as f32;
            values[weight].iter_mut().for_each(|value| *value *= factor);
            values[bias].iter_mut().for_each(|value| *value *= factor);
        }
        Ok(values)
    }
}

/// The nearest multiple of a quarter that is not 0, up to 1: weights of 0 would tell nothing.
fn quarter(value: f32) -> f32 {
    let rounded = (value * 4.0).round() / 4.0;
    let away = if rounded == 0.0 { 0.25_f32.copysign(value) } else { rounded };
    away.clamp(-1.0, 1.0)
}
