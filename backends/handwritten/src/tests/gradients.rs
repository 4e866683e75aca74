//! Losses, gradients and running statistics against differences of the
//! float64 reference.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use trainmark_plugin::{Layer, ParameterSpec, Role, Session, Source};

use super::reference::{self, Mode, Moments};
use super::{BATCH_NORM, Case, Random, distance, image, model, norm, small_network};

/// So large that the parameters after a step are almost the gradient alone,
/// and little of it is lost to rounding. A power of two.
pub(super) const RATE: f64 = 1024.0;

/// Checks one training step on all samples of a case. Of each parameter, at
/// most `values` randomly chosen values are compared.
fn check_step(case: &Case, implementation: &str, threads: usize, values: usize) {
    Expected::of(case, values).check(case.open(implementation, threads, RATE).as_mut(), implementation);
}

/// What the reference says of one step on all samples of a case.
pub(super) struct Expected<'c> {
    case: &'c Case,
    loss: f64,
    moments: Vec<Moments>,
    /// Of each trained parameter: its index, the values that are compared, and their gradients.
    gradients: Vec<(usize, Vec<usize>, Vec<f64>)>,
}

impl<'c> Expected<'c> {
    /// Of each parameter, at most `values` randomly chosen values.
    pub(super) fn of(case: &'c Case, values: usize) -> Self {
        let parameters = case.float64_parameters();
        let (logits, moments) = reference::forward(&case.model, &parameters, &case.input(), Mode::Training);
        let specs = case.model.parameters().unwrap();
        let trained = specs.iter().enumerate().filter(|(_, spec)| spec.role.is_trainable());
        let gradients = trained.map(|(index, spec)| {
            let chosen = choose(spec, values);
            let slopes = chosen.iter().map(|&k| slope(case, &parameters, index, k)).collect();
            (index, chosen, slopes)
        });
        let gradients = gradients.collect();
        Self { case, loss: reference::loss(&logits, &case.labels), moments, gradients }
    }

    /// Checks a session at [`RATE`] that has the case's parameters.
    pub(super) fn check(&self, session: &mut dyn Session, implementation: &str) {
        let Self { case, loss, .. } = self;
        let outcome = session.train_step(&case.indices()).unwrap();
        let after = case.parameters_of(session);
        assert!((outcome.loss - loss).abs() <= 1e-5 * loss, "loss {} instead of {loss}", outcome.loss);
        self.check_gradients(&after);
        self.check_running_statistics(&after, implementation);
    }

    fn check_gradients(&self, after: &[Vec<f32>]) {
        let specs = self.case.model.parameters().unwrap();
        let all: Vec<f64> = self.gradients.iter().flat_map(|(.., expected)| expected).copied().collect();
        for (index, chosen, expected) in &self.gradients {
            let (before, after) = (&self.case.parameters[*index], &after[*index]);
            let change = |&k: &usize| (f64::from(before[k]) - f64::from(after[k])) / RATE;
            let found: Vec<f64> = chosen.iter().map(change).collect();
            // Some gradients are zero in theory, such as a bias's before batch norm:
            // what rounding leaves of them is judged by the size of all.
            let bound = 1e-4 * norm(expected) + 1e-5 * norm(&all);
            let error = distance(&found, expected);
            let name = &specs[*index].name;
            assert!(error <= bound, "{name}: off by {error} > {bound}\n{found:?}\n{expected:?}");
        }
    }

    fn check_running_statistics(&self, after: &[Vec<f32>], implementation: &str) {
        let specs = self.case.model.parameters().unwrap();
        for moments in &self.moments {
            let n = moments.count as f64;
            let unbiased = implementation == "builtin" && moments.count > 1;
            let correction = if unbiased { n / (n - 1.0) } else { 1.0 };
            for (index, spec) in specs.iter().enumerate().filter(|(_, spec)| spec.layer == moments.layer) {
                let batch: Vec<f64> = match spec.role {
                    Role::RunningMean => moments.mean.clone(),
                    Role::RunningVariance => moments.variance.iter().map(|v| v * correction).collect(),
                    _ => continue,
                };
                let before = self.case.parameters[index].iter().copied().map(f64::from);
                let expected: Vec<f64> =
                    before.zip(&batch).map(|(running, batch)| 0.9 * running + 0.1 * batch).collect();
                let found: Vec<f64> = after[index].iter().copied().map(f64::from).collect();
                let error = distance(&found, &expected);
                assert!(error <= 1e-6 * norm(&expected) + 1e-7, "{}: off by {error}", spec.name);
            }
        }
    }
}

/// All of a parameter's values, or `count` random ones.
fn choose(spec: &ParameterSpec, count: usize) -> Vec<usize> {
    let mut random = Random(spec.len() as u64);
    if spec.len() <= count {
        (0..spec.len()).collect()
    } else {
        (0..count).map(|_| (random.next() % spec.len() as u64) as usize).collect()
    }
}

/// ∂L/∂parameter by central differences.
fn slope(case: &Case, parameters: &[Vec<f64>], index: usize, k: usize) -> f64 {
    /// The shorter, the fewer kinks of a maximum lie on the way.
    const STEP: f64 = 1e-7;
    let loss_at = |shift: f64| {
        let mut parameters = parameters.to_vec();
        parameters[index][k] += shift;
        let (logits, _) = reference::forward(&case.model, &parameters, &case.input(), Mode::Training);
        reference::loss(&logits, &case.labels)
    };
    (loss_at(STEP) - loss_at(-STEP)) / (2.0 * STEP)
}

/// The layer between a convolution and a linear layer, so that gradients pass
/// through it both ways.
pub(super) fn around(layer: Layer) -> Vec<Layer> {
    vec![
        Layer::Conv2d { out_channels: 3, kernel: 2, stride: 1, padding: 0, bias: true },
        layer,
        Layer::Flatten,
        Layer::Linear { out_features: 3, bias: true },
    ]
}

/// Every kind of layer that an image can go through.
pub(super) fn image_layers() -> Vec<Layer> {
    vec![
        Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 0, bias: true },
        Layer::Conv2d { out_channels: 5, kernel: 3, stride: 2, padding: 2, bias: false },
        Layer::Conv2d { out_channels: 1, kernel: 1, stride: 3, padding: 1, bias: true },
        BATCH_NORM,
        Layer::Sigmoid,
        Layer::Relu,
        Layer::Tanh,
        Layer::MaxPool2d { window: 2, stride: 2 },
        Layer::MaxPool2d { window: 3, stride: 1 },
        Layer::MaxPool2d { window: 1, stride: 3 },
        Layer::AvgPool2d { window: 2, stride: 2 },
        Layer::AvgPool2d { window: 3, stride: 2 },
        Layer::Flatten,
        Layer::Resize { height: 9, width: 3 },
    ]
}

#[test]
fn every_layer_on_an_image() {
    for layer in image_layers() {
        for (batch, threads) in [(1, 1), (2, 2), (17, 2), (40, 3)] {
            let case = Case::new(model(image(2, 6, 7), around(layer)), batch, 7);
            check_step(&case, "primitive", threads, usize::MAX);
        }
    }
}

#[test]
fn every_layer_on_a_vector() {
    for layer in
        [BATCH_NORM, Layer::Sigmoid, Layer::Relu, Layer::Tanh, Layer::Linear { out_features: 2, bias: true }]
    {
        for (batch, threads) in [(1, 1), (2, 1), (17, 2), (40, 3)] {
            let layers = vec![
                Layer::Flatten,
                Layer::Linear { out_features: 5, bias: true },
                layer,
                Layer::Linear { out_features: 3, bias: true },
            ];
            check_step(&Case::new(model(image(1, 3, 3), layers), batch, 11), "builtin", threads, usize::MAX);
        }
    }
}

#[test]
fn all_batch_sizes_and_thread_counts() {
    for batch in [1, 2, 17, 96, 256] {
        for threads in [1, 2, 3, 20] {
            for implementation in ["primitive", "builtin"] {
                check_step(&Case::new(small_network(), batch, 3), implementation, threads, 4);
            }
        }
    }
}

#[test]
fn batch_norm_after_the_activation_and_on_the_input() {
    let layers = vec![
        BATCH_NORM,
        Layer::Conv2d { out_channels: 2, kernel: 3, stride: 1, padding: 1, bias: true },
        Layer::Relu,
        BATCH_NORM,
        Layer::AvgPool2d { window: 2, stride: 2 },
        Layer::Flatten,
        Layer::Linear { out_features: 3, bias: true },
        BATCH_NORM,
    ];
    check_step(&Case::new(model(image(2, 5, 4), layers), 33, 5), "primitive", 2, usize::MAX);
}

/// A value that is read three times, one of them a convolution's; a sum of sums; the model's input
/// read again where nothing has been trained before it, and where something has.
#[test]
fn ways_around_layers() {
    let convolution = |out_channels, kernel, padding| Layer::Conv2d {
        out_channels,
        kernel,
        stride: 1,
        padding,
        bias: true,
    };
    let layers = vec![
        Layer::Sigmoid,
        Layer::Add { other: Source::Input },
        convolution(2, 3, 1),
        BATCH_NORM,
        Layer::Tanh,
        Layer::Add { other: Source::Layer(2) },
        convolution(2, 1, 0),
        Layer::Add { other: Source::Layer(5) },
        Layer::Add { other: Source::Input },
        Layer::Flatten,
        Layer::Linear { out_features: 3, bias: true },
    ];
    let model = model(image(2, 5, 4), layers).with_source(6, Source::Layer(2));
    for (batch, threads) in [(1, 1), (17, 2), (40, 3)] {
        check_step(&Case::new(model.clone(), batch, 13), "primitive", threads, usize::MAX);
    }
}

fn image_layer() -> impl Strategy<Value = Layer> {
    prop_oneof![
        3 => (1..4_usize, 1..4_usize, 1..3_usize, 0..3_usize, any::<bool>()).prop_map(
            |(out_channels, kernel, stride, padding, bias)| Layer::Conv2d { out_channels, kernel, stride, padding, bias }
        ),
        1 => (1..4_usize, 1..4_usize).prop_map(|(window, stride)| Layer::MaxPool2d { window, stride }),
        1 => (1..4_usize, 1..4_usize).prop_map(|(window, stride)| Layer::AvgPool2d { window, stride }),
        1 => (1..7_usize, 1..7_usize).prop_map(|(height, width)| Layer::Resize { height, width }),
        3 => any_layer(),
    ]
}

fn any_layer() -> impl Strategy<Value = Layer> {
    prop_oneof![Just(BATCH_NORM), Just(Layer::Sigmoid), Just(Layer::Relu), Just(Layer::Tanh)]
}

fn vector_layer() -> impl Strategy<Value = Layer> {
    let linear = (1..6_usize, any::<bool>());
    prop_oneof![linear.prop_map(|(out_features, bias)| Layer::Linear { out_features, bias }), any_layer()]
}

/// A random model; layers that do not fit are left out.
pub(super) fn any_case() -> impl Strategy<Value = Case> {
    let layers = (
        proptest::collection::vec(image_layer(), 0..5),
        Just(vec![Layer::Flatten]),
        proptest::collection::vec(vector_layer(), 0..4),
        Just(vec![Layer::Linear { out_features: 3, bias: true }]),
    );
    let shape = (1..3_usize, 3..8_usize, 3..8_usize);
    (shape, layers, 2..40_usize, any::<u64>()).prop_map(|(shape, layers, batch, seed)| {
        let mut model = model(image(shape.0, shape.1, shape.2), Vec::new());
        for layer in [layers.0, layers.1, layers.2, layers.3].concat() {
            model.layers.push(layer);
            if model.shapes().is_err() {
                model.layers.pop();
            }
        }
        Case::new(model, batch, seed)
    })
}

/// Whether every batch norm divides by a deviation well away from 0. Where it
/// does not, it enlarges float32's rounding beyond any bound.
pub(super) fn is_well_conditioned(case: &Case) -> bool {
    let (_, moments) =
        reference::forward(&case.model, &case.float64_parameters(), &case.input(), Mode::Training);
    let well = |(mean, variance): (&f64, &f64)| *variance > 1e-3 && mean * mean < 1e3 * variance;
    moments.iter().all(|moments| moments.mean.iter().zip(&moments.variance).all(well))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        // Differences across a kink of ReLU or max are wrong, if rarely: a fixed
        // seed keeps such a case from failing some unlucky day.
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_models(case in any_case(), threads in 1..4_usize) {
        prop_assume!(is_well_conditioned(&case));
        check_step(&case, "builtin", threads, 12);
    }
}
