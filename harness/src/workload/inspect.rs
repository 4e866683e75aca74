//! The check of a model's design: every layer with its output shape and parameters.

use std::fmt::Write as _;

use indicatif::HumanCount;
use trainmark_plugin::{Error, Model};

use super::network::lines;
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

/// The whole check of a workload's design, as text.
///
/// # Errors
/// Where the model's shapes do not fit.
pub fn inspect(workload: &Workload) -> Result<String, Error> {
    let Workload { name, summary, model, learning_rate, batch_size, epochs, .. } = workload;
    let optimiser = workload.optimiser_words().map(|words| format!("{words}, ")).unwrap_or_default();
    let parameters = model.parameters()?;
    let of_role = |trainable: bool| -> u64 {
        let chosen = parameters.iter().filter(|spec| spec.role.is_trainable() == trainable);
        chosen.map(|spec| spec.len() as u64).sum()
    };
    let work = multiply_adds(model)?;
    let wide = width(&lines(model));
    let mut text = format!(
        "{name}: {summary}\ninput {}, batch {batch_size}, {optimiser}learning rate {learning_rate}, {}\n\n",
        model.input,
        count(*epochs as usize, "epoch")
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
}
