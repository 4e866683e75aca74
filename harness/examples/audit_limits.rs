//! Where the audit's limits lie between honest epochs and one batch left out:
//!
//! ```sh
//! cargo run -p trainmark --example audit_limits -- LIBRARY WORKLOAD IMPLEMENTATION SEEDS
//! ```
//!
//! Audits both of two epochs of each seed, trained on two threads: honest ones by two threads
//! again, and by one, which sums in another order; and such as leave out one batch. Prints the
//! smallest and the largest measurement of each check, and how many audits have failed.

#![expect(clippy::expect_used, reason = "nobody but a developer runs it")]

use std::collections::BTreeMap;
use std::path::Path;

use trainmark::conformance::{HELD_STEPS, Subject, TimedEpoch, audit};
use trainmark::data::{self, DataRequest};
use trainmark::workload;
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Error, OpenRequest, Outcome, ParameterSpec, RunningVariance, Session, Split};

const EPOCHS: u32 = 2;

/// Leaves out a batch of every epoch, if it is told to.
struct Careless<S> {
    session: S,
    left_out: Option<usize>,
}

impl<S: Session> Session for Careless<S> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        self.session.set_parameters(values)
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        self.session.get_parameters(values)
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        self.session.train_step(batch)
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let Some(left_out) = self.left_out else { return self.session.train_epoch(order, batch_size) };
        let batches = order.chunks(batch_size).enumerate().filter(|(place, _)| *place != left_out);
        let kept: Vec<u32> = batches.flat_map(|(_, batch)| batch).copied().collect();
        let Outcome { loss, correct, .. } = self.session.train_epoch(&kept, batch_size)?;
        Ok(Outcome::new(loss, correct * order.len() as u64 / kept.len() as u64))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        self.session.predict(split, indices, batch_size, logits)
    }
}

/// What all audits of one kind have measured.
#[derive(Default)]
struct Found {
    audits: usize,
    failed: usize,
    /// By check: the smallest and the largest, and how many there are.
    measured: BTreeMap<String, (f64, f64, usize)>,
}

struct Lab<'l> {
    plugin: &'l Plugin,
    subject: Subject<'l>,
    specs: Vec<ParameterSpec>,
}

impl<'l> Lab<'l> {
    fn open(
        &self,
        request: OpenRequest<'l>,
        left_out: Option<usize>,
    ) -> Result<Box<dyn Session + 'l>, Error> {
        Ok(Box::new(Careless { session: self.plugin.open(&request)?, left_out }))
    }

    fn parameters(&self, session: &mut dyn Session) -> Vec<Vec<f32>> {
        let mut values: Vec<Vec<f32>> = self.specs.iter().map(|spec| vec![0.0; spec.len()]).collect();
        let mut places: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
        session.get_parameters(&mut places).expect("parameters can be read");
        values
    }

    /// Trains on two threads, and audits each epoch on `threads`.
    fn run(&self, seed: u64, left_out: Option<usize>, threads: usize, found: &mut Found) {
        let Subject { workload, dataset, .. } = &self.subject;
        let request =
            OpenRequest::new(workload.model.clone(), *dataset, workload.batch_size, workload.learning_rate)
                .with_optimiser(workload.optimiser)
                .with_implementation(&*self.subject.implementation)
                .with_device("cpu")
                .with_threads(2);
        let mut session = self.open(request, left_out).expect("a session opens");
        let convention = self.subject.running_variance;
        let mut start =
            workload::initial_parameters(&workload.model, convention, seed).expect("it has parameters");
        let slices: Vec<&[f32]> = start.iter().map(Vec::as_slice).collect();
        session.set_parameters(&slices).expect("parameters can be set");
        let subject = Subject { seed, threads, ..self.subject.clone() };
        let steps = dataset.train.count().div_ceil(workload.batch_size);
        for number in 1..=EPOCHS {
            let order = workload::epoch_order(dataset.train.count() as u32, seed, number);
            let outcome = session.train_epoch(&order, workload.batch_size).expect("it trains");
            let end = self.parameters(&mut *session);
            let timed = TimedEpoch { number, start: &start, end: &end, outcome };
            let held: Vec<usize> =
                (0..HELD_STEPS).map(|place| (seed as usize * 31 + place * 59) % steps).collect();
            let mut open = |request| self.open(request, left_out);
            let checks = audit(&subject, timed, &held, &mut open, &mut |_| {}).expect("it can be audited");
            found.audits += 1;
            found.failed += usize::from(checks.iter().any(|check| !check.passed));
            for check in checks {
                if let Some(value) = check.measured {
                    let (least, most, count) =
                        found.measured.entry(check.name).or_insert((f64::INFINITY, 0.0, 0));
                    (*least, *most, *count) = (least.min(value), most.max(value), *count + 1);
                }
            }
            start = end;
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, name, implementation, seeds] = &arguments[..] else {
        eprintln!("audit_limits LIBRARY WORKLOAD IMPLEMENTATION SEEDS");
        std::process::exit(2);
    };
    let prepared = data::obtain(&DataRequest::default(), &mut |_| ()).expect("there is a data set");
    let mapped = prepared.map().expect("it can be mapped");
    // SAFETY: whoever runs this names a library that he trusts.
    let plugin = unsafe { Plugin::load(Path::new(library)) }.expect("it is a plugin");
    let description = plugin.describe().expect("it describes itself");
    let known = description.implementations.iter().find(|one| one.name == *implementation);
    let workload = workload::find(name).expect("there is such a workload");
    let subject = Subject {
        dataset: mapped.dataset(),
        implementation: implementation.clone(),
        running_variance: known.map_or(RunningVariance::UnbiasedFromOne, |one| one.running_variance),
        device: "cpu".to_owned(),
        threads: 2,
        seed: 1,
        workload,
    };
    let specs = subject.workload.model.parameters().expect("it has parameters");
    let lab = Lab { plugin: &plugin, subject, specs };
    let mut all: [Found; 3] = Default::default();
    for seed in 1..=seeds.parse().expect("a number of seeds") {
        lab.run(seed, None, 2, &mut all[0]);
        lab.run(seed, None, 1, &mut all[1]);
        lab.run(seed, Some((seed as usize * 47) % 234), 1, &mut all[2]);
    }
    for (what, found) in ["honest", "honest, other threads", "one batch left out"].iter().zip(&all) {
        println!("{name}/{implementation}, {what}: {} of {} audits failed", found.failed, found.audits);
        for (check, (least, most, count)) in &found.measured {
            println!("  {check:<46} {least:.1e} to {most:.1e} ({count})");
        }
    }
}
