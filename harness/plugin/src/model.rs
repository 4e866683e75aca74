//! A model as data: a list of layers that a backend builds with its framework.

use std::collections::BTreeMap;

use crate::branches::{Branches, Reads, Source};
use crate::error::Error;
use crate::layer::{Layer, Shape, output_shape};

/// What a parameter tensor is for. A match on it is exhaustive, as on [`Layer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Weight of a convolution or linear layer.
    Weight,
    /// Bias of a convolution or linear layer.
    Bias,
    /// Batch norm's scale γ.
    Gamma,
    /// Batch norm's shift β.
    Beta,
    /// Batch norm's running mean (no gradient).
    RunningMean,
    /// Batch norm's running variance (no gradient).
    RunningVariance,
}

impl Role {
    /// Name as it stands behind the dot of a parameter's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::RunningMean => "running_mean",
            Self::RunningVariance => "running_var",
        }
    }

    /// Whether gradient descent changes it.
    pub fn is_trainable(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVariance)
    }
}

/// Name, role and shape of one parameter tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterSpec {
    /// `<layer index>.<role>`, such as `0.weight` or `1.running_mean`.
    pub name: String,
    /// Index into [`Model::layers`].
    pub layer: usize,
    /// What it is for.
    pub role: Role,
    /// Row-major shape: conv (out, in, k, k), linear (out, in), others (channels).
    pub shape: Vec<usize>,
    /// Inputs that feed one output: in·k·k for conv, in for linear, 0 for batch norm.
    pub fan_in: usize,
    /// out·k·k for conv, out for linear, 0 for batch norm.
    pub fan_out: usize,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the tensor holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A model whose last layer yields one logit per class; the loss is the mean cross-entropy of the
/// batch. Each layer reads the output of the one before it, unless [`Model::with_source`] says
/// otherwise; [`Layer::Add`] reads a second value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// Name of the workload it belongs to, for messages only.
    pub name: String,
    /// Shape of one input sample.
    pub input: Shape,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// What layers read that do not read the output of the one before; no other is in here.
    sources: BTreeMap<usize, Source>,
}

/// A layer that does not fit, and why; none: the model's input.
struct Misfit {
    layer: Option<usize>,
    why: String,
}

impl Model {
    /// A model of layers in a row, whose shapes need not fit yet.
    pub fn new(name: impl Into<String>, input: Shape, layers: impl Into<Vec<Layer>>) -> Self {
        Self { name: name.into(), input, layers: layers.into(), sources: BTreeMap::new() }
    }

    /// The same, but that this layer reads this value.
    #[must_use]
    pub fn with_source(mut self, layer: usize, source: Source) -> Self {
        if source == Source::before(layer) {
            self.sources.remove(&layer);
        } else {
            self.sources.insert(layer, source);
        }
        self
    }

    /// What a layer reads; an `add` reads another value too.
    pub fn source(&self, layer: usize) -> Source {
        self.sources.get(&layer).copied().unwrap_or(Source::before(layer))
    }

    /// All that a layer reads.
    pub fn reads(&self, layer: usize) -> Reads {
        let second = match self.layers[layer] {
            Layer::Add { other } => Some(other),
            _ => None,
        };
        Reads { first: self.source(layer), second }
    }

    /// Whether each layer reads the output of the one before it and nothing else.
    pub fn is_sequential(&self) -> bool {
        self.sources.is_empty() && !self.layers.iter().any(|layer| matches!(layer, Layer::Add { .. }))
    }

    /// Refuses branches, for a backend that does layers in a row.
    ///
    /// # Errors
    /// `unsupported`, naming the first layer that reads something else than the output of the one before.
    pub fn check_sequential(&self) -> Result<(), Error> {
        let branches = |index: &usize| {
            matches!(self.layers[*index], Layer::Add { .. }) || self.sources.contains_key(index)
        };
        match (0..self.layers.len()).find(branches) {
            None => Ok(()),
            Some(index) => Err(Error::unsupported(format!(
                "layer {index} ({}) of model {}: layers that read something else than the output of the layer before \
                 are not done",
                self.layers[index].kind(),
                self.name
            ))),
        }
    }

    /// How values pass through the layers.
    ///
    /// # Errors
    /// As [`Model::shapes`].
    pub fn branches(&self) -> Result<Branches, Error> {
        self.shapes()?;
        Ok(Branches::new((0..self.layers.len()).map(|layer| self.reads(layer)).collect()))
    }

    /// Output shape of every layer.
    ///
    /// # Errors
    /// `Invalid`, naming the layer, where a layer does not fit what it reads, its output or weight is
    /// empty or has 2³² values or more, or no layer reads its output.
    pub fn shapes(&self) -> Result<Vec<Shape>, Error> {
        self.fitted().map_err(|Misfit { layer, why }| {
            Error::invalid(match layer {
                None => format!("the input of model {}: {why}", self.name),
                Some(index) => {
                    format!("layer {index} ({}) of model {}: {why}", self.layers[index].kind(), self.name)
                }
            })
        })
    }

    /// Index of the layer of which [`Model::shapes`] says that it does not fit.
    pub fn misfit(&self) -> Option<usize> {
        self.fitted().err()?.layer
    }

    fn fitted(&self) -> Result<Vec<Shape>, Misfit> {
        self.input.check_size().map_err(|why| Misfit { layer: None, why })?;
        let mut shapes = Vec::with_capacity(self.layers.len());
        for index in 0..self.layers.len() {
            let output = self.output(index, &shapes);
            let output = output.and_then(|output| output.check_size().map(|()| output));
            shapes.push(output.map_err(|why| Misfit { layer: Some(index), why })?);
        }
        match self.unread() {
            None => Ok(shapes),
            Some(layer) => Err(Misfit { layer: Some(layer), why: "no layer reads its output".into() }),
        }
    }

    /// Shape of a layer's output, from those of the layers before it.
    fn output(&self, index: usize, before: &[Shape]) -> Result<Shape, String> {
        let of = |source: Source| match source {
            Source::Input => Ok(self.input),
            Source::Layer(layer) => before
                .get(layer)
                .copied()
                .ok_or_else(|| format!("it reads {source}, which does not come before it")),
        };
        let Reads { first, second } = self.reads(index);
        let input = of(first)?;
        let Some(other) = second else { return output_shape(&self.layers[index], input) };
        let added = of(other)?;
        if other == first {
            return Err(format!("it adds {other} to itself"));
        }
        if added != input {
            return Err(format!("it adds {other}, {added}, to {first}, {input}: both must have one shape"));
        }
        output_shape(&self.layers[index], input)
    }

    /// The first layer but the last whose output nothing reads.
    fn unread(&self) -> Option<usize> {
        let mut is_read = vec![false; self.layers.len() + 1];
        for layer in 0..self.layers.len() {
            self.reads(layer).all().for_each(|source| is_read[source.place()] = true);
        }
        (0..self.layers.len().saturating_sub(1)).find(|&layer| !is_read[Source::Layer(layer).place()])
    }

    /// Shape of what every layer reads.
    ///
    /// # Errors
    /// As [`Model::shapes`].
    pub fn input_shapes(&self) -> Result<Vec<Shape>, Error> {
        let outputs = self.shapes()?;
        let of = |source| match source {
            Source::Input => self.input,
            Source::Layer(layer) => outputs[layer],
        };
        Ok((0..self.layers.len()).map(|layer| of(self.source(layer))).collect())
    }

    /// Whether gradients of what each layer reads are needed: something with parameters comes before.
    ///
    /// # Errors
    /// As [`Model::shapes`].
    pub fn input_gradients(&self) -> Result<Vec<bool>, Error> {
        let parameters = self.parameters()?;
        // Of the input and of every output.
        let mut is_trained = vec![false];
        let mut needed = Vec::with_capacity(self.layers.len());
        for index in 0..self.layers.len() {
            let from_before = self.reads(index).all().any(|source| is_trained[source.place()]);
            needed.push(from_before);
            is_trained.push(from_before || parameters.iter().any(|spec| spec.layer == index));
        }
        Ok(needed)
    }

    /// Logits per sample.
    ///
    /// # Errors
    /// `Invalid` where a layer does not fit, or the last layer gives an image.
    pub fn classes(&self) -> Result<usize, Error> {
        match self.shapes()?.last() {
            Some(&Shape::Vector(classes)) => Ok(classes),
            _ => Err(Error::invalid(format!("model {} does not end in a vector of logits", self.name))),
        }
    }

    /// Every parameter tensor, in layer order: weight, bias where there is one; γ, β, running mean,
    /// running variance. This order is the order of all parameter lists.
    ///
    /// # Errors
    /// As [`Model::shapes`].
    pub fn parameters(&self) -> Result<Vec<ParameterSpec>, Error> {
        let inputs = self.input_shapes()?;
        let mut specs = Vec::new();
        for (index, (layer, input)) in self.layers.iter().zip(inputs).enumerate() {
            let mut push = |role: Role, shape: Vec<usize>, fan_in, fan_out| {
                specs.push(ParameterSpec {
                    name: format!("{index}.{}", role.name()),
                    layer: index,
                    role,
                    shape,
                    fan_in,
                    fan_out,
                });
            };
            match *layer {
                Layer::Conv2d { out_channels, kernel, bias, .. } => {
                    let taps = kernel * kernel;
                    let (fan_in, fan_out) = (input.channels() * taps, out_channels * taps);
                    push(Role::Weight, vec![out_channels, input.channels(), kernel, kernel], fan_in, fan_out);
                    if bias {
                        push(Role::Bias, vec![out_channels], fan_in, fan_out);
                    }
                }
                Layer::Linear { out_features, bias } => {
                    push(Role::Weight, vec![out_features, input.len()], input.len(), out_features);
                    if bias {
                        push(Role::Bias, vec![out_features], input.len(), out_features);
                    }
                }
                Layer::BatchNorm { .. } => {
                    for role in [Role::Gamma, Role::Beta, Role::RunningMean, Role::RunningVariance] {
                        push(role, vec![input.channels()], 0, 0);
                    }
                }
                _ => {}
            }
        }
        Ok(specs)
    }

    /// Whether any layer is a batch norm.
    pub fn has_batch_norm(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::BatchNorm { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(input: Shape, layers: Vec<Layer>) -> Model {
        Model::new("m", input, layers)
    }

    fn image(channels: usize, height: usize, width: usize) -> Shape {
        Shape::Image { channels, height, width }
    }

    #[test]
    fn a_layer_without_a_bias_has_a_weight_alone() {
        let convolution = Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 0, bias: false };
        let layers = vec![convolution, Layer::Flatten, Layer::Linear { out_features: 10, bias: false }];
        let specs = model(image(1, 5, 5), layers).parameters().unwrap();
        let found: Vec<_> = specs.iter().map(|spec| (&*spec.name, spec.fan_in, spec.len())).collect();
        assert_eq!(found, [("0.weight", 25, 150), ("2.weight", 6, 60)]);
    }

    #[test]
    fn shapes_and_parameters_of_the_chapters_first_block() {
        let model = model(
            image(1, 28, 28),
            vec![
                Layer::Conv2d { out_channels: 6, kernel: 5, stride: 1, padding: 0, bias: true },
                Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 },
                Layer::Sigmoid,
                Layer::MaxPool2d { window: 2, stride: 2 },
                Layer::Flatten,
                Layer::Linear { out_features: 10, bias: true },
            ],
        );
        let shapes = model.shapes().unwrap();
        let conv = image(6, 24, 24);
        assert_eq!(
            shapes,
            [conv, conv, conv, image(6, 12, 12), Shape::Vector(6 * 12 * 12), Shape::Vector(10)]
        );
        let names: Vec<_> =
            model.parameters().unwrap().into_iter().map(|spec| (spec.name, spec.shape)).collect();
        let expected = [
            ("0.weight", vec![6, 1, 5, 5]),
            ("0.bias", vec![6]),
            ("1.gamma", vec![6]),
            ("1.beta", vec![6]),
            ("1.running_mean", vec![6]),
            ("1.running_var", vec![6]),
            ("5.weight", vec![10, 864]),
            ("5.bias", vec![10]),
        ];
        assert_eq!(names, expected.map(|(name, shape)| (name.to_owned(), shape)));
    }

    #[test]
    fn impossible_sizes_name_the_layer() {
        let huge = u32::MAX as usize;
        let cases = [
            (
                image(huge, huge, huge),
                Layer::Sigmoid,
                "the input of model m: a tensor has 2³² values or more",
            ),
            (image(1, 0, 28), Layer::Sigmoid, "the input of model m: it holds no value"),
            (
                image(1, 28, 28),
                Layer::Resize { height: huge, width: huge },
                "layer 0 (resize) of model m: a tensor has 2³² values or more",
            ),
            (
                image(1, 28, 28),
                Layer::Conv2d { out_channels: 1, kernel: huge, stride: 1, padding: huge, bias: true },
                "layer 0 (conv2d) of model m: a tensor has 2³² values or more",
            ),
            (
                Shape::Vector(1 << 20),
                Layer::Linear { out_features: 1 << 20, bias: true },
                "layer 0 (linear) of model m: a tensor has 2³² values or more",
            ),
            (
                image(1, 28, 28),
                Layer::MaxPool2d { window: 29, stride: 1 },
                "layer 0 (max_pool2d) of model m: window 29 is larger than the input's side 28",
            ),
        ];
        for (input, layer, message) in cases {
            assert_eq!(model(input, vec![layer]).shapes().unwrap_err(), Error::invalid(message));
        }
    }

    /// A convolution and a way around it: 0 → 1, 2 = 1 + 0.
    fn residual() -> Model {
        let layers = vec![
            Layer::Relu,
            Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 1, bias: true },
            Layer::Add { other: Source::Layer(0) },
            Layer::Flatten,
        ];
        model(image(2, 4, 3), layers)
    }

    #[test]
    fn a_sum_has_the_shape_of_what_it_sums() {
        let model = residual();
        assert_eq!(model.shapes().unwrap()[2], image(2, 4, 3));
        assert_eq!(model.reads(2), Reads { first: Source::Layer(1), second: Some(Source::Layer(0)) });
        assert!(!model.is_sequential());
        assert_eq!(
            model.check_sequential().unwrap_err().message,
            "layer 2 (add) of model m: layers that read something else than the output of the layer before are not \
             done"
        );
        // The relu has nothing to learn before it.
        assert_eq!(model.input_gradients().unwrap(), [false, false, true, true]);
    }

    #[test]
    fn what_reads_the_layer_before_is_a_sequence_however_it_is_said() {
        let plain = model(Shape::Vector(3), vec![Layer::Relu, Layer::Tanh]);
        let told = plain.clone().with_source(0, Source::Layer(1)).with_source(0, Source::Input);
        let told = told.with_source(1, Source::Layer(0));
        assert_eq!(told, plain);
        assert!(told.is_sequential() && told.check_sequential().is_ok());
    }

    #[test]
    fn wrong_branches_name_the_layer_and_both_shapes() {
        type Edit<'e> = &'e dyn Fn(&mut Model);
        let with = |edit: Edit| {
            let mut model = residual();
            edit(&mut model);
            (model.shapes().unwrap_err().message, model.misfit())
        };
        let other = |source| move |model: &mut Model| model.layers[2] = Layer::Add { other: source };
        let source =
            |layer, source| move |model: &mut Model| *model = model.clone().with_source(layer, source);
        let cases: [(Edit, usize, &str); 6] = [
            (&other(Source::Layer(2)), 2, "it reads the output of layer 2, which does not come before it"),
            (&other(Source::Layer(7)), 2, "it reads the output of layer 7, which does not come before it"),
            (
                &source(1, Source::Layer(3)),
                1,
                "it reads the output of layer 3, which does not come before it",
            ),
            (&other(Source::Layer(1)), 2, "it adds the output of layer 1 to itself"),
            (
                &|model| {
                    model.layers[1] =
                        Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 0, bias: true }
                },
                2,
                "it adds the output of layer 0, 2×4×3, to the output of layer 1, 2×2×1: both must have one shape",
            ),
            (&source(3, Source::Layer(0)), 2, "no layer reads its output"),
        ];
        for (edit, layer, why) in cases {
            let (message, misfit) = with(edit);
            assert!(message.ends_with(&format!(" of model m: {why}")), "{message}");
            assert_eq!(misfit, Some(layer), "{message}");
        }
    }

    proptest! {
        /// So that a plugin that knows no `add` answers `unsupported` and never computes another
        /// model: what branches has one.
        #[test]
        fn a_model_without_add_that_fits_is_a_sequence(sources in proptest::collection::vec(0_usize..6, 6)) {
            let mut model = model(Shape::Vector(2), vec![Layer::Relu; 6]);
            for (layer, place) in sources.into_iter().enumerate() {
                model = model.with_source(layer, Source::before(place));
            }
            prop_assert_eq!(model.shapes().is_ok(), model.is_sequential());
        }

        #[test]
        fn arbitrary_sizes_never_overflow(
            input in any::<[u32; 3]>(),
            conv in any::<[u32; 4]>(),
            features in any::<u32>(),
        ) {
            let [channels, height, width] = input.map(|side| side as usize);
            let [out_channels, kernel, stride, padding] = conv.map(|side| side as usize);
            let model = model(
                image(channels, height, width),
                vec![
                    Layer::Conv2d { out_channels, kernel, stride, padding, bias: true },
                    Layer::Flatten,
                    Layer::Linear { out_features: features as usize, bias: true },
                ],
            );
            if let Ok(parameters) = model.parameters() {
                prop_assert!(parameters.iter().all(|spec| (1..=u32::MAX as usize).contains(&spec.len())));
            }
        }
    }
}
