//! A workload's file, written.

use std::fmt::Write as _;

use super::{EPOCHS, default_summary};
use crate::data::DatasetChoice;
use crate::workload::network::lines;
use crate::workload::{CaseInputs, Tolerances, Workload, optimiser};

impl Workload {
    /// The file that describes it.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        line(&mut text, "name", string(&self.name));
        if self.case.is_none() || self.summary != default_summary(&self.model) {
            line(&mut text, "summary", string(&self.summary));
        }
        if let Some(control) = &self.control {
            line(&mut text, "control", string(control));
        }
        if self.dataset != DatasetChoice::default() {
            line(&mut text, "dataset", string(&self.dataset.to_string()));
        }
        text.push('\n');
        text += &network(self);
        text.push('\n');
        text += &self.training_text();
        if !self.targets.is_empty() {
            text += "\n[targets]\n";
        }
        for target in &self.targets {
            line(&mut text, target.metric.key(), number(target.at_least));
        }
        if let Some(CaseInputs { seed, pixels, values }) = self.case {
            text += "\n[case]\n";
            line(&mut text, "seed", seed);
            line(&mut text, "samples", string(pixels.key()));
            line(&mut text, "values", string(&values.key()));
        }
        let tolerances = tolerances(self);
        if !tolerances.is_empty() {
            text += &format!("\n[tolerances]\n{tolerances}");
        }
        text
    }
}

impl Workload {
    /// How it is trained; of a case only what is not as it is where the file says nothing.
    fn training_text(&self) -> String {
        if self.case.is_none() {
            return format!("{}epochs = {}\n", training(self), self.epochs);
        }
        let mut text = String::new();
        if self.optimiser.has_state() {
            line(&mut text, "optimiser", string(&optimiser::describe(self.optimiser)));
        }
        if !self.has_rate_of_cases() {
            line(&mut text, "learning_rate", number(self.learning_rate));
        }
        line(&mut text, "batch_size", self.batch_size);
        if let Some(samples) = self.samples {
            line(&mut text, "samples", samples);
        }
        if self.epochs != EPOCHS {
            line(&mut text, "epochs", self.epochs);
        }
        text
    }
}

/// The parts of the file that [`Workload::definition`] is of.
pub(in crate::workload) fn defining_text(workload: &Workload) -> String {
    network(workload) + &training(workload) + &tolerances(workload)
}

fn network(workload: &Workload) -> String {
    let mut text = String::new();
    line(&mut text, "input", string(&workload.model.input.to_string()));
    if let Some([rows, columns]) = workload.resize {
        line(&mut text, "resize", string(&format!("{rows}×{columns}")));
    }
    text += "layers = [\n";
    for layer in lines(&workload.model) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {},", string(&layer));
    }
    text += "]\n";
    text
}

fn training(workload: &Workload) -> String {
    let mut text = String::new();
    line(&mut text, "optimiser", string(&optimiser::describe(workload.optimiser)));
    line(&mut text, "learning_rate", number(workload.learning_rate));
    line(&mut text, "batch_size", workload.batch_size);
    if let Some(samples) = workload.samples {
        line(&mut text, "samples", samples);
    }
    text
}

/// Those that are not what holds where a file says nothing.
fn tolerances(workload: &Workload) -> String {
    let mut text = String::new();
    let pairs = workload.tolerances.all().into_iter().zip(Tolerances::default().all());
    for ((key, value), _) in pairs.filter(|(own, default)| own != default) {
        line(&mut text, key, number(value));
    }
    text
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{key} = {value}");
}

fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// So that it is read as the same number, and as a float.
fn number(value: f64) -> String {
    format!("{value:?}")
}
