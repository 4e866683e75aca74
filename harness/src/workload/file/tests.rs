use proptest::prelude::*;
use trainmark_plugin::{Layer, Model, Optimiser, Shape, Source};
use trainmark_reports::record::{Metric, Target};

use super::{parse, parse_own};
use crate::data::DatasetChoice;
use crate::workload::{Tolerances, Workload, all, softmax};

const LEAST: &str = r#"name = "mine"
input = "1×28×28"
layers = ["flatten", "linear 10"]
learning_rate = 1
batch_size = 64
targets.train_accuracy = 0.5
"#;

fn message(text: &str) -> String {
    parse(text).expect_err("it is wrong").to_string()
}

#[test]
fn what_may_be_left_out_has_its_usual_value() {
    let mine = parse(LEAST).unwrap();
    let target = Target { metric: Metric::TrainAccuracy, at_least: 0.5 };
    let expected = Workload {
        name: "mine".to_owned(),
        summary: "2 layers on 1×28×28".to_owned(),
        model: Model::new("mine", softmax().model.input, softmax().model.layers),
        learning_rate: 1.0,
        batch_size: 64,
        targets: vec![target],
        ..softmax()
    };
    assert_eq!(mine, expected);
}

#[test]
fn the_first_target_of_the_file_is_the_primary_one() {
    let text = LEAST.replace("targets.train", "targets.test_accuracy = 0.4\ntargets.train");
    let metrics: Vec<Metric> = parse(&text).unwrap().targets.iter().map(|target| target.metric).collect();
    assert_eq!(metrics, [Metric::TestAccuracy, Metric::TrainAccuracy]);
}

/// Each with the line that it is on.
#[test]
fn a_mistake_is_told_with_its_line_what_is_expected_and_what_was_meant() {
    let changes = [
        ("learning_rate", "lerning_rate"),
        ("learning_rate = 1", "learning_rate = \"1\""),
        ("learning_rate = 1", "learning_rate = -0.5"),
        ("learning_rate = 1", "learning_rate = nan"),
        ("learning_rate = 1", "learning_rate = 1e300"),
        ("learning_rate = 1", "learning_rate = 1e-300"),
        ("batch_size = 64", "batch_size = 64.5"),
        ("batch_size = 64", "batch_size = 0"),
        ("batch_size = 64", "batch_size = 99999999999999999999"),
        ("batch_size = 64", ""),
        ("batch_size = 64", "batch_size = 64\nbatch_size = 65"),
        ("batch_size = 64", "batch_size = 64\nepochs = 0"),
        ("batch_size = 64", "batch_size = 64\nsamples = 0"),
        ("batch_size = 64", "batch_size = 64\nresize = \"3×32×32\""),
        ("batch_size = 64", "batch_size = 64\nresize = \"0×32\""),
        ("batch_size = 64", "batch_size = 64\noptimiser = \"adma\""),
        ("batch_size = 64", "batch_size = 64\noptimiser = \"adam, nesterov\""),
        ("batch_size = 64", "batch_size = 64\noptimiser = \"momentum 1.5\""),
        ("batch_size = 64", "batch_size = 64\noptimiser = \"adam weight decay 1e300\""),
        ("batch_size = 64", "batch_size = 64\noptimiser = 0.9"),
        ("batch_size = 64", "batch_size = 64\noptimizer = \"sgd\""),
        ("batch_size = 64", "batch_size = 64\ndataset = \"fasion-mnist\""),
        ("input = \"1×28×28\"\n", ""),
        ("1×28×28", "28×28"),
        ("1×28×28", "0×28×28"),
        ("\"mine\"", "\"My net\""),
        ("\"mine\"", "\"this-name-is-longer-than-sixty-characters-and-goes-on-and-on-and-on\""),
        ("\"mine\"", "\"mine\"\ncontrol = \"mine\""),
        ("\"mine\"", "\"mine\"\ncontrol = \"../x\""),
        ("\"mine\"", "\"mine\"\ncontrol = 1"),
        ("\"mine\"", "7"),
        ("name = \"mine\"\n", ""),
        ("[\"flatten\", \"linear 10\"]", "\"flatten, linear 10\""),
        ("[\"flatten\", \"linear 10\"]", "[]"),
        ("\"linear 10\"", "10"),
        ("\"linear 10\"", "\n  \"liner 10\""),
        ("\"linear 10\"", "\n  \"linear 10 features\""),
        ("\"linear 10\"", "\n  \"conv2d 6 channels, 5×5\",\n  \"linear 10\""),
        ("\"flatten\", ", ""),
        ("\"flatten\", ", "\"conv2d 6 channels, 29×29\", "),
        ("\"flatten\", ", "\"conv2d 99999999 channels, 5×5\", "),
        (", \"linear 10\"", ", \"linear 0\""),
        (", \"linear 10\"", ", \"linear 10\", \"dropout 1.5\""),
        (", \"linear 10\"", ", \"linear 10\", \"dropout 0.9999999999999999\""),
        (", \"linear 10\"", ", \"linear 10\", \"batch_norm momentum 2\""),
        (", \"linear 10\"", ", \"linear 10\", \"batch_norm ε 1e-60\""),
        ("[\"flatten\", \"linear 10\"]", "[\"sigmoid\"]"),
        ("[\"flatten\", \"linear 10\"]", "[\n  \"relu\",\n  \"conv2d 10 channels, 28×28\",\n]"),
        ("\"flatten\", ", "\"a: relu\",\n  \"conv2d 2 channels, 3×3\",\n  \"add a\", \"flatten\", "),
        ("\"flatten\", ", "\"a: relu\",\n  \"tanh\",\n  \"add b\", \"flatten\", "),
        ("\"flatten\", ", "\"a: relu\",\n  \"a: tanh\", \"flatten\", "),
        ("\"flatten\", ", "\"add b\", \"b: relu\", \"flatten\", "),
        ("\"flatten\", ", "\"relu\",\n  \"tanh from input\", \"flatten\", "),
        ("\"flatten\", ", "\"add input\", \"flatten\", "),
        ("targets.train_accuracy = 0.5", "targets.accuracy = 0.5"),
        ("targets.train_accuracy = 0.5", "targets.train_accuracy = 50"),
        ("targets.train_accuracy = 0.5", "[targets]"),
        ("targets.train_accuracy = 0.5", "targets = 0.5"),
        ("targets.train_accuracy = 0.5", ""),
        ("targets.train_accuracy = 0.5", "targets.train_accuracy = 0.5\n\n[tolerances]\naudits = 1"),
        ("layers = [", "layers = {"),
    ];
    let messages = changes.map(|(from, to)| {
        assert!(LEAST.contains(from), "{from}");
        format!("{from:?} → {to:?}\n    {}\n", message(&LEAST.replace(from, to)))
    });
    insta::assert_snapshot!(messages.concat());
}

#[test]
fn nonsense_is_answered_in_a_line() {
    for text in [
        "",
        "\u{feff}",
        "]]]]",
        &"[".repeat(5000),
        &"a=".repeat(5000),
        &format!("name = \"{}\"", "x".repeat(5000)),
    ] {
        let message = message(text);
        assert!(message.len() < 400 && !message.contains('\n'), "{message}");
    }
}

#[test]
fn a_network_of_a_single_layer_and_one_of_sixty_are_read() {
    let single = LEAST.replace("\"linear 10\"", "").replace("1×28×28", "1×2×5");
    assert_eq!(parse(&single).unwrap().model.classes(), Ok(10));
    let deep =
        LEAST.replace("\"flatten\"", &format!("\"flatten\"{}", ", \"linear 20\", \"sigmoid\"".repeat(29)));
    assert_eq!(parse(&deep).unwrap().model.layers.len(), 60);
}

#[test]
fn what_is_built_in_is_written_and_read_again() {
    for workload in all() {
        assert_eq!(parse(&workload.to_toml()), Ok(workload.clone()));
        let json = serde_json::to_string(&workload).unwrap();
        assert_eq!(json, format!("{:?}", workload.name));
        assert_eq!(serde_json::from_str::<Workload>(&json).unwrap(), workload);
    }
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let image = prop_oneof![
        (1_usize..8, 1_usize..4, 1_usize..3, 0_usize..3, proptest::bool::ANY).prop_map(
            |(out_channels, kernel, stride, padding, bias)| {
                Layer::Conv2d { out_channels, kernel, stride, padding, bias }
            }
        ),
        (1_usize..3, 1_usize..3).prop_map(|(window, stride)| Layer::MaxPool2d { window, stride }),
        (1_usize..3, 1_usize..3).prop_map(|(window, stride)| Layer::AvgPool2d { window, stride }),
        (1_usize..9, 1_usize..9).prop_map(|(height, width)| Layer::Resize { height, width }),
    ];
    let any = || {
        prop_oneof![
            (1e-9..1.0, 0.0..1.0).prop_map(|(epsilon, momentum)| Layer::BatchNorm { epsilon, momentum }),
            (0.0..1.0).prop_map(|rate| Layer::Dropout { rate }),
            Just(Layer::Sigmoid),
            Just(Layer::Relu),
            Just(Layer::Tanh),
        ]
    };
    let vector = prop_oneof![
        any(),
        (1_usize..20, proptest::bool::ANY)
            .prop_map(|(out_features, bias)| Layer::Linear { out_features, bias })
    ];
    let front = proptest::collection::vec(prop_oneof![image, any()], 0..8);
    (front, proptest::collection::vec(vector, 0..8))
        .prop_map(|(front, back)| [front, vec![Layer::Flatten], back].concat())
}

/// Layers in a row, and ways around some of those that keep their shape.
fn model() -> impl Strategy<Value = Model> {
    let input = Shape::Image { channels: 2, height: 40, width: 33 };
    let way = (0_usize..14, 0_usize..14, any::<bool>());
    (layers(), proptest::collection::vec(way, 0..4)).prop_map(move |(layers, ways)| {
        let sequence = Model::new("", input, layers);
        let Ok(shapes) = sequence.shapes() else { return sequence };
        let of = |source| match source {
            Source::Input => input,
            Source::Layer(layer) => shapes[layer],
        };
        // In place of a layer that keeps its input's shape, the sum with an earlier value that has it;
        // or else a layer reads that value, and another one adds what it has left out.
        ways.into_iter().fold(sequence, |model, (layer, place, is_read)| {
            let other = Source::before(place);
            let fits = layer < model.layers.len()
                && place < layer
                && of(other) == of(Source::before(layer))
                && of(Source::Layer(layer)) == of(other);
            let mut changed = model.clone();
            if !fits {
                return model;
            }
            changed.layers[layer] = Layer::Add { other };
            if is_read {
                changed.layers[layer] = Layer::Add { other: Source::before(layer) };
                changed = changed.with_source(layer, other);
            }
            if changed.shapes().is_ok() { changed } else { model }
        })
    })
}

fn workload() -> impl Strategy<Value = Workload> {
    let dataset = prop_oneof![
        Just(DatasetChoice::Auto),
        Just(DatasetChoice::Synthetic),
        Just("fashion-mnist".parse().unwrap()),
        "[a-z./ ]{1,20}".prop_map(|folder| DatasetChoice::Own(folder.into()))
    ];
    let said = ("[a-z0-9-]{1,20}", "\\PC{0,30}", proptest::option::of("[a-z-]{1,9}"), dataset);
    let samples = (
        proptest::option::of(1_usize..60_000),
        proptest::option::of((1_usize..1025, 1_usize..1025).prop_map(|(rows, columns)| [rows, columns])),
    );
    let decay = || prop_oneof![Just(0.0), 1e-9..1.0];
    let optimiser = prop_oneof![
        Just(Optimiser::Sgd),
        (0.0..1.0, decay())
            .prop_map(|(momentum, weight_decay)| Optimiser::Momentum { momentum, weight_decay }),
        (0.0..1.0, 0.0..1.0, 1e-12..1.0, decay()).prop_map(|(beta1, beta2, epsilon, weight_decay)| {
            Optimiser::Adam { beta1, beta2, epsilon, weight_decay }
        }),
    ];
    let numbers = (1e-9..1e3, (1_usize..5000, samples), 1_u32..1000, 1e-3..1.0, 1e-9..1e3);
    (said, (model(), optimiser), numbers).prop_map(
        |((name, summary, control, dataset), (mut model, optimiser), numbers)| {
            model.name.clone_from(&name);
            let (learning_rate, (batch_size, (samples, resize)), epochs, at_least, audit) = numbers;
            Workload {
                model,
                targets: vec![Target { metric: Metric::TestAccuracy, at_least }],
                tolerances: Tolerances { audit, ..Tolerances::default() },
                name,
                summary,
                control,
                dataset,
                resize,
                samples,
                optimiser,
                learning_rate,
                batch_size,
                epochs,
                case: None,
            }
        },
    )
}

/// A file of a few lines, as `check --operations` prints them.
#[test]
fn a_case_needs_no_training_and_its_table_is_read_closely() {
    let text = "name = \"case\"\ninput = \"1×2×2\"\nlayers = [\"flatten\", \"linear 2\"]\nbatch_size = 3\n\n\
                [case]\nseed = 7\nsamples = \"black and white\"\nvalues = \"times 2^-12\"\n";
    let case = parse(text).unwrap();
    assert_eq!(parse(&case.to_toml()), Ok(case.clone()));
    assert!(
        case.targets.is_empty() && case.check_is_trained().is_err() && softmax().check_is_trained().is_ok()
    );
    for (right, wrong, told) in [
        ("seed = 7", "seed = -7", "line 7: case.seed: a whole number from 0"),
        ("black and white", "grey", "line 8: case.samples: \"random\", \"black and white\""),
        ("2^-12", "2^-999", "line 9: case.values: \"ordinary\""),
        ("values", "value", "line 9: "),
        ("[case]\n", "", "line 6: there is no key `seed`"),
    ] {
        let mistake = message(&text.replace(right, wrong));
        assert!(mistake.starts_with(told), "{mistake}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(workload in workload()) {
        prop_assume!(workload.model.shapes().is_ok() && workload.control.as_ref() != Some(&workload.name));
        prop_assert_eq!(parse(&workload.to_toml()), Ok(workload.clone()));
        let changed = Workload { name: format!("{} (learning rate 0.5)", workload.name), ..workload };
        let read = parse_own(&changed.to_toml()).unwrap();
        prop_assert_eq!(read.definition(), changed.definition());
        prop_assert_eq!(read.name, changed.name);
    }
}
