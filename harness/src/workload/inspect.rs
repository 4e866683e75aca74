//! The check of a model's design: every layer with its output shape and parameters.

use std::fmt::Write as _;

use indicatif::HumanCount;
use trainmark_plugin::{Error, Model};

use super::network::lines;
use super::number::printed;
use super::{Workload, multiply_adds};
use crate::units::count;

/// One line per layer, its columns aligned: index, layer, output shape, parameters.
///
/// # Errors
/// Where the model's shapes do not fit.
pub fn layer_lines(model: &Model) -> Result<Vec<String>, Error> {
    let parameters = model.parameters()?;
    let layers = lines(model);
    let wide = width(&layers);
    let rows = layers.iter().zip(model.shapes()?).enumerate().map(|(index, (layer, shape))| {
        let own = parameters.iter().filter(|spec| spec.layer == index && spec.role.is_trainable());
        let count: usize = own.map(|spec| spec.len()).sum();
        let count = if count == 0 { String::new() } else { HumanCount(count as u64).to_string() };
        let line = format!("{index:>2}  {layer:<wide$} {:<9} {count:>10}", shape.to_string());
        line.trim_end().to_owned()
    });
    Ok(rows.collect())
}

/// Characters of the column with the layers: more where a label makes one long.
fn width(layers: &[String]) -> usize {
    layers.iter().map(|layer| layer.chars().count()).fold(31, usize::max)
}

/// How it is trained, behind a comma; of a case, which has its own rate, what it is tried on.
fn training(workload: &Workload) -> String {
    let optimiser = workload.optimiser_words().map(|words| format!(", {words}")).unwrap_or_default();
    let rate = format!(", learning rate {}", printed(workload.learning_rate));
    match workload.case {
        Some(case) => {
            let rate = if workload.has_rate_of_cases() { String::new() } else { rate };
            format!("{optimiser}{rate}\na case of `check --operations`: {case}")
        }
        None => format!("{optimiser}{rate}, {}", count(workload.epochs as usize, "epoch")),
    }
}

/// The whole check of a workload's design, as text.
///
/// # Errors
/// Where the model's shapes do not fit.
pub fn inspect(workload: &Workload) -> Result<String, Error> {
    let Workload { name, summary, model, .. } = workload;
    let parameters = model.parameters()?;
    let of_role = |trainable: bool| -> u64 {
        let chosen = parameters.iter().filter(|spec| spec.role.is_trainable() == trainable);
        chosen.map(|spec| spec.len() as u64).sum()
    };
    let work = multiply_adds(model)?;
    let wide = width(&lines(model));
    let mut text = format!(
        "{name}: {summary}\ninput {}, batch {}{}\n\n",
        model.input,
        workload.batch_size,
        training(workload)
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:>2}  {:<wide$} {:<10}{:>10}", "#", "layer", "output", "parameters");
    for line in layer_lines(model)? {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(
        text,
        "\nparameters: {} trained, {} running statistics",
        HumanCount(of_role(true)),
        HumanCount(of_role(false))
    );
    let _ = writeln!(
        text,
        "multiply-adds per training sample: {} (forward {}, weight gradients {}, input gradients {})",
        HumanCount(work.total()),
        HumanCount(work.forward),
        HumanCount(work.weight_gradients),
        HumanCount(work.input_gradients)
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{lenet_bn, softmax};

    #[test]
    fn the_design_check_reads_well() {
        insta::assert_snapshot!(inspect(&lenet_bn()).unwrap());
        insta::assert_snapshot!(inspect(&softmax()).unwrap());
    }

    /// It is not told what the file does not have.
    #[test]
    fn a_case_is_shown_with_what_it_is_tried_on() {
        let text = "name = \"case\"\ninput = \"1×2×2\"\nlayers = [\"flatten\", \"linear 2\"]\nbatch_size = 3\n\n\
                    [case]\nseed = 7\nsamples = \"black and white\"\nvalues = \"times 2^-12\"\n";
        let head = |text: &str| {
            let shown = inspect(&Workload::from_toml(text).unwrap()).unwrap();
            shown.lines().skip(1).take(2).collect::<Vec<_>>().join("\n")
        };
        let of_case =
            "\na case of `check --operations`: seed 7, samples: black and white, values: times 2^-12";
        assert_eq!(head(text), format!("input 1×2×2, batch 3{of_case}"));
        let trained = text.replace("batch", "optimiser = \"momentum\"\nlearning_rate = 0.5\nbatch");
        assert_eq!(head(&trained), format!("input 1×2×2, batch 3, momentum 0.9, learning rate 0.5{of_case}"));
    }
}
