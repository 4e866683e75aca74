//! The readable implementation: one loop per formula.
//!
//! Start with [`layout`] (how a batch lies in memory), then read the layers
//! ([`convolution`], [`batch_norm`], [`activation`], [`pooling`], [`linear`],
//! [`dropout`]), the [`loss`], and [`network`], which passes a batch through them along the
//! [`routes`] of a model with branches. This file is the rest of training: the update, with what
//! the [`optimiser`] makes of it.

mod activation;
mod batch_norm;
mod convolution;
mod dropout;
mod layout;
mod linear;
mod loss;
mod network;
mod optimiser;
mod pooling;
mod routes;

use trainmark_plugin::{
    Dataset, Error, OpenRequest, Outcome, ParameterSpec, RunningVariance, Session, Split,
};

use crate::parameters::Parameters;
use crate::part::Part;
use crate::threads::Team;
use layout::LANES;
use network::{Network, Workspace};
use optimiser::Updates;

/// A model in training.
pub(crate) struct Training<'d> {
    network: Network,
    parameters: Parameters,
    dataset: Dataset<'d>,
    updates: Updates,
    /// Per tensor, whether it has gradients.
    is_trained: Vec<bool>,
    /// How many steps were begun: dropout chooses anew in each.
    steps: u64,
    running_variance: RunningVariance,
    team: Team,
    /// One per thread.
    workspaces: Vec<Workspace>,
}

impl<'d> Training<'d> {
    /// # Errors
    /// `invalid` where a layer does not fit.
    pub(crate) fn open(request: OpenRequest<'d>, running_variance: RunningVariance) -> Result<Self, Error> {
        let model = &request.model;
        let network = Network::new(model)?;
        let specs = model.parameters()?;
        let lengths = specs.iter().map(ParameterSpec::len);
        let workspaces = (0..request.threads).map(|_| Workspace::new(&network, model));
        Ok(Self {
            parameters: Parameters::zero(model)?,
            dataset: request.dataset,
            updates: Updates::new(request.optimiser, request.learning_rate as f32, lengths),
            is_trained: specs.iter().map(|spec| spec.role.is_trainable()).collect(),
            steps: 0,
            running_variance,
            team: Team::new(request.threads)?,
            workspaces: workspaces.collect::<Result<_, _>>()?,
            network,
        })
    }

    /// A step by the gradient, summed over the threads in their order.
    fn descend(&mut self) {
        self.updates.begin();
        for (index, parameter) in self.parameters.0.iter_mut().enumerate() {
            let mut workspaces = self.workspaces.iter_mut();
            let Some(first) = workspaces.next() else { return };
            let gradient = &mut first.gradients[index];
            for workspace in workspaces {
                for (sum, part) in gradient.iter_mut().zip(&workspace.gradients[index]) {
                    *sum += part;
                }
            }
            if self.is_trained[index] {
                self.updates.apply(index, parameter, gradient);
            }
        }
    }
}

impl Session for Training<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.parameters.set(values);
        self.updates.reset();
        Ok(())
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.parameters.copy_to(values);
        Ok(())
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let Self {
            network,
            parameters: Parameters(parameters),
            dataset,
            team,
            workspaces,
            running_variance,
            steps,
            ..
        } = &mut *self;
        *steps += 1;
        let step = *steps;
        let parts = Part::split(batch, team.threads(), LANES);
        team.run(workspaces.iter_mut().zip(parts), |member, (workspace, part)| {
            network.train(step, parameters, dataset.train, &part, member, workspace);
        });
        // All threads hold the same statistics of the batch.
        let statistics = &workspaces[0].statistics;
        network.update_running_statistics(*running_variance, statistics, batch.len(), parameters);
        self.descend();
        let loss: f64 = self.workspaces.iter().map(|workspace| workspace.score.loss).sum();
        let correct = self.workspaces.iter().map(|workspace| workspace.score.correct).sum();
        Ok(Outcome::new(loss / batch.len() as f64, correct))
    }

    /// Samples do not influence each other in prediction, so they go through
    /// sixteen at a time, whatever the batch size.
    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        _batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let Self { network, parameters: Parameters(parameters), dataset, team, workspaces, .. } = self;
        let (samples, classes) = (dataset.split(split), network.classes());
        let statistics = network.running_statistics(parameters);
        let parts = Part::split_with(indices, team.threads(), LANES, logits, classes);
        team.run(workspaces.iter_mut().zip(parts), |_, (workspace, (part, logits))| {
            network.predict(parameters, &statistics, samples, &part, workspace, logits);
        });
        Ok(())
    }
}
