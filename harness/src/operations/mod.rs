//! Single operations, so that a framework's author sees which one is slow: a
//! training step, a prediction, and layers at LeNet's shapes, forward and backward.
//!
//! A layer cannot be called alone through the plugin table, so its time is a
//! difference of models that differ by it: [`Operation::terms`]. A worker times the models
//! of one operation in turn, so that whatever slows the machine slows all.
//! `docs/method.md` defines the rows.

mod definition;
mod interval;
mod own;
mod run;
mod samples;
mod table;

pub use definition::{BATCH, BATCHES, Call, Data, Operation, PREDICTED, Sign, Term, all};
pub use interval::{FEWEST_SAMPLES, median_interval};
pub use run::{OperationBench, workloads};
pub use samples::TermSamples;
pub use table::{line, render};

use anyhow::{Context, bail};
use trainmark_reports::operations::OperationInfo;
use trainmark_reports::record::Implementation;

use crate::plan::Selection;
use crate::workload::Workload;

/// Every operation of these workloads, in the order of the table's rows; those at LeNet's shapes
/// where none is named.
///
/// # Errors
/// Where a model's shapes do not fit.
pub fn of_workloads(workloads: &[Workload]) -> Result<Vec<Operation>, trainmark_plugin::Error> {
    match workloads {
        [] => all(),
        some => Ok(some.iter().map(own::all_of).collect::<Result<Vec<_>, _>>()?.concat()),
    }
}

/// The operation of a name.
///
/// # Errors
/// Where there is none.
pub fn find(name: &str, workloads: &[Workload]) -> anyhow::Result<Operation> {
    let found = of_workloads(workloads)?.into_iter().find(|operation| operation.name == name);
    found.with_context(|| format!("no operation {name}"))
}

/// The operations whose names hold one of the texts; without a text all.
///
/// # Errors
/// Where no name holds a text.
pub fn matching(texts: &[String], workloads: &[Workload]) -> anyhow::Result<Vec<Operation>> {
    let mut operations = of_workloads(workloads)?;
    for text in texts {
        if !operations.iter().any(|operation| operation.name.contains(text.as_str())) {
            let names: Vec<&str> = operations.iter().map(|operation| &*operation.name).collect();
            bail!("no operation has `{text}` in its name; there are: {}", names.join(", "));
        }
    }
    operations.retain(|operation| texts.is_empty() || texts.iter().any(|text| operation.name.contains(text)));
    Ok(operations)
}

/// What implementations that the user names leave out of the operations, selection by selection:
/// each operation is computed either with batch norm or without.
///
/// # Errors
/// Where nothing is left.
pub fn left_out(selections: &[String], operations: &[Operation]) -> anyhow::Result<Vec<String>> {
    let selections = selections.iter().map(|text| Selection::parse(text));
    let selections: Vec<Selection> = selections.collect::<Result<_, _>>()?;
    let mut told = Vec::new();
    for selection in selections.iter().filter(|one| one.implementation.is_some()) {
        let of_backend: Vec<&Selection> =
            selections.iter().filter(|other| other.is_of_same(selection)).collect();
        let names: Vec<&str> = operations
            .iter()
            .filter(|operation| !of_backend.iter().any(|one| one.asks_for(operation)))
            .map(|operation| &*operation.name)
            .collect();
        // Whoever names `none` does not wonder where batch norm is.
        if names.len() == operations.len() || !names.is_empty() && !selection.is_plain() {
            told.push(selection.leaves_out(&names));
        }
    }
    if !operations.iter().any(|operation| selections.iter().any(|one| one.asks_for(operation))) {
        bail!("nothing to run: {}", told.join("; "));
    }
    Ok(told)
}

impl Selection {
    fn asks_for(&self, operation: &Operation) -> bool {
        self.implementation.as_deref().is_none_or(|implementation| operation.is_of(implementation))
    }

    fn is_plain(&self) -> bool {
        self.implementation.as_deref() == Some(Implementation::NONE)
    }

    fn leaves_out(&self, names: &[&str]) -> String {
        let both = Self { implementation: None, ..self.clone() };
        let with = if self.is_plain() { "with" } else { "without" };
        let mut text =
            format!("{self} leaves out {}, computed {with} batch norm: name {both}", names.join(", "));
        if !self.is_plain() {
            text +=
                &format!(", or {}", Self { implementation: Some(Implementation::NONE.to_owned()), ..both });
        }
        text
    }
}

/// What a record keeps of the operations.
///
/// # Errors
/// As [`of_workloads`].
pub fn infos(workloads: &[Workload]) -> Result<Vec<OperationInfo>, trainmark_plugin::Error> {
    let info = |operation: Operation| OperationInfo {
        name: operation.name,
        summary: operation.summary,
        multiply_adds: operation.multiply_adds,
    };
    Ok(of_workloads(workloads)?.into_iter().map(info).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_named_implementation_leaves_out_is_told() {
        let told = |selections: &[&str], filter: &str| {
            let selections: Vec<String> = selections.iter().map(|&text| text.to_owned()).collect();
            left_out(&selections, &matching(&[filter.to_owned()], &[]).unwrap())
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            told(&["a/builtin@cpu", "b"], "1"),
            Ok(vec![
                "a/builtin@cpu leaves out conv1, pool1, sigmoid1, linear1, computed without batch norm: name \
                 a@cpu, or a/none@cpu"
                    .to_owned()
            ])
        );
        for selections in [&["a/none"] as &[&str], &["a/builtin", "a/none"], &["a/builtin", "a"], &["a"]] {
            assert_eq!(told(selections, "1"), Ok(Vec::new()));
        }
        let without = "a/builtin leaves out conv1, computed without batch norm: name a, or a/none";
        assert_eq!(told(&["a/builtin"], "conv1"), Err(format!("nothing to run: {without}")));
        assert_eq!(told(&["a/builtin", "b"], "conv1"), Ok(vec![without.to_owned()]));
        let with = "nothing to run: a/none leaves out predict, computed with batch norm: name a";
        assert_eq!(told(&["a/none"], "predict"), Err(with.to_owned()));
    }

    #[test]
    fn operations_are_chosen_by_parts_of_their_names() {
        let names = |texts: &[&str]| -> Vec<String> {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            matching(&texts, &[]).unwrap().into_iter().map(|operation| operation.name).collect()
        };
        assert_eq!(names(&["norm1", "conv"]), ["batch_norm1", "conv1", "conv2"]);
        assert_eq!(names(&[]).len(), all().unwrap().len());
        let error = matching(&["conv".to_owned(), "conv7".to_owned()], &[]).unwrap_err().to_string();
        assert!(
            error.starts_with("no operation has `conv7` in its name; there are: train_step, "),
            "{error}"
        );
    }
}
