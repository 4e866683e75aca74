//! The parts of a training step of LeNet with batch norm, each on its own, to be timed:
//! see `benches/stages.rs`.
//!
//! They run on one thread, with what one of two threads has of a batch of 256.

use std::hint::black_box;

use trainmark_plugin::{Error, Layer, Model, Samples, Shape};

use super::convolution::Convolution;
use super::lanes::Lanes;
use super::linear::Linear;
use super::network::Network;
use super::plan::Plan;
use super::{ForWidth, Width, for_width};
use crate::part::Part;
use crate::threads::{Member, Team};

/// Samples that a stage works on.
pub const SAMPLES: usize = 128;

/// A stage that can be run again and again.
pub struct Stage {
    /// Such as `convolution 2: input gradient`.
    pub name: String,
    /// Multiply-adds of one run; 0 where the stage has none to speak of.
    pub multiply_adds: u64,
    /// Runs it once.
    pub run: Box<dyn FnMut()>,
}

/// The stages in the order of a step, then the whole step, then `peak`: multiply-adds
/// on registers alone.
///
/// # Errors
/// Where `TRAINMARK_SIMD` names no width of this processor.
pub fn lenet() -> Result<Vec<Stage>, Error> {
    for_width(Width::choose()?, Lenet)
}

struct Lenet;

impl ForWidth for Lenet {
    type Output = Result<Vec<Stage>, Error>;

    fn run<V: Lanes>(self) -> Self::Output {
        let model = lenet_with_batch_norm();
        let plan = Plan::of(&model)
            .ok_or_else(|| Error::unsupported("LeNet is not of the form that is fused".to_owned()))?;
        let parameters: Vec<Vec<f32>> = model.parameters()?.iter().map(|spec| noise(spec.len())).collect();
        let mut stages = convolution_stages::<V>(&plan, &parameters);
        stages.extend(linear_stages::<V>(&plan, &parameters));
        stages.push(whole_step::<V>(&plan, parameters));
        stages.push(peak::<V>());
        Ok(stages)
    }
}

/// The kernels of each convolution stage.
fn convolution_stages<V: Lanes>(plan: &Plan, parameters: &[Vec<f32>]) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (index, stage) in plan.convolutions.iter().enumerate() {
        let own = parameters[stage.first_parameter..].to_vec();
        let weights = (stage.out_channels * stage.inputs_of_an_output() * stage.area()) as u64;
        let mut add = |what: &str, multiply_adds: u64, run: fn(&mut Convolution<V>, &mut Values<V>)| {
            let mut convolution = Convolution::new(stage.clone());
            let mut values = Values::new(stage.inputs(), stage.outputs(), &own);
            values.with_part(|values, part, member| {
                convolution.train(&own, part, member, &values.input, &mut values.output);
            });
            stages.push(Stage {
                name: format!("convolution {}: {what}", index + 1),
                multiply_adds: multiply_adds * SAMPLES as u64,
                run: Box::new(move || run(&mut convolution, &mut values)),
            });
        };
        add("forward", weights, |convolution, values| convolution.time_forward(&values.input));
        add("activation", 0, |convolution, values| convolution.time_activation(&mut values.output));
        add("weight gradient", weights, |convolution, values| {
            convolution.time_weight_gradient(&values.input, &values.d_output);
        });
        if index > 0 {
            add("input gradient", weights, |convolution, values| {
                convolution.time_input_gradient(&mut values.d_input);
            });
        }
    }
    stages
}

/// Each linear stage, forward and backward.
fn linear_stages<V: Lanes>(plan: &Plan, parameters: &[Vec<f32>]) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (index, stage) in plan.linears.iter().enumerate() {
        let own = parameters[stage.first_parameter..].to_vec();
        let weights = (stage.inputs * stage.outputs * SAMPLES) as u64;
        let mut linear = Linear::<V>::new(stage.clone());
        let mut values = Values::<V>::new(stage.inputs, stage.outputs, &own);
        stages.push(Stage {
            name: format!("linear {}: forward and backward", index + 1),
            multiply_adds: 3 * weights,
            run: Box::new(move || {
                values.with_part(|values, part, member| {
                    linear.train(&own, part, member, &values.input, &mut values.output);
                    let both = (&*values.input, &*values.output);
                    let (d_output, d_input) = (&mut values.d_output, &mut values.d_input);
                    linear.backward(&own, part, member, both, d_output, d_input, &mut values.gradients);
                });
            }),
        });
    }
    stages
}

/// What goes into a stage and comes out of it.
struct Values<V> {
    input: Vec<V>,
    output: Vec<V>,
    d_input: Vec<V>,
    d_output: Vec<V>,
    gradients: Vec<Vec<f32>>,
    team: Option<Team>,
}

impl<V: Lanes> Values<V> {
    fn new(inputs: usize, outputs: usize, parameters: &[Vec<f32>]) -> Self {
        let blocks = SAMPLES / V::COUNT;
        let values = |length: usize| {
            let mut values = vec![V::zero(); blocks * length];
            V::floats_mut(&mut values).copy_from_slice(&noise(blocks * length * V::COUNT));
            values
        };
        Self {
            input: values(inputs),
            output: values(outputs),
            d_input: values(inputs),
            d_output: values(outputs),
            // Rows made up to whole registers are a little longer.
            gradients: parameters.iter().map(|parameter| vec![0.0; 2 * parameter.len()]).collect(),
            team: Team::new(1).ok(),
        }
    }

    /// Runs `work` as the only thread of a team, with all samples.
    fn with_part(&mut self, mut work: impl FnMut(&mut Self, &Part<'_>, &Member<'_>) + Send) {
        let samples: Vec<u32> = (0..SAMPLES as u32).collect();
        let Some(mut team) = self.team.take() else { return };
        let parts = Part::split(&samples, 1, V::COUNT);
        let work = std::sync::Mutex::new((&mut work, &mut *self));
        team.run(parts, |member, part| {
            if let Ok(mut guard) = work.lock() {
                let (work, values) = &mut *guard;
                work(values, &part, member);
            }
        });
        self.team = Some(team);
    }
}

fn whole_step<V: Lanes>(plan: &Plan, parameters: Vec<Vec<f32>>) -> Stage {
    let pixels: Vec<u8> = noise(SAMPLES * plan.inputs).iter().map(|x| (x * 255.0) as u8).collect();
    let labels: Vec<u8> = (0..SAMPLES).map(|sample| (sample % 10) as u8).collect();
    let mut network = Network::<V>::new(plan);
    let mut values = Values::<V>::new(0, 0, &[]);
    Stage {
        name: "whole step".into(),
        multiply_adds: (758_520 * SAMPLES) as u64,
        run: Box::new(move || {
            let samples = Samples::new(&pixels, &labels);
            values.with_part(|_, part, member| network.train(&parameters, samples, part, member));
        }),
    }
}

/// Multiply-adds of twelve registers, which neither wait for each other nor for memory.
fn peak<V: Lanes>() -> Stage {
    const ROUNDS: usize = 20_000;
    const SUMS: usize = 12;
    Stage {
        name: "peak".into(),
        multiply_adds: (ROUNDS * SUMS * V::COUNT) as u64,
        run: Box::new(|| {
            V::vectorize(
                #[inline(always)]
                || {
                    let (shrink, add) = (V::splat(black_box(0.5)), V::splat(black_box(1.0)));
                    let mut sums = [V::splat(black_box(1.0)); SUMS];
                    for _ in 0..ROUNDS {
                        for sum in &mut sums {
                            *sum = sum.mul_add(shrink, add);
                        }
                    }
                    black_box(sums);
                },
            );
        }),
    }
}

/// Numbers from 0 to 1 that look random.
fn noise(count: usize) -> Vec<f32> {
    let golden =
        |k: usize| ((k as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1_u32 << 24) as f32;
    (1..=count).map(golden).collect()
}

fn lenet_with_batch_norm() -> Model {
    let batch_norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    let convolution = |out_channels| {
        [
            Layer::Conv2d { out_channels, kernel: 5, stride: 1, padding: 0 },
            batch_norm,
            Layer::Sigmoid,
            Layer::MaxPool2d { window: 2, stride: 2 },
        ]
    };
    let linear = |out_features| [Layer::Linear { out_features }, batch_norm, Layer::Sigmoid];
    let layers = [
        &convolution(6)[..],
        &convolution(16)[..],
        &[Layer::Flatten][..],
        &linear(120)[..],
        &linear(84)[..],
        &[Layer::Linear { out_features: 10 }][..],
    ];
    Model::new("lenet-bn", Shape::Image { channels: 1, height: 28, width: 28 }, layers.concat())
}
