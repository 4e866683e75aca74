//! The parts of a training step of LeNet with batch norm, each on its own, to be timed:
//! see `benches/stages.rs`.
//!
//! Each runs on one thread or several at once, which is how they share caches, memory and
//! clock; a thread has what one of two has of a batch of 256.

use std::hint::black_box;

use trainmark_plugin::{Error, Layer, Model, Samples, Shape};

use super::convolution::Convolution;
use super::lanes::Lanes;
use super::linear::Linear;
use super::loss::cross_entropy;
use super::network::Network;
use super::plan::{ConvolutionStage, LinearStage, Plan};
use super::{ForWidth, Learner, Width, for_width};
use crate::part::Part;
use crate::threads::{Member, Team};

/// Samples that a stage works on, of each thread.
pub const SAMPLES: usize = 128;

/// A stage that can be run again and again.
pub struct Stage {
    /// Such as `convolution 2: input gradient`.
    pub name: String,
    /// Multiply-adds of one run, of all threads; 0 where the stage has none to speak of.
    pub multiply_adds: u64,
    /// Runs it once.
    pub run: Box<dyn FnMut()>,
}

/// The stages in the order of a step, then the whole step, then `peak`: multiply-adds
/// on registers alone.
///
/// # Errors
/// Where `TRAINMARK_SIMD` names no width of this processor, or there are no more threads.
pub fn lenet(threads: usize) -> Result<Vec<Stage>, Error> {
    for_width(Width::choose()?, Lenet { threads })
}

struct Lenet {
    threads: usize,
}

impl ForWidth for Lenet {
    type Output = Result<Vec<Stage>, Error>;

    fn run<V: Lanes>(self) -> Self::Output {
        let model = lenet_with_batch_norm();
        let plan = Plan::of(&model)
            .ok_or_else(|| Error::unsupported("LeNet is not of the form that is fused".to_owned()))?;
        let parameters: Vec<Vec<f32>> = model.parameters()?.iter().map(|spec| noise(spec.len())).collect();
        let mut stages = vec![pixels::<V>(self.threads, &plan)?];
        for (index, stage) in plan.convolutions.iter().enumerate() {
            let own = &parameters[stage.first_parameter..];
            stages.extend(convolution_stages::<V>(self.threads, index, stage, own)?);
        }
        for (index, stage) in plan.linears.iter().enumerate() {
            let own = &parameters[stage.first_parameter..];
            stages.push(linear_stage::<V>(self.threads, index, stage, own)?);
        }
        stages.push(loss::<V>(self.threads)?);
        stages.extend(update_and_whole_step::<V>(self.threads, &model, &parameters)?);
        stages.push(peak::<V>(self.threads)?);
        Ok(stages)
    }
}

/// A stage of which each thread of a team has its own `values`, and its part of a batch.
/// `multiply_adds` are those of one thread.
fn stage<V: Lanes, T: Send + 'static>(
    threads: usize,
    name: impl Into<String>,
    multiply_adds: usize,
    mut values: Vec<T>,
    work: impl Fn(&mut T, &Part<'_>, &Member<'_>) + Sync + 'static,
) -> Result<Stage, Error> {
    let mut team = Team::new(threads)?;
    let batch: Vec<u32> = (0..(SAMPLES * threads) as u32).collect();
    Ok(Stage {
        name: name.into(),
        multiply_adds: (multiply_adds * threads) as u64,
        run: Box::new(move || {
            let parts = Part::split(&batch, threads, V::COUNT);
            team.run(values.iter_mut().zip(parts), |member, (values, part)| work(values, &part, member));
        }),
    })
}

fn pixels<V: Lanes>(threads: usize, plan: &Plan) -> Result<Stage, Error> {
    let (pixels, labels) = samples(threads);
    let networks = (0..threads).map(|_| Network::<V>::new(plan)).collect();
    stage::<V, _>(threads, "pixels", 0, networks, move |network, part, _| {
        network.resize(part.blocks());
        network.load(Samples::new(&pixels, &labels), part);
    })
}

/// The kernels of a convolution stage.
fn convolution_stages<V: Lanes>(
    threads: usize,
    index: usize,
    shape: &ConvolutionStage,
    own: &[Vec<f32>],
) -> Result<Vec<Stage>, Error> {
    type Run<V> = fn(&mut Convolution<V>, &mut Values<V>);
    let weights = shape.out_channels * shape.inputs_of_an_output() * shape.area() * SAMPLES;
    let kernels: [(&str, usize, Run<V>); 5] = [
        ("forward", weights, |convolution, values| convolution.time_forward(&values.input)),
        ("activation", 0, |convolution, values| convolution.time_activation(&mut values.output)),
        ("deactivation", 0, |convolution, values| {
            convolution.time_deactivation(&values.output, &mut values.d_output);
        }),
        ("weight gradient", weights, |convolution, values| {
            convolution.time_weight_gradient(&values.input, &values.d_output);
        }),
        ("input gradient", weights, |convolution, values| {
            convolution.time_input_gradient(&mut values.d_input);
        }),
    ];
    // Nobody needs the gradient of the pixels.
    let kernels = kernels.into_iter().filter(|(what, ..)| index > 0 || *what != "input gradient");
    let time = |(what, multiply_adds, run): (&str, usize, Run<V>)| {
        let trained = || {
            let mut convolution = Convolution::new(shape.clone());
            let mut values = Values::<V>::new(shape.inputs(), shape.outputs(), own);
            alone::<V>(|part, member| {
                convolution.train(own, part, member, &values.input, &mut values.output);
            })?;
            Ok((convolution, values))
        };
        let each: Result<Vec<_>, Error> = (0..threads).map(|_| trained()).collect();
        let name = format!("convolution {}: {what}", index + 1);
        stage::<V, _>(threads, name, multiply_adds, each?, move |(convolution, values), _, _| {
            run(convolution, values);
        })
    };
    kernels.map(time).collect()
}

/// A linear stage, forward and backward.
fn linear_stage<V: Lanes>(
    threads: usize,
    index: usize,
    shape: &LinearStage,
    own: &[Vec<f32>],
) -> Result<Stage, Error> {
    let each = |_| (Linear::<V>::new(shape.clone()), Values::<V>::new(shape.inputs, shape.outputs, own));
    let name = format!("linear {}: forward and backward", index + 1);
    let multiply_adds = 3 * shape.inputs * shape.outputs * SAMPLES;
    let (own, each) = (own.to_vec(), (0..threads).map(each).collect());
    stage::<V, _>(threads, name, multiply_adds, each, move |(linear, values), part, member| {
        linear.train(&own, part, member, &values.input, &mut values.output);
        // Every run replaces it, and would end with numbers too small to be quick.
        values.d_output.copy_from_slice(&values.d_source);
        let both = (&*values.input, &*values.output);
        let (d_output, d_input) = (&mut values.d_output, &mut values.d_input);
        linear.backward(&own, part, member, both, d_output, d_input, &mut values.gradients);
    })
}

fn loss<V: Lanes>(threads: usize) -> Result<Stage, Error> {
    let (_, labels) = samples(threads);
    let each = (0..threads).map(|_| Values::<V>::new(CLASSES, CLASSES, &[])).collect();
    stage::<V, _>(threads, "loss", 0, each, move |values: &mut Values<V>, part, _| {
        V::vectorize(
            #[inline(always)]
            || black_box(cross_entropy(part, &labels, CLASSES, &values.input, &mut values.d_output)),
        );
    })
}

/// The update on its own, and all of a step, as it is in training.
fn update_and_whole_step<V: Lanes>(
    threads: usize,
    model: &Model,
    parameters: &[Vec<f32>],
) -> Result<[Stage; 2], Error> {
    let learner = || {
        // Too small a rate to lead anywhere: every step is as the first.
        let mut learner = Learner::<V>::new(model, threads, 1e-30)?;
        learner.parameters.set(&parameters.iter().map(|parameter| &**parameter).collect::<Vec<_>>());
        Ok::<_, Error>(learner)
    };
    let (mut update, mut step) = (learner()?, learner()?);
    let (pixels, labels) = samples(threads);
    let batch: Vec<u32> = (0..(SAMPLES * threads) as u32).collect();
    Ok([
        Stage { name: "update".into(), multiply_adds: 0, run: Box::new(move || update.descend()) },
        Stage {
            name: "whole step".into(),
            multiply_adds: (758_520 * SAMPLES * threads) as u64,
            run: Box::new(move || {
                step.step(Samples::new(&pixels, &labels), &batch);
            }),
        },
    ])
}

/// Multiply-adds of twelve registers, which neither wait for each other nor for memory.
fn peak<V: Lanes>(threads: usize) -> Result<Stage, Error> {
    const ROUNDS: usize = 20_000;
    const SUMS: usize = 12;
    stage::<V, _>(threads, "peak", ROUNDS * SUMS * V::COUNT, vec![(); threads], |(), _, _| {
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
    })
}

/// What goes into a stage and comes out of it.
struct Values<V> {
    input: Vec<V>,
    output: Vec<V>,
    d_input: Vec<V>,
    d_output: Vec<V>,
    /// What `d_output` begins with.
    d_source: Vec<V>,
    gradients: Vec<Vec<f32>>,
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
            d_source: values(outputs),
            // Rows made up to whole registers are a little longer.
            gradients: parameters.iter().map(|parameter| vec![0.0; 2 * parameter.len()]).collect(),
        }
    }
}

/// Runs `work` as the only thread of a team, with the samples of one.
fn alone<V: Lanes>(work: impl FnMut(&Part<'_>, &Member<'_>) + Send) -> Result<(), Error> {
    let batch: Vec<u32> = (0..SAMPLES as u32).collect();
    let parts = Part::split(&batch, 1, V::COUNT).zip([work]);
    Team::new(1)?.run(parts, |member, (part, mut work)| work(&part, member));
    Ok(())
}

const CLASSES: usize = 10;

/// Pixels and labels of the samples of all threads.
fn samples(threads: usize) -> (Vec<u8>, Vec<u8>) {
    let samples = SAMPLES * threads;
    let pixels = noise(samples * 28 * 28).iter().map(|x| (x * 255.0) as u8).collect();
    (pixels, (0..samples).map(|sample| (sample % CLASSES) as u8).collect())
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
            Layer::Conv2d { out_channels, kernel: 5, stride: 1, padding: 0, bias: true },
            batch_norm,
            Layer::Sigmoid,
            Layer::MaxPool2d { window: 2, stride: 2 },
        ]
    };
    let linear = |out_features| [Layer::Linear { out_features, bias: true }, batch_norm, Layer::Sigmoid];
    let layers = [
        &convolution(6)[..],
        &convolution(16)[..],
        &[Layer::Flatten][..],
        &linear(120)[..],
        &linear(84)[..],
        &[Layer::Linear { out_features: CLASSES, bias: true }][..],
    ];
    Model::new("lenet-bn", Shape::Image { channels: 1, height: 28, width: 28 }, layers.concat())
}
