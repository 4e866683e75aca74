//! A network as lines, as `inspect` shows them and a workload's file has them: what a line refers to
//! elsewhere, it refers to by a label.

use std::collections::{HashMap, HashSet};

use trainmark_plugin::{Layer, Model, Reads, Shape, Source};

use super::file::{nearest, shown};
use super::layer::{self, Line};

/// What the model's input is called where a layer reads it that is not the first.
pub(super) const INPUT: &str = "input";

/// Every layer of a model as its line. A layer that others refer to has a label, which is its kind
/// and number among those of its kind, as `operations` counts them: `relu2`.
pub(super) fn lines(model: &Model) -> Vec<String> {
    let labels = labels(model);
    let name = |source: Source| match source {
        Source::Input => INPUT,
        Source::Layer(layer) => labels.get(&layer).map_or("", |label| label),
    };
    let line = |(index, layer): (usize, &Layer)| {
        let Reads { first, second } = model.reads(index);
        let label = labels.get(&index).map(|label| format!("{label}: ")).unwrap_or_default();
        let added = second.map(|other| format!(" {}", name(other))).unwrap_or_default();
        let comma = if second.is_none() && !layer::has_options(layer) { "" } else { "," };
        let from = match first == Source::before(index) {
            true => String::new(),
            false => format!("{comma} from {}", name(first)),
        };
        format!("{label}{}{added}{from}", layer::describe(layer))
    };
    model.layers.iter().enumerate().map(line).collect()
}

fn labels(model: &Model) -> HashMap<usize, String> {
    let of_layer = |index| {
        let Reads { first, second } = model.reads(index);
        [Some(first).filter(|first| *first != Source::before(index)), second]
    };
    let referred = (0..model.layers.len()).flat_map(of_layer).flatten();
    let referred: HashSet<Source> = referred.collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut labels = HashMap::new();
    for (index, layer) in model.layers.iter().enumerate() {
        let count = counts.entry(layer.kind()).or_default();
        *count += 1;
        if referred.contains(&Source::Layer(index)) {
            labels.insert(index, format!("{}{count}", layer.kind()));
        }
    }
    labels
}

/// The model of these lines.
///
/// # Errors
/// The index of the line with a label that cannot be, and why.
pub(super) fn model(name: &str, input: Shape, lines: &[Line<'_>]) -> Result<Model, (usize, String)> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut model = Model::new(name, input, lines.iter().map(|line| line.layer).collect::<Vec<_>>());
    for (index, line) in lines.iter().enumerate() {
        let find = |label: &str| find(lines, &known, label).map_err(|why| (index, why));
        if let Some(other) = line.added {
            model.layers[index] = Layer::Add { other: find(other)? };
        }
        if let Some(from) = line.from {
            model = model.with_source(index, find(from)?);
        }
        if let Some(label) = line.label
            && let Some(first) = known.insert(label, index)
        {
            return Err((index, format!("layer {first} is labelled `{}` already", shown(label))));
        }
    }
    Ok(model)
}

/// What a label means among those of the lines before.
fn find(lines: &[Line<'_>], known: &HashMap<&str, usize>, label: &str) -> Result<Source, String> {
    if label == INPUT {
        return Ok(Source::Input);
    }
    if let Some(&index) = known.get(label) {
        return Ok(Source::Layer(index));
    }
    if let Some(later) = lines.iter().position(|line| line.label == Some(label)) {
        return Err(format!("`{}` is layer {later}, which does not come before it", shown(label)));
    }
    let mut labels: Vec<&str> = known.keys().copied().collect();
    labels.sort_by_key(|label| known[label]);
    let labels = labels.into_iter().chain([INPUT]);
    Err(format!("no layer before it is labelled `{}`{}", shown(label), nearest(label, labels)))
}

/// The model without a layer: who read its output reads what it read.
pub(crate) fn without(model: &Model, removed: usize) -> Model {
    let moved = |source: Source| match source {
        Source::Layer(layer) if layer == removed => model.source(removed),
        Source::Layer(layer) if layer > removed => Source::Layer(layer - 1),
        before => before,
    };
    let kept: Vec<usize> = (0..model.layers.len()).filter(|layer| *layer != removed).collect();
    let layers = kept.iter().map(|&layer| match model.layers[layer] {
        Layer::Add { other } => Layer::Add { other: moved(other) },
        other => other,
    });
    let smaller = Model::new(model.name.clone(), model.input, layers.collect::<Vec<_>>());
    let sources = kept.iter().enumerate();
    sources.fold(smaller, |smaller, (place, &layer)| smaller.with_source(place, moved(model.source(layer))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Model, (usize, String)> {
        let lines: Vec<Line<'_>> = texts.iter().map(|text| layer::parse(text).unwrap()).collect();
        model("m", Shape::Image { channels: 2, height: 8, width: 8 }, &lines)
    }

    #[test]
    fn labels_become_sources_and_are_shown_as_kind_and_number() {
        let model = read(&[
            "conv2d 2 channels, 3×3, padding 1",
            "entry: relu",
            "batch_norm",
            "inner: tanh",
            "add input, from entry",
            "tanh, from inner",
            "conv2d 2 channels, 1×1, from inner",
            "add entry",
        ])
        .unwrap();
        assert_eq!(model.reads(4), Reads { first: Source::Layer(1), second: Some(Source::Input) });
        assert_eq!(
            lines(&model),
            [
                "conv2d 2 channels, 3×3, padding 1",
                "relu1: relu",
                "batch_norm ε 1e-5, momentum 0.1",
                "tanh1: tanh",
                "add input, from relu1",
                "tanh from tanh1",
                "conv2d 2 channels, 1×1, from tanh1",
                "add relu1",
            ]
        );
        let again: Vec<String> = lines(&model);
        assert_eq!(read(&again.iter().map(|line| &**line).collect::<Vec<_>>()), Ok(model));
    }

    #[test]
    fn a_label_that_means_nothing_is_told_with_the_nearest() {
        let wrong = [
            &["entry: relu", "tanh", "add entri"][..],
            &["entry: relu", "tanh", "add later", "later: relu"],
            &["entry: relu", "entry: tanh"],
            &["relu", "self: add self"],
            &["relu", "tanh from x"],
        ];
        let told: Vec<String> = wrong
            .iter()
            .map(|texts| read(texts).unwrap_err())
            .map(|(layer, why)| format!("layer {layer}: {why}\n"))
            .collect();
        insta::assert_snapshot!(told.concat());
    }
}
