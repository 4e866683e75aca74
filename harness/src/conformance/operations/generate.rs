//! Draws cases.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use trainmark_numerics::random::generator;
use trainmark_plugin::{Layer, Model, Optimiser, Shape, Source};

use super::case::{Case, sides};
use crate::workload::{Pixels, Values};

/// Chance of one purpose, the same on every platform.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Those of a purpose, a seed and one of many streams.
    pub(super) fn new(purpose: &str, seed: u64, stream: u64) -> Self {
        Self(generator(purpose, seed, stream))
    }

    /// One of so many.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // As good as even: no bound here comes near 2³².
        self.0.next_u32() as usize % bound.max(1)
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    fn one_of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())]
    }

    fn one_of_many<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        some.get(self.below(some.len())).copied()
    }

    /// Whether it comes to one of so many.
    fn is_one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }
}

/// Kinds of layers of an image; a kind that there are many mistakes to make in stands twice.
const IMAGE_KINDS: [Kind; 12] = [
    Kind::Convolution,
    Kind::Convolution,
    Kind::Convolution,
    Kind::BatchNorm,
    Kind::BatchNorm,
    Kind::MaxPool,
    Kind::MaxPool,
    Kind::AvgPool,
    Kind::Sigmoid,
    Kind::Relu,
    Kind::Tanh,
    Kind::Resize,
];
/// Of a vector.
const VECTOR_KINDS: [Kind; 5] = [Kind::Linear, Kind::BatchNorm, Kind::Sigmoid, Kind::Relu, Kind::Tanh];

const BATCHES: [usize; 20] = [1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 100, 128, 256, 300];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Convolution,
    BatchNorm,
    MaxPool,
    AvgPool,
    Sigmoid,
    Relu,
    Tanh,
    Resize,
    Linear,
}

/// The case of a seed with this number.
pub(super) fn generate(seed: u64, number: u32) -> Case {
    let mut dice = Dice::new("operations: cases", seed, u64::from(number));
    loop {
        let mut case = draw(&mut dice);
        // One that is too large may be well with fewer samples.
        while !case.fits() && case.batch > 1 {
            case.batch /= 2;
        }
        if case.fits() {
            // From a stream of its own, so that cases without branches stay what they were.
            let mut dice = Dice::new("operations: branches", seed, u64::from(number));
            let case = branched(&mut dice, &case).filter(Case::fits).unwrap_or(case);
            let case = without_biases(&mut Dice::new("operations: biases", seed, u64::from(number)), case);
            return optimised(&mut Dice::new("operations: optimisers", seed, u64::from(number)), case);
        }
    }
}

/// The case with another optimiser than plain gradient descent; one in three has such. From a stream of its own,
/// too.
fn optimised(dice: &mut Dice, mut case: Case) -> Case {
    if dice.is_one_in(3) {
        let weight_decay = dice.one_of(&[0.0, 0.0, 5e-4, 0.125]);
        case.optimiser = match dice.is_one_in(2) {
            true => Optimiser::Momentum { momentum: dice.one_of(&[0.9, 0.5, 0.0]), weight_decay },
            // From ε on a gradient's size shows: the smaller ε, the more it is the sign that does.
            false => Optimiser::Adam {
                beta1: dice.one_of(&[0.9, 0.5, 0.0]),
                beta2: dice.one_of(&[0.999, 0.9]),
                epsilon: dice.one_of(&[1e-8, 1e-4, 1e-2, 1.0]),
                weight_decay,
            },
        };
    }
    case
}

/// The case without some of its biases, each with an even chance; one in three has such layers. From a
/// stream of its own, too, and last: whatever else is drawn stays what it was.
fn without_biases(dice: &mut Dice, mut case: Case) -> Case {
    if dice.is_one_in(3) {
        for layer in &mut case.model.layers {
            if let Layer::Conv2d { bias, .. } | Layer::Linear { bias, .. } = layer {
                *bias = dice.is_one_in(2);
            }
        }
    }
    case
}

/// The case with ways around some of its layers: values of one shape are added, or one of another
/// shape behind a convolution that gives it theirs. One in three has some, as far as shapes allow.
fn branched(dice: &mut Dice, case: &Case) -> Option<Case> {
    if !dice.is_one_in(3) {
        return None;
    }
    let mut model = case.model.clone();
    for _ in 0..dice.between(1, 3) {
        model = with_way_around(dice, &model)?;
    }
    Some(Case { model, ..case.clone() })
}

fn with_way_around(dice: &mut Dice, model: &Model) -> Option<Model> {
    let outputs = model.shapes().ok()?;
    // Behind which layer, and from where.
    let mut ways = Vec::new();
    for (end, &shape) in outputs.iter().enumerate() {
        let befores = (0..=end).map(Source::before);
        ways.extend(befores.filter_map(|start| {
            let from = match start {
                Source::Input => model.input,
                Source::Layer(layer) => outputs[layer],
            };
            Some((end, start, bridge(from, shape)?))
        }));
    }
    let (end, start, bridge) = dice.one_of_many(&ways)?;
    let mut layers = model.layers.clone();
    let behind = match bridge {
        None => vec![Layer::Add { other: start }],
        Some(convolution) => vec![convolution, Layer::Add { other: Source::Layer(end) }],
    };
    let more = behind.len();
    layers.splice(end + 1..end + 1, behind);
    // What comes behind has moved, and whatever read the end of the way reads the sum.
    let moved = |source: Source| match source {
        Source::Layer(layer) if layer >= end => Source::Layer(layer + more),
        before => before,
    };
    for layer in &mut layers[end + 1 + more..] {
        if let Layer::Add { other } = layer {
            *other = moved(*other);
        }
    }
    let mut longer = Model::new(model.name.clone(), model.input, layers);
    for layer in 0..model.layers.len() {
        let (place, source) = match layer > end {
            true => (layer + more, moved(model.source(layer))),
            false => (layer, model.source(layer)),
        };
        longer = longer.with_source(place, source);
    }
    Some(if more == 2 { longer.with_source(end + 1, start) } else { longer })
}

/// What makes of a value one of this shape, for a sum: nothing where it has it. No such layer: `None`.
fn bridge(from: Shape, to: Shape) -> Option<Option<Layer>> {
    if from == to {
        return Some(None);
    }
    let (Shape::Image { .. }, Shape::Image { channels, .. }) = (from, to) else { return None };
    let convolutions = (1..4).map(|stride| Layer::Conv2d {
        out_channels: channels,
        kernel: 1,
        stride,
        padding: 0,
        bias: true,
    });
    let gives = |layer: &Layer| Model::new("", from, [*layer]).shapes().is_ok_and(|shapes| shapes[0] == to);
    convolutions.into_iter().find(gives).map(Some)
}

fn draw(dice: &mut Dice) -> Case {
    let input = Shape::Image {
        channels: dice.between(1, 4),
        height: dice.between(1, 13),
        width: dice.between(1, 13),
    };
    let mut drawn = Drawn { dice, layers: Vec::new(), shape: input };
    if drawn.dice.is_one_in(2) {
        drawn.single_layer();
    } else {
        drawn.several_layers();
    }
    let classes = drawn.dice.between(2, 11);
    drawn.push(Layer::Linear { out_features: classes, bias: true });
    let model = Model::new("operations", input, drawn.layers);
    let values = match dice.below(10) {
        0..4 => Values::Ordinary,
        4..7 => Values::Quarters,
        7..9 => Values::Scaled(dice.one_of(&[-20, -12, -6, 6, 12])),
        _ => Values::ConstantChannel,
    };
    let pixels = match (values, dice.below(10)) {
        (Values::Quarters, 0..8) => Pixels::BlackAndWhite,
        (_, 0..4) => Pixels::Random,
        (_, 4..6) => Pixels::Squares,
        (_, 6) => Pixels::Flat,
        (_, 7) => Pixels::Same,
        (_, 8) => Pixels::Dark,
        _ => dice.one_of(&[Pixels::Black, Pixels::Random, Pixels::BlackAndWhite]),
    };
    let seed = dice.below(1 << 24) as u64;
    let batch = dice.one_of(&BATCHES);
    Case { seed, model, batch, pixels, values, optimiser: Optimiser::Sgd }
}

/// A model that is being drawn.
struct Drawn<'d> {
    dice: &'d mut Dice,
    layers: Vec<Layer>,
    shape: Shape,
}

impl Drawn<'_> {
    /// One layer behind one with weights, so that its input's gradient is seen.
    fn single_layer(&mut self) {
        if self.dice.is_one_in(5) {
            self.push(Layer::Flatten);
            let out_features = self.dice.between(1, 20);
            self.push(Layer::Linear { out_features, bias: true });
            let kind = self.dice.one_of(&VECTOR_KINDS);
            self.push_kind(kind);
            return;
        }
        let kernel = self.dice.one_of(&[1, 1, 1, 2, 3]);
        let out_channels = self.dice.between(1, 4);
        self.push(Layer::Conv2d { out_channels, kernel, stride: 1, padding: 0, bias: true });
        let kind = self.dice.one_of(&IMAGE_KINDS);
        self.push_kind(kind);
        self.push(Layer::Flatten);
    }

    fn several_layers(&mut self) {
        for _ in 0..self.dice.below(6) {
            let kind = self.dice.one_of(&IMAGE_KINDS);
            self.push_kind(kind);
        }
        self.push(Layer::Flatten);
        for _ in 0..self.dice.below(4) {
            let kind = self.dice.one_of(&VECTOR_KINDS);
            self.push_kind(kind);
        }
    }

    /// Adds a layer; one that does not fit is left out.
    fn push(&mut self, layer: Layer) {
        let model = Model::new("", self.shape, vec![layer]);
        if let Ok(shapes) = model.shapes() {
            self.shape = shapes[0];
            self.layers.push(layer);
        }
    }

    fn push_kind(&mut self, kind: Kind) {
        let dice = &mut *self.dice;
        let stride = dice.one_of(&[1, 1, 1, 2, 2, 3, 4]);
        let (height, width) = sides(self.shape).unwrap_or((1, 1));
        let layer = match kind {
            Kind::Convolution => {
                let kernel = dice.one_of(&[1, 2, 3, 3, 4, 5, 5, 7]);
                let padding = if dice.is_one_in(2) { 0 } else { dice.between(0, kernel) };
                Layer::Conv2d { out_channels: dice.between(1, 6), kernel, stride, padding, bias: true }
            }
            Kind::BatchNorm => Layer::BatchNorm {
                epsilon: dice.one_of(&[1e-5, 1e-5, 1e-3, 1e-2]),
                momentum: dice.one_of(&[0.1, 0.1, 0.5, 1.0, 0.01]),
            },
            Kind::MaxPool | Kind::AvgPool => {
                let window = dice.between(1, height.min(width).min(5));
                let stride = if dice.is_one_in(2) { window } else { stride };
                match kind {
                    Kind::MaxPool => Layer::MaxPool2d { window, stride },
                    _ => Layer::AvgPool2d { window, stride },
                }
            }
            Kind::Sigmoid => Layer::Sigmoid,
            Kind::Relu => Layer::Relu,
            Kind::Tanh => Layer::Tanh,
            Kind::Resize => Layer::Resize {
                height: dice.between(1, 2 * height + 1),
                width: dice.between(1, 2 * width + 1),
            },
            Kind::Linear => Layer::Linear { out_features: dice.between(1, 30), bias: true },
        };
        self.push(layer);
    }
}
