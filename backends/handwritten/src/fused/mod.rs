//! The fast implementation: as few passes over memory as can be, in vector registers.
//!
//! Start with [`plan`] (which layers become one stage), [`block`] (how samples lie in
//! memory) and [`lanes`] (the vector type that kernels are written for). Then read the
//! stages: [`convolution`], with a file per kernel, and [`linear`]; [`batch_norm`] is
//! what both need of batch norm. [`network`] passes a batch through them. This file
//! is the rest of training: the update.

mod batch_norm;
mod block;
mod convolution;
mod lanes;
mod linear;
mod loss;
mod network;
mod plan;
mod sigmoid;
pub mod stages;
mod tile;
mod width;

use trainmark_plugin::{Dataset, Error, Model, OpenRequest, Outcome, Samples, Session, Split};

#[cfg(target_arch = "aarch64")]
use lanes::Neon;
#[cfg(target_arch = "x86_64")]
use lanes::{Avx2, Avx512};
use lanes::{Lanes, Portable};
use network::Network;
use plan::Plan;

use crate::parameters::Parameters;
use crate::part::Part;
use crate::threads::Team;
pub(crate) use batch_norm::RUNNING_VARIANCE;
pub(crate) use width::Width;

/// Whether a model has the form that is fused.
pub(crate) fn fits(model: &Model) -> bool {
    Plan::of(model).is_some()
}

/// What is done for a vector width that is known at run time only.
trait ForWidth {
    type Output;
    fn run<V: Lanes>(self) -> Self::Output;
}

/// Runs `work` for the vector type of a width.
///
/// # Panics
/// Where the processor does not have it: its instructions must never be reached.
fn for_width<W: ForWidth>(width: Width, work: W) -> W::Output {
    assert!(width.is_available(), "this processor has no {}", width.name());
    match width {
        #[cfg(target_arch = "x86_64")]
        Width::Avx512 => work.run::<Avx512>(),
        #[cfg(target_arch = "x86_64")]
        Width::Avx2 => work.run::<Avx2>(),
        #[cfg(target_arch = "aarch64")]
        Width::Neon => work.run::<Neon>(),
        Width::Portable => work.run::<Portable>(),
    }
}

/// Opens a session for a model that [`fits`].
///
/// # Errors
/// `unsupported` where it does not fit; `failed` where no threads can be had.
pub(crate) fn open<'d>(request: OpenRequest<'d>, width: Width) -> Result<Box<dyn Session + 'd>, Error> {
    struct Open<'d>(OpenRequest<'d>);

    impl<'d> ForWidth for Open<'d> {
        type Output = Result<Box<dyn Session + 'd>, Error>;

        fn run<V: Lanes>(self) -> Self::Output {
            Ok(Box::new(Training::<V>::open(self.0)?))
        }
    }

    for_width(width, Open(request))
}

/// A model in training on a data set.
struct Training<'d, V> {
    dataset: Dataset<'d>,
    learner: Learner<V>,
}

impl<'d, V: Lanes> Training<'d, V> {
    fn open(request: OpenRequest<'d>) -> Result<Self, Error> {
        let learner = Learner::new(&request.model, request.threads, request.learning_rate as f32)?;
        Ok(Self { dataset: request.dataset, learner })
    }
}

/// A model and the threads that train it, wherever the samples come from.
struct Learner<V> {
    parameters: Parameters,
    learning_rate: f32,
    team: Team,
    /// One per thread.
    networks: Vec<Network<V>>,
}

impl<V: Lanes> Learner<V> {
    fn new(model: &Model, threads: usize, learning_rate: f32) -> Result<Self, Error> {
        let plan = Plan::of(model).ok_or_else(|| {
            Error::unsupported(format!("model {} is not of the form that is fused", model.name))
        })?;
        Ok(Self {
            parameters: Parameters::zero(model)?,
            learning_rate,
            team: Team::new(threads)?,
            networks: (0..threads).map(|_| Network::new(&plan)).collect(),
        })
    }

    fn step(&mut self, samples: Samples<'_>, batch: &[u32]) -> Outcome {
        let Self { parameters: Parameters(parameters), team, networks, .. } = &mut *self;
        let parts = Part::split(batch, team.threads(), V::COUNT);
        team.run(networks.iter_mut().zip(parts), |member, (network, part)| {
            network.train(parameters, samples, &part, member);
        });
        // All threads hold the same statistics of the batch.
        networks[0].update_running_statistics(parameters);
        self.descend();
        let loss: f64 = self.networks.iter().map(|network| network.score.loss).sum();
        let correct = self.networks.iter().map(|network| network.score.correct).sum();
        Outcome::new(loss / batch.len() as f64, correct)
    }

    /// w ← w − rate·∂L/∂w, the gradient summed over the threads in their order. Each thread
    /// updates a share, since half of what it needs lies in the cache of another.
    fn descend(&mut self) {
        let Self { parameters, learning_rate, team, networks } = self;
        let networks = &*networks;
        let shares = Rows::shares(&mut parameters.0, &networks[0], team.threads());
        team.run(shares, |_, share| {
            V::vectorize(
                #[inline(always)]
                || {
                    for rows in share {
                        rows.descend(*learning_rate, networks);
                    }
                },
            );
        });
    }
}

/// Rows of a parameter that follow each other.
struct Rows<'p> {
    /// Of the parameter in the list.
    index: usize,
    /// Where the rows begin in the gradient.
    start: usize,
    /// Floats of a row, and floats from one row of the gradient to the next.
    row: usize,
    stride: usize,
    values: &'p mut [f32],
}

impl<'p> Rows<'p> {
    /// All that is trained, shared out to the threads: the rows of the large parameters evenly,
    /// the small ones to the first.
    fn shares<V: Lanes>(
        parameters: &'p mut [Vec<f32>],
        network: &Network<V>,
        threads: usize,
    ) -> Vec<Vec<Self>> {
        let mut shares: Vec<Vec<Self>> = (0..threads).map(|_| Vec::new()).collect();
        for (index, parameter) in parameters.iter_mut().enumerate() {
            if network.gradients[index].is_empty() {
                continue;
            }
            let whole = (parameter.len(), parameter.len());
            let padded = network.padded_rows().find(|padded| padded.0 == index);
            let (row, stride) = padded.map_or(whole, |(_, row, stride)| (row, stride));
            let rows_of_a_thread = (parameter.len() / row).div_ceil(threads);
            let pieces = parameter.chunks_mut(rows_of_a_thread * row);
            for (thread, (values, share)) in pieces.zip(&mut shares).enumerate() {
                let start = thread * rows_of_a_thread * stride;
                share.push(Self { index, start, row, stride, values });
            }
        }
        shares
    }

    #[inline(always)]
    fn descend<V: Lanes>(self, rate: f32, networks: &[Network<V>]) {
        /// Floats that are summed at a time, in the nearest cache.
        const PIECE: usize = 256;
        let Some((first, others)) = networks.split_first() else { return };
        let mut sum = [0.0; PIECE];
        let starts = (self.start..).step_by(self.stride);
        for (w, start) in self.values.chunks_mut(self.row).zip(starts) {
            for (w, start) in w.chunks_mut(PIECE).zip((start..).step_by(PIECE)) {
                let sum = &mut sum[..w.len()];
                sum.copy_from_slice(&first.gradients[self.index][start..][..w.len()]);
                for other in others {
                    add(sum, &other.gradients[self.index][start..]);
                }
                for (w, gradient) in w.iter_mut().zip(sum) {
                    *w -= rate * *gradient;
                }
            }
        }
    }
}

#[inline(always)]
fn add(sum: &mut [f32], part: &[f32]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part;
    }
}

impl<V: Lanes> Session for Training<'_, V> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.learner.parameters.set(values);
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.learner.parameters.copy_to(values);
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        Ok(self.learner.step(self.dataset.train, batch))
    }

    /// Samples do not influence each other in prediction, so they go through a few
    /// blocks at a time, whatever the batch size.
    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        _batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let Learner { parameters: Parameters(parameters), team, networks, .. } = &mut self.learner;
        let (samples, classes) = (self.dataset.split(split), networks[0].classes());
        let parts = Part::split_with(indices, team.threads(), V::COUNT, logits, classes);
        team.run(networks.iter_mut().zip(parts), |_, (network, (part, logits))| {
            network.predict(parameters, samples, &part, logits);
        });
        Ok(())
    }
}
