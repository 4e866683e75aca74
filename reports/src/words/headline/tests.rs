use std::collections::BTreeMap;

use super::*;
use crate::example;
use crate::record::{Adapter, Framework, Purpose, Role, Run, RunOutcome};
use crate::summary::{group, summarize};

/// The example with `handwritten` as the ceiling, ten times as fast as it was, and with a
/// framework, `candle`, that takes `factor` times as long as tch.
fn record(factor: f64) -> Record {
    let mut record = example::record();
    record.started.roles = BTreeMap::from([("handwritten".to_owned(), Role::Ceiling)]);
    record.started.unavailable.clear();
    // Above what that takes.
    record.started.environment.peak.as_mut().unwrap().operations_per_second *= 4.0;
    for run in record.runs.iter_mut().filter(|run| run.cell.backend == "handwritten") {
        slow_down(run, 0.1);
    }
    let of_tch: Vec<Run> = record.runs.iter().filter(|run| run.cell.backend == "tch").cloned().collect();
    let candle = |cell: &Cell| Cell { backend: "candle".to_owned(), ..cell.clone() };
    let mut of_candle: Vec<Run> =
        of_tch.into_iter().map(|run| Run { cell: candle(&run.cell), ..run }).collect();
    for run in &mut of_candle {
        // Seeds differ a little.
        slow_down(run, factor * (1.0 + 0.02 * (run.seed as f64 - 2.0)));
    }
    record.runs.extend(of_candle);
    let cells = &mut record.started.plan.cells;
    let more: Vec<Cell> = cells.iter().filter(|cell| cell.backend == "tch").map(candle).collect();
    cells.extend(more);
    record
}

fn slow_down(run: &mut Run, factor: f64) {
    run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
}

fn text(record: &Record) -> String {
    let headline = Headline::of(record, &group(summarize(record)));
    let lines: Vec<&str> = headline.lines().collect();
    format!("{}\n{}\n", if headline.figure.is_empty() { "–" } else { &headline.figure }, lines.join("\n"))
}

fn without(mut record: Record, left: impl Fn(&Cell) -> bool) -> Record {
    record.started.plan.cells.retain(|cell| !left(cell));
    record.runs.retain(|run| !left(&run.cell));
    record
}

fn one_seed(mut record: Record) -> Record {
    record.runs.retain(|run| run.seed == 1);
    record
}

/// Training accuracies of the first epochs that reach no target.
fn stay_below(run: &mut Run, epochs: usize) {
    run.epochs.iter_mut().take(epochs).for_each(|epoch| epoch.train_accuracy = Some(0.5));
}

/// Where one cell of `candle` reaches the target only with its last epoch, and the other not at all.
fn late(mut record: Record) -> Record {
    let of_candle = |run: &&mut Run| run.cell.backend == "candle" && run.cell.workload == "lenet-bn";
    for run in record.runs.iter_mut().filter(of_candle) {
        stay_below(run, if run.cell.implementation.is_builtin() { 4 } else { 5 });
    }
    record
}

#[test]
fn every_headline() {
    let is = |name: &'static str| move |cell: &Cell| cell.backend == name;
    let is_framework = |cell: &Cell| cell.backend != "handwritten";
    let failed = |mut record: Record| {
        record.runs.iter_mut().for_each(|run| run.end.outcome = RunOutcome::NotConformant);
        record
    };
    let mut unavailable = without(record(2.0), is("candle"));
    unavailable.started.unavailable = example::started().unavailable;
    unavailable.started.unavailable[0].device = None;
    let mut no_role = record(2.0);
    no_role.started.roles.clear();
    no_role.started.plan.workloads[0].targets.truncate(1);
    let mut slow_ceiling = record(2.0);
    for run in slow_ceiling.runs.iter_mut().filter(|run| run.cell.backend == "handwritten") {
        slow_down(run, 50.0);
    }
    let mut nothing = record(2.0);
    nothing.runs.clear();
    let mut noisy = record(2.0);
    noisy.runs.push(example::again(&noisy.runs[0], Purpose::Repeat, 1.6));
    let cases = [
        ("all that can be said", record(2.0)),
        ("two runs of the same differ by more than half", noisy),
        ("no difference between frameworks", record(1.0)),
        ("one seed", one_seed(record(2.0))),
        ("one seed, and not all reach the target", late(one_seed(record(2.0)))),
        ("one seed, and none reaches the target", {
            let mut record = one_seed(record(2.0));
            record.runs.iter_mut().for_each(|run| stay_below(run, usize::MAX));
            record
        }),
        ("several seeds, and none reaches the target", {
            let mut record = record(2.0);
            record.runs.iter_mut().for_each(|run| stay_below(run, 4));
            let last = record.runs.iter_mut().filter_map(|run| run.epochs.last_mut());
            last.for_each(|epoch| epoch.train_accuracy = epoch.train_accuracy.map(|accuracy| accuracy - 0.1));
            record
        }),
        ("the control with one seed", {
            let mut record = record(2.0);
            record.runs.retain(|run| run.cell.workload != "lenet" || run.seed == 1);
            record
        }),
        ("a framework with one seed", {
            let mut record = record(2.0);
            record.runs.retain(|run| run.cell.backend != "candle" || run.seed == 1);
            record
        }),
        ("one framework, another unavailable", unavailable),
        ("no ceiling", without(record(2.0), is("handwritten"))),
        ("a record of before there were roles", no_role),
        ("a ceiling that is none", slow_ceiling),
        ("the ceiling alone", without(record(2.0), is_framework)),
        ("no control", without(record(2.0), |cell| cell.workload == "lenet")),
        ("the control alone", without(record(2.0), |cell| cell.workload == "lenet-bn")),
        ("one implementation", without(record(2.0), |cell| &*cell.implementation == "builtin")),
        ("nothing conformant", failed(record(2.0))),
        ("nothing yet", nothing),
        ("on a graphics processor", example::record_on_gpu()),
    ];
    let told: Vec<String> =
        cases.iter().map(|(name, record)| format!("# {name}\n{}", text(record))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn two_devices_have_a_sentence_each() {
    let mut record = record(2.0);
    let of_processor = record.clone();
    let on_device = |cell: &Cell| Cell { device: crate::record::Device::cuda(0), ..cell.clone() };
    let cells: Vec<Cell> = of_processor.started.plan.cells.iter().map(on_device).collect();
    record.started.plan.cells.extend(cells);
    record.runs.extend(of_processor.runs.iter().map(|run| Run { cell: on_device(&run.cell), ..run.clone() }));
    let headline = Headline::of(&record, &group(summarize(&record)));
    let named = |device: &str| {
        let start = format!("tch is the fastest framework for lenet-bn on {device}: ");
        headline.sentences.iter().filter(|sentence| sentence.starts_with(&start)).count()
    };
    assert_eq!((named("cpu"), named("cuda:0")), (1, 1), "{headline:#?}");
    assert!(
        headline.sentences[1].ends_with("as long as handwritten, the ceiling."),
        "no peak is known: {headline:#?}"
    );
}

/// The record with candle, tch or both used from these languages, tch over an engine.
fn used_from(mut record: Record, candle: Option<&str>, tch: Option<&str>) -> Record {
    let of = |engine: Option<&str>, language: &str| Framework {
        engine: engine.map(str::to_owned),
        language: Some(language.to_owned()),
    };
    let candle = candle.map(|language| ("candle".to_owned(), of(None, language)));
    let tch = tch.map(|language| ("tch".to_owned(), of(Some("libtorch 2.11.0"), language)));
    record.started.frameworks = candle.into_iter().chain(tch).collect();
    record
}

/// The same with a third framework in Python, `jax`, that takes `factor` times as long as tch.
fn with_jax(record: Record, factor: f64) -> Record {
    with_python(used_from(record, Some("Rust"), Some("Rust")), "jax", factor)
}

/// The record with a further framework in Python that takes `factor` times as long as tch.
fn with_python(mut record: Record, name: &str, factor: f64) -> Record {
    let added = |cell: &Cell| Cell { backend: name.to_owned(), ..cell.clone() };
    let of_tch: Vec<Run> = record.runs.iter().filter(|run| run.cell.backend == "tch").cloned().collect();
    let mut runs: Vec<Run> = of_tch.into_iter().map(|run| Run { cell: added(&run.cell), ..run }).collect();
    runs.iter_mut().for_each(|run| slow_down(run, factor));
    record.runs.append(&mut runs);
    let cells = &mut record.started.plan.cells;
    let more: Vec<Cell> = cells.iter().filter(|cell| cell.backend == "tch").map(added).collect();
    cells.extend(more);
    let framework = Framework { engine: None, language: Some("Python".to_owned()) };
    record.started.frameworks.insert(name.to_owned(), framework);
    record
}

#[test]
fn rust_is_held_against_python() {
    let (rust, python) = (Some("Rust"), Some("Python"));
    let cases = [
        ("Rust is slower", used_from(record(2.0), rust, python)),
        ("Rust is faster, over the other's engine", used_from(record(2.0), python, rust)),
        ("no difference", used_from(record(1.0), rust, python)),
        ("one seed", used_from(one_seed(record(2.0)), rust, python)),
        ("a wrapper, and one that computes by itself", with_jax(record(2.0), 1.5)),
        ("of which one differs in nothing", with_jax(record(2.0), 2.0)),
        (
            "several in Python",
            with_python(with_python(with_jax(record(2.0), 1.5), "other", 2.0), "third", 40.0),
        ),
        ("several in Python, one seed", with_python(with_jax(one_seed(record(2.0)), 1.5), "other", 2.0)),
        ("Rust alone", used_from(record(2.0), rust, rust)),
        ("nothing is said of the other", used_from(record(2.0), rust, None)),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(name, record)| {
            let sentences = Headline::of(&record, &group(summarize(&record))).sentences;
            let found: Vec<String> =
                sentences.into_iter().filter(|sentence| sentence.contains("Python")).collect();
            format!("# {name}\n{}\n", if found.is_empty() { "–".to_owned() } else { found.join("\n") })
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// The ceiling is no framework, in whatever language it is written.
#[test]
fn the_ceiling_is_held_against_no_language() {
    let mut record = used_from(record(2.0), Some("Python"), None);
    let framework = Framework { engine: None, language: Some("Rust".to_owned()) };
    record.started.frameworks.insert("handwritten".to_owned(), framework);
    let headline = Headline::of(&record, &group(summarize(&record)));
    assert!(!headline.sentences.iter().any(|sentence| sentence.contains("Python")), "{headline:#?}");
}

/// The record with all of tch and candle on `wgpu:0`, too, which of candle is a software renderer.
fn on_adapters() -> Record {
    let mut record = record(2.0);
    let on_adapter = |cell: &Cell| Cell { device: "wgpu:0".into(), ..cell.clone() };
    let is_framework = |cell: &Cell| cell.backend != "handwritten";
    let cells = record.started.plan.cells.iter().filter(|cell| is_framework(cell));
    let cells: Vec<Cell> = cells.map(on_adapter).collect();
    record.started.plan.cells.extend(cells);
    let runs = record.runs.iter().filter(|run| is_framework(&run.cell));
    let mut runs: Vec<Run> = runs.map(|run| Run { cell: on_adapter(&run.cell), ..run.clone() }).collect();
    // Whatever a software renderer takes, it is not the fastest graphics processor.
    runs.iter_mut().filter(|run| run.cell.backend == "candle").for_each(|run| slow_down(run, 0.01));
    record.runs.extend(runs);
    let of = |backend: &str, name: &str, is_software: bool| Adapter {
        backend: backend.to_owned(),
        device: "wgpu:0".into(),
        name: Some(name.to_owned()),
        is_software,
    };
    record.started.environment.adapters =
        vec![of("tch", "Example GPU", false), of("candle", "llvmpipe (LLVM 15.0.6, 256 bits)", true)];
    record
}

#[test]
fn a_software_renderer_is_ranked_with_no_graphics_processor() {
    let record = on_adapters();
    let groups = group(summarize(&record));
    let devices: Vec<(&str, usize)> =
        groups.iter().map(|group| (group.device.as_str(), group.cells.len())).collect();
    let on_one = ["cpu", "wgpu:0", "wgpu:0 (software renderer)"];
    assert!(on_one.iter().all(|name| devices.iter().any(|(device, _)| device == name)), "{devices:?}");
    let headline = Headline::of(&record, &groups);
    let told = headline.sentences.join("\n");
    assert!(told.contains("tch is the only framework with a time for lenet-bn on wgpu:0: "), "{told}");
    assert!(!told.contains("software"), "{told}");
    assert_eq!(fastest(&record, &groups).unwrap().cell.device, crate::record::Device::cpu());
    let warning =
        "candle@wgpu:0 is llvmpipe (LLVM 15.0.6, 256 bits), a software renderer: the processor computes";
    let warnings: Vec<String> = crate::warnings::warnings(&record).iter().map(ToString::to_string).collect();
    assert_eq!(warnings.iter().filter(|text| text.starts_with(warning)).count(), 1, "{warnings:?}");
}

#[test]
fn of_software_renderers_alone_no_graphics_processor_is_told() {
    let record = without(on_adapters(), |cell| cell.backend != "candle" || cell.device.is_cpu());
    let headline = Headline::of(&record, &group(summarize(&record)));
    assert_eq!(headline.figure, "");
    assert!(headline.sentences[0].starts_with("Only software renderers were timed"), "{headline:#?}");
}
