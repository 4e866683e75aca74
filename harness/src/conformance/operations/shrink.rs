//! Smaller cases, to find the smallest that still fails.

use trainmark_plugin::{Layer, Optimiser, Shape};

use super::case::{Case, CaseName, Origin};
use crate::workload::{Pixels, Values, without};

impl Case {
    /// Cases that are a step smaller, the largest steps first.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for index in 0..self.model.layers.len() {
            smaller.push(Self { model: without(&self.model, index), ..self.clone() });
        }
        smaller.extend(less(self.batch, 1).map(|batch| Self { batch, ..self.clone() }));
        smaller.extend(inputs(self.model.input).into_iter().map(|input| {
            let mut smaller = self.clone();
            smaller.model.input = input;
            smaller
        }));
        for (index, layer) in self.model.layers.iter().enumerate() {
            smaller.extend(simpler(layer).into_iter().map(|layer| {
                let mut smaller = self.clone();
                smaller.model.layers[index] = layer;
                smaller
            }));
        }
        if self.values != Values::Ordinary {
            smaller.push(Self { values: Values::Ordinary, ..self.clone() });
        }
        if self.pixels != Pixels::Random {
            smaller.push(Self { pixels: Pixels::Random, ..self.clone() });
        }
        smaller
            .extend(plainer(self.optimiser).into_iter().map(|optimiser| Self { optimiser, ..self.clone() }));
        smaller
    }
}

/// Plain gradient descent, or else without a decay.
fn plainer(optimiser: Optimiser) -> Vec<Optimiser> {
    let without_decay = match optimiser {
        Optimiser::Sgd => return Vec::new(),
        Optimiser::Momentum { momentum, .. } => Optimiser::Momentum { momentum, weight_decay: 0.0 },
        Optimiser::Adam { beta1, beta2, epsilon, .. } => {
            Optimiser::Adam { beta1, beta2, epsilon, weight_decay: 0.0 }
        }
    };
    let mut plainer = vec![Optimiser::Sgd];
    plainer.extend((optimiser != without_decay).then_some(without_decay));
    plainer
}

/// Lesser numbers: the least first, then nearer ones.
fn less(number: usize, least: usize) -> impl Iterator<Item = usize> {
    let mut lesser = vec![least, least + 1, number / 2, number.saturating_sub(1)];
    lesser.retain(|&lesser| (least..number).contains(&lesser));
    lesser.dedup();
    lesser.into_iter()
}

fn inputs(input: Shape) -> Vec<Shape> {
    let Shape::Image { channels, height, width } = input else { return Vec::new() };
    let fewer = less(channels, 1).map(|channels| Shape::Image { channels, height, width });
    let lower = less(height, 1).map(|height| Shape::Image { channels, height, width });
    let narrower = less(width, 1).map(|width| Shape::Image { channels, height, width });
    fewer.chain(lower).chain(narrower).collect()
}

fn simpler(layer: &Layer) -> Vec<Layer> {
    match *layer {
        Layer::Conv2d { out_channels, kernel, stride, padding, bias } => {
            let of = |out_channels, kernel, stride, padding| Layer::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
                bias,
            };
            less(out_channels, 1)
                .map(|out_channels| of(out_channels, kernel, stride, padding))
                .chain(less(padding, 0).map(|padding| of(out_channels, kernel, stride, padding)))
                .chain(less(kernel, 1).map(|kernel| of(out_channels, kernel, stride, padding)))
                .chain(less(stride, 1).map(|stride| of(out_channels, kernel, stride, padding)))
                // Last, so that steps keep their numbers.
                .chain((!bias).then_some(Layer::Conv2d { out_channels, kernel, stride, padding, bias: true }))
                .collect()
        }
        Layer::MaxPool2d { window, stride } => {
            pools(window, stride).map(|(window, stride)| Layer::MaxPool2d { window, stride }).collect()
        }
        Layer::AvgPool2d { window, stride } => {
            pools(window, stride).map(|(window, stride)| Layer::AvgPool2d { window, stride }).collect()
        }
        Layer::Linear { out_features, bias } => less(out_features, 1)
            .map(|out_features| Layer::Linear { out_features, bias })
            .chain((!bias).then_some(Layer::Linear { out_features, bias: true }))
            .collect(),
        Layer::Resize { height, width } => less(height, 1)
            .map(|height| Layer::Resize { height, width })
            .chain(less(width, 1).map(|width| Layer::Resize { height, width }))
            .collect(),
        Layer::BatchNorm { epsilon, momentum } if (epsilon, momentum) != (1e-5, 0.1) => {
            vec![Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 }]
        }
        _ => Vec::new(),
    }
}

fn pools(window: usize, stride: usize) -> impl Iterator<Item = (usize, usize)> {
    less(window, 1)
        .map(move |window| (window, stride))
        .chain(less(stride, 1).map(move |stride| (window, stride)))
}

/// Goes from a case that fails to smaller ones that do, until none of the next smaller ones does or
/// so many were tried.
///
/// # Errors
/// That of `fails`.
pub fn shrink<E>(
    name: CaseName,
    origin: &Origin,
    tries: &mut usize,
    fails: &mut dyn FnMut(&CaseName, &Case) -> Result<bool, E>,
) -> Result<CaseName, E> {
    let mut smallest = name;
    'smaller: while smallest.smaller.len() < CaseName::MOST_STEPS {
        let Some(case) = smallest.case(origin) else { break };
        for (place, smaller) in case.smaller().into_iter().enumerate().filter(|(_, case)| case.fits()) {
            if *tries == 0 {
                return Ok(smallest);
            }
            *tries -= 1;
            let step = smallest.step(place);
            if fails(&step, &smaller)? {
                smallest = step;
                continue 'smaller;
            }
        }
        break;
    }
    Ok(smallest)
}
