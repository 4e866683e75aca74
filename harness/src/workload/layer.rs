//! A layer in words: as `inspect` shows it, and as a workload's file has it.

use std::fmt::Write as _;
use std::str::FromStr;

use trainmark_plugin::{Layer, Shape, Source};

use super::file::{nearest, shown};
use super::network::INPUT;
use super::number::{self, printed};

/// No image is made larger along a side.
const MOST_SIDE: usize = 1024;

/// How each kind is written. What stands in brackets may be left out; the first word is its name.
const FORMS: [&str; 12] = [
    "conv2d 6 channels, 5×5[, stride 1][, padding 0][, no bias]",
    "batch_norm[ ε 1e-5][, momentum 0.1]",
    "sigmoid",
    "relu",
    "tanh",
    "max_pool2d 2×2[, stride 2]",
    "avg_pool2d 2×2[, stride 2]",
    "flatten",
    "linear 120[, no bias]",
    "dropout 0.5",
    "resize 14×14",
    "add LABEL",
];

/// What a line says of a layer. What labels mean hangs on the lines before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'t> {
    /// What other lines call it.
    pub(super) label: Option<&'t str>,
    /// Of an `add`, what is added is not known yet.
    pub(super) layer: Layer,
    /// The label of what it reads, where that is not the output of the layer before.
    pub(super) from: Option<&'t str>,
    /// The label of what an `add` adds.
    pub(super) added: Option<&'t str>,
}

/// Whether anything stands behind its kind.
pub(super) fn has_options(layer: &Layer) -> bool {
    !matches!(layer, Layer::Sigmoid | Layer::Relu | Layer::Tanh | Layer::Flatten)
}

/// A layer as a line, such as `conv2d 6 channels, 5×5, padding 2`; of an `add` without what is added.
pub(super) fn describe(layer: &Layer) -> String {
    let kind = layer.kind();
    match *layer {
        Layer::Conv2d { out_channels, kernel, stride, padding, bias } => {
            let mut text = format!("{kind} {out_channels} channels, {kernel}×{kernel}");
            // Writing to a string cannot fail.
            if stride != 1 {
                let _ = write!(text, ", stride {stride}");
            }
            if padding != 0 {
                let _ = write!(text, ", padding {padding}");
            }
            text + without(bias)
        }
        Layer::BatchNorm { epsilon, momentum } => {
            format!("{kind} ε {epsilon:e}, momentum {}", printed(momentum))
        }
        Layer::MaxPool2d { window, stride } | Layer::AvgPool2d { window, stride } => {
            format!("{kind} {window}×{window}, stride {stride}")
        }
        Layer::Linear { out_features, bias } => format!("{kind} {out_features}{}", without(bias)),
        Layer::Dropout { rate } => format!("{kind} {}", printed(rate)),
        Layer::Resize { height, width } => format!("{kind} {height}×{width}"),
        Layer::Sigmoid | Layer::Relu | Layer::Tanh | Layer::Flatten | Layer::Add { .. } => kind.into(),
    }
}

/// What stands behind a layer that has no bias.
fn without(bias: bool) -> &'static str {
    if bias { "" } else { ", no bias" }
}

/// What a line says.
///
/// # Errors
/// What of it is not understood, and how it is written.
pub(super) fn parse(text: &str) -> Result<Line<'_>, String> {
    let (label, text) = match text.split_once(':') {
        Some((label, text)) => (Some(label.trim()), text),
        None => (None, text),
    };
    if let Some(label) = label.filter(|label| !is_label(label) || *label == INPUT) {
        return Err(format!(
            "`{}` is no label: it is made of lower-case letters, digits, _ and -, begins with a letter, and is not \
             `{INPUT}`",
            shown(label)
        ));
    }
    let (kind, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let kind = kind.trim_end_matches(',');
    let form = FORMS.iter().find(|form| name_of(form) == kind);
    let Some(form) = form else {
        let what = elsewhere(kind).unwrap_or_else(|| nearest(kind, FORMS.iter().map(|form| name_of(form))));
        return Err(format!("`{}` is no layer{what}", shown(kind)));
    };
    let mut parts = Parts::new(rest);
    let from = parts.behind("from");
    let added = if kind == "add" { parts.take(|part| is_label(part).then_some(part)) } else { None };
    let layer = if kind == "add" && added.is_none() { None } else { parts.layer(kind) };
    let left = parts.rest.first();
    match (layer, left) {
        (Some(layer), None) => Ok(Line { label, layer, from, added }),
        (_, left) => {
            let what = left.map(|part| format!("`{}` is not understood: ", shown(part))).unwrap_or_default();
            let what = if left.is_none() { "something is missing: ".to_owned() } else { what };
            let source =
                if left.is_some_and(|part| part.starts_with("from")) { "[, from LABEL]" } else { "" };
            Err(format!("`{}`: {what}it is written `{form}{source}`", shown(text.trim())))
        }
    }
}

/// Refuses numbers that no layer of its kind can have, and those that backends would have as others.
///
/// # Errors
/// Which it is, and why.
pub(super) fn check_numbers(layer: &Layer) -> Result<(), String> {
    match *layer {
        Layer::BatchNorm { momentum, .. } if !(0.0..=1.0).contains(&momentum) => {
            Err(format!("momentum {} is not within 0 to 1", printed(momentum)))
        }
        Layer::BatchNorm { epsilon, .. } if !epsilon.is_finite() => Err(format!("ε {epsilon} is not finite")),
        Layer::BatchNorm { epsilon, momentum } => {
            number::check_float32(epsilon).map_err(|why| format!("ε {why}"))?;
            number::check_float32(momentum).map_err(|why| format!("momentum {why}"))
        }
        Layer::Dropout { rate } if rate.is_finite() => {
            number::check_share(rate).map_err(|why| format!("rate {why}"))
        }
        _ => Ok(()),
    }
}

/// What becomes here of a layer that other frameworks have under this name.
fn elsewhere(kind: &str) -> Option<String> {
    let name = match &*kind.to_lowercase() {
        "softmax" | "log_softmax" | "logsoftmax" => {
            return Some(": the loss has it, so leave it out; the last layer gives logits".to_owned());
        }
        "dense" | "fc" | "fully_connected" | "affine" => "linear",
        "conv" | "convolution" | "conv2" => "conv2d",
        "maxpool" | "maxpool2d" | "max_pool" | "maxpooling2d" => "max_pool2d",
        "avgpool" | "avgpool2d" | "avg_pool" | "averagepooling2d" => "avg_pool2d",
        "bn" | "batchnorm" | "batchnorm1d" | "batchnorm2d" | "batchnormalization" => "batch_norm",
        _ => return None,
    };
    let form = FORMS.iter().find(|form| name_of(form) == name)?;
    Some(format!(": here it is written `{form}`"))
}

/// What other lines can call a layer.
fn is_label(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_part)
}

/// `1×28×28`
pub(super) fn parse_image(text: &str) -> Option<Shape> {
    match sides(text)?[..] {
        [channels, height, width] => Some(Shape::Image { channels, height, width }),
        _ => None,
    }
}

/// Rows and columns of an image, as `32×32`.
pub(super) fn parse_sides(text: &str) -> Option<[usize; 2]> {
    sides(text)?
        .try_into()
        .ok()
        .filter(|sides: &[usize; 2]| sides.iter().all(|side| (1..=MOST_SIDE).contains(side)))
}

fn name_of(form: &str) -> &str {
    form.split([' ', '[']).next().unwrap_or(form)
}

/// Numbers between signs of multiplication.
fn sides(text: &str) -> Option<Vec<usize>> {
    text.split(['×', 'x']).map(|side| number(side.trim())).collect()
}

/// Plain digits: `+5` and the like are no sizes.
fn number(text: &str) -> Option<usize> {
    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// What stands behind a layer's kind. What has been understood is taken away.
struct Parts<'t> {
    rest: Vec<&'t str>,
}

impl<'t> Parts<'t> {
    /// Commas stand between them, and one may be left out in front of `from`.
    fn new(text: &'t str) -> Self {
        let parts = text.split(',').flat_map(|part| match split_from(part.trim()) {
            Some((front, from)) => [front, from],
            None => [part.trim(), ""],
        });
        Self { rest: parts.filter(|part| !part.is_empty()).collect() }
    }

    fn layer(&mut self, kind: &str) -> Option<Layer> {
        Some(match kind {
            "conv2d" => Layer::Conv2d {
                out_channels: self.take(|part| number(part.strip_suffix("channels")?.trim()))?,
                kernel: self.take(square)?,
                stride: self.labelled("stride").unwrap_or(1),
                padding: self.labelled("padding").unwrap_or(0),
                bias: self.has_bias(),
            },
            "batch_norm" => Layer::BatchNorm {
                epsilon: self.labelled("ε").or_else(|| self.labelled("epsilon")).unwrap_or(1e-5),
                momentum: self.labelled("momentum").unwrap_or(0.1),
            },
            "max_pool2d" => {
                let (window, stride) = self.pool()?;
                Layer::MaxPool2d { window, stride }
            }
            "avg_pool2d" => {
                let (window, stride) = self.pool()?;
                Layer::AvgPool2d { window, stride }
            }
            "linear" => Layer::Linear { out_features: self.take(number)?, bias: self.has_bias() },
            "dropout" => Layer::Dropout { rate: self.take(|part| part.parse().ok())? },
            "resize" => match self.take(|part| sides(part).filter(|sides| sides.len() == 2))?[..] {
                [height, width] => Layer::Resize { height, width },
                _ => return None,
            },
            "sigmoid" => Layer::Sigmoid,
            "relu" => Layer::Relu,
            "tanh" => Layer::Tanh,
            "flatten" => Layer::Flatten,
            // What is added is found by its label.
            "add" => Layer::Add { other: Source::Input },
            _ => return None,
        })
    }

    fn pool(&mut self) -> Option<(usize, usize)> {
        let window = self.take(square)?;
        Some((window, self.labelled("stride").unwrap_or(window)))
    }

    /// Whether nothing says `no bias`.
    fn has_bias(&mut self) -> bool {
        self.take(|part| (behind(part, "no")? == "bias").then_some(())).is_none()
    }

    /// The first part that is understood so.
    fn take<T>(&mut self, read: impl Fn(&'t str) -> Option<T>) -> Option<T> {
        let (place, value) =
            self.rest.iter().enumerate().find_map(|(place, part)| Some((place, read(part)?)))?;
        self.rest.remove(place);
        Some(value)
    }

    /// `stride 2`
    fn labelled<T: FromStr>(&mut self, word: &str) -> Option<T> {
        self.take(|part| behind(part, word)?.parse().ok())
    }

    /// `from relu1`
    fn behind(&mut self, word: &str) -> Option<&'t str> {
        self.take(|part| behind(part, word).filter(|label| is_label(label)))
    }
}

/// `10` and `from relu1` of `10 from relu1`
fn split_from(part: &str) -> Option<(&str, &str)> {
    let (front, _) = part.rsplit_once(char::is_whitespace)?;
    let front = front.trim_end().strip_suffix("from").filter(|front| front.ends_with(char::is_whitespace))?;
    Some((front.trim_end(), &part[front.len()..]))
}

/// What stands behind a word.
fn behind<'t>(part: &'t str, word: &str) -> Option<&'t str> {
    let (first, value) = part.split_once(char::is_whitespace)?;
    (first == word).then(|| value.trim())
}

/// The side of `5×5`.
fn square(text: &str) -> Option<usize> {
    match sides(text)?[..] {
        [height, width] if height == width => Some(height),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_understood() {
        for form in FORMS {
            let written: String = form.chars().filter(|c| !"[]".contains(*c)).collect();
            let written = written.replace("LABEL", "relu1");
            let line = parse(&written).unwrap();
            assert_eq!(name_of(form), line.layer.kind());
            let added = line.added.map(|label| format!(" {label}")).unwrap_or_default();
            assert_eq!(parse(&format!("{}{added}", describe(&line.layer))), Ok(line));
        }
    }

    #[test]
    fn what_may_be_left_out_and_how_it_may_be_typed() {
        let layer = |text: &'static str| parse(text).map(|line| line.layer);
        let conv2d = Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 2, bias: true };
        assert_eq!(layer("conv2d 6 channels, 5x5, padding 2"), Ok(conv2d));
        assert_eq!(layer(" conv2d  padding 2 ,5 × 5, 6 channels"), Ok(conv2d));
        let without = Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 0, bias: false };
        assert_eq!(layer("conv2d no  bias, 6 channels, 5×5"), Ok(without));
        assert_eq!(describe(&without), "conv2d 6 channels, 5×5, no bias");
        assert_eq!(layer("linear 3, no bias"), Ok(Layer::Linear { out_features: 3, bias: false }));
        let batch_norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
        assert_eq!(layer("batch_norm"), Ok(batch_norm));
        assert_eq!(layer("batch_norm epsilon 0.00001"), Ok(batch_norm));
        assert_eq!(layer("max_pool2d 3×3"), Ok(Layer::MaxPool2d { window: 3, stride: 3 }));
        let labelled = Line { label: Some("way-in"), layer: conv2d, from: Some("input"), added: None };
        assert_eq!(parse("way-in :conv2d 6 channels, 5×5, from input, padding 2"), Ok(labelled));
        for (with, without) in [
            ("conv2d 6 channels, 5×5, from a", "conv2d 6 channels, 5×5 from a"),
            ("linear 3, from a", "linear 3  from a"),
            ("relu, from a", "relu from a"),
            ("add a, from b", "add a from b"),
            ("add from, from from", "add from from from"),
            ("batch_norm, from a", "batch_norm from a"),
        ] {
            let line = parse(with).unwrap();
            assert!(line.from.is_some() && parse(without).as_ref() == Ok(&line), "{without}");
        }
        assert_eq!(parse_image("3x32×32"), Some(Shape::Image { channels: 3, height: 32, width: 32 }));
        assert_eq!(parse_image("784"), None);
    }

    #[test]
    fn what_is_not_understood_is_told_with_how_it_is_written() {
        let wrong = [
            "conv 6 channels, 5×5",
            "softmax",
            "Dense 10",
            "maxpool 2×2",
            "cnov2d 6 channels, 5×5",
            "conv2d 6 chanels, 5×5",
            "conv2d 6 channels, 5×3",
            "conv2d 6 channels",
            "conv2d 6 channels, 5×5, stride 1, stride 2",
            "batch_norm ε tiny",
            "linear",
            "linear -3",
            "linear 3, bias",
            "linear 3, no bias, no bias",
            "linear 99999999999999999999999",
            "sigmoid 3",
            "add",
            "add Entry",
            "add one, two",
            "relu from 3",
            "relu from",
            "add a from 3",
            "Entry: relu",
            "input: relu",
            "",
            &"x".repeat(1000),
        ];
        let messages: Vec<String> = wrong.iter().map(|text| parse(text).unwrap_err()).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
