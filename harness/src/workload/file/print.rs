//! A workload's file, written.

use std::fmt::Write as _;

use clap::ValueEnum as _;

use super::SGD;
use crate::data::DatasetChoice;
use crate::workload::layer::describe;
use crate::workload::{Tolerances, Workload};

impl Workload {
    /// The file that describes it.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        line(&mut text, "name", string(&self.name));
        line(&mut text, "summary", string(&self.summary));
        if let Some(control) = &self.control {
            line(&mut text, "control", string(control));
        }
        if self.dataset != DatasetChoice::default() {
            let name = self.dataset.to_possible_value();
            line(&mut text, "dataset", string(name.as_ref().map_or("auto", |value| value.get_name())));
        }
        text.push('\n');
        text += &network(self);
        text.push('\n');
        text += &training(self);
        line(&mut text, "epochs", self.epochs);
        text += "\n[targets]\n";
        for target in &self.targets {
            line(&mut text, target.metric.key(), number(target.at_least));
        }
        let tolerances = tolerances(self);
        if !tolerances.is_empty() {
            text += &format!("\n[tolerances]\n{tolerances}");
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
    text += "layers = [\n";
    for layer in &workload.model.layers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {},", string(&describe(layer)));
    }
    text += "]\n";
    text
}

fn training(workload: &Workload) -> String {
    let mut text = String::new();
    line(&mut text, "optimiser", string(SGD));
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
