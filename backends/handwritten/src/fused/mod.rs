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

    /// w ← w − rate·∂L/∂w, the gradient summed over the threads in their order.
    fn descend(&mut self) {
        let Some((first, others)) = self.networks.split_first_mut() else { return };
        let padded: Vec<(usize, usize, usize)> = first.padded_rows().collect();
        for (index, parameter) in self.parameters.0.iter_mut().enumerate() {
            let length = parameter.len();
            let (row, stride) = padded
                .iter()
                .find(|padded| padded.0 == index)
                .map_or((length, length), |&(_, row, stride)| (row, stride));
            let gradient = &mut first.gradients[index];
            V::vectorize(
                #[inline(always)]
                || {
                    for other in others.iter() {
                        add(gradient, &other.gradients[index]);
                    }
                    for (w, gradient) in parameter.chunks_mut(row).zip(gradient.chunks(stride)) {
                        descend(self.learning_rate, w, gradient);
                    }
                },
            );
        }
    }
}

#[inline(always)]
fn add(sum: &mut [f32], part: &[f32]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part;
    }
}

#[inline(always)]
fn descend(rate: f32, w: &mut [f32], gradient: &[f32]) {
    for (w, gradient) in w.iter_mut().zip(gradient) {
        *w -= rate * gradient;
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
