//! Single operations, so that a framework's author sees which one is slow: a
//! training step, a prediction, and layers at LeNet's shapes, forward and backward.
//!
//! A layer cannot be called alone through the plugin table, so its time is a
//! difference of models that differ by it: [`Operation::terms`]. A worker times the models
//! of one operation in turn, so that whatever slows the machine slows all.
//! `docs/method.md` defines the rows.

mod definition;
mod inputs;
mod interval;
mod run;
mod table;

pub use definition::{BATCH, BATCHES, Call, Data, Operation, PREDICTED, Sign, Term, all};
pub use inputs::Inputs;
pub use interval::{FEWEST_SAMPLES, median_interval};
pub use run::{Run, workloads};
pub use table::{line, render};

use anyhow::{Context, bail};
use trainmark_reports::operations::OperationInfo;

/// The operation of a name.
///
/// # Errors
/// Where there is none.
pub fn find(name: &str) -> anyhow::Result<Operation> {
    let found = all()?.into_iter().find(|operation| operation.name == name);
    found.with_context(|| format!("no operation {name}"))
}

/// The operations whose names hold one of the texts; without a text all.
///
/// # Errors
/// Where no name holds a text.
pub fn matching(texts: &[String]) -> anyhow::Result<Vec<Operation>> {
    let mut operations = all()?;
    for text in texts {
        if !operations.iter().any(|operation| operation.name.contains(text.as_str())) {
            let names: Vec<&str> = operations.iter().map(|operation| operation.name).collect();
            bail!("no operation has `{text}` in its name; there are: {}", names.join(", "));
        }
    }
    operations.retain(|operation| texts.is_empty() || texts.iter().any(|text| operation.name.contains(text)));
    Ok(operations)
}

/// What a record keeps of the operations.
///
/// # Errors
/// As [`all`].
pub fn infos() -> Result<Vec<OperationInfo>, trainmark_plugin::Error> {
    let info = |operation: Operation| OperationInfo {
        name: operation.name.to_owned(),
        summary: operation.summary,
        multiply_adds: operation.multiply_adds,
    };
    Ok(all()?.into_iter().map(info).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_chosen_by_parts_of_their_names() {
        let names = |texts: &[&str]| -> Vec<&str> {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            matching(&texts).unwrap().iter().map(|operation| operation.name).collect()
        };
        assert_eq!(names(&["norm1", "conv"]), ["batch_norm1", "conv1", "conv2"]);
        assert_eq!(names(&[]).len(), all().unwrap().len());
        let error = matching(&["conv".to_owned(), "conv7".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("no operation has `conv7` in its name; there are: train_step, "),
            "{error}"
        );
    }
}
