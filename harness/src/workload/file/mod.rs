//! A workload as a file: TOML, read and written.

mod fields;
mod print;
mod syntax;
#[cfg(test)]
mod tests;

use toml::de::DeTable;
use trainmark_plugin::{Model, Optimiser, Shape};
use trainmark_reports::record::{Metric, Target};

use super::layer::Line;
use super::{CaseInputs, Pixels, Tolerances, Values, Workload, layer, network, optimiser};
use crate::data::DatasetChoice;
pub(super) use fields::line_of;
use fields::{Field, Fields};
pub(super) use print::defining_text;

/// Every key at the top of a file, in the order in which files are written.
const KEYS: [&str; 13] = [
    "name",
    "summary",
    "control",
    "dataset",
    "samples",
    "input",
    "resize",
    "layers",
    "optimiser",
    "learning_rate",
    "batch_size",
    "epochs",
    "targets",
];
const TOLERANCES: &str = "tolerances";
const CASE: &str = "case";

const EPOCHS: u32 = 5;
const CASE_RATE: f64 = 1.0;
/// No file of a network that anybody trains here has more.
const MOST_LAYERS: usize = 1000;
const MOST_NAME_CHARACTERS: usize = 60;
/// What a name is.
const NAME: &str = "a name of at most 60 lower-case letters, digits and dashes";

/// What is wrong with a workload's file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what is expected.
    pub what: String,
}

impl Workload {
    /// The workload that a file's text describes.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_toml(text: &str) -> Result<Self, Mistake> {
        parse(text)
    }

    /// Whether its learning rate is the one of cases whose file has none.
    pub(super) fn has_rate_of_cases(&self) -> bool {
        self.learning_rate == CASE_RATE
    }
}

/// As [`Workload::from_toml`].
pub(super) fn parse(text: &str) -> Result<Workload, Mistake> {
    read(text, |name| {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=MOST_NAME_CHARACTERS).contains(&name.len()) && name.chars().all(is_plain)
    })
}

/// What [`Workload::to_toml`] has written: the name may tell of changes.
fn parse_own(text: &str) -> Result<Workload, Mistake> {
    read(text, |name| !name.is_empty() && !name.chars().any(char::is_control))
}

fn read(text: &str, is_name: impl Fn(&str) -> bool) -> Result<Workload, Mistake> {
    let document = DeTable::parse(text).map_err(|error| {
        Mistake::of_syntax(text, error.span().map_or(0, |span| span.start), error.message())
    })?;
    let known = [&KEYS[..], &[TOLERANCES, CASE]].concat();
    let fields = Fields::new(text, document.get_ref(), &known)?;
    let named = |text: &str| is_name(text).then(|| text.to_owned());
    let name = fields.require("name", NAME)?.parsed(NAME, named)?;
    let control = control(&fields, &name, named)?;
    let model = model(&fields, &name)?;
    let optimiser = optimiser(&fields)?;
    let case = case(&fields)?;
    // A case has a rate of its own, at which gradients show.
    let learning_rate = match (&case, fields.get("learning_rate")) {
        (Some(_), None) => CASE_RATE,
        _ => fields.require("learning_rate", "a number above 0, such as 0.1")?.positive_float32()?,
    };
    let batch_size = fields.require("batch_size", "a whole number, such as 256")?;
    let sides = "rows and columns of an image as \"32×32\", at most 1024";
    let resize = fields.get("resize").map(|field| field.parsed(sides, layer::parse_sides));
    let samples = fields.get("samples").map(|field| field.integer(1..=u64::from(u32::MAX)));
    let summary = match fields.get("summary") {
        Some(field) => field.parsed("one line of text", |text| {
            (!text.chars().any(char::is_control)).then(|| text.to_owned())
        })?,
        None => default_summary(&model),
    };
    Ok(Workload {
        summary,
        control,
        dataset: dataset(&fields)?,
        resize: resize.transpose()?,
        samples: samples.transpose()?.map(|samples| samples as usize),
        optimiser,
        learning_rate,
        batch_size: batch_size.integer(1..=1 << 20)? as usize,
        epochs: fields.get("epochs").map_or(Ok(u64::from(EPOCHS)), |field| field.integer(1..=1000))? as u32,
        targets: match (&case, fields.get("targets")) {
            (Some(_), None) => Vec::new(),
            _ => targets(&fields)?,
        },
        tolerances: tolerances(&fields)?,
        model,
        name,
        case,
    })
}

/// Another workload, which may be anywhere.
fn control(
    fields: &Fields<'_>,
    own: &str,
    named: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, Mistake> {
    let Some(field) = fields.get("control") else { return Ok(None) };
    let control = field.parsed(&format!("another workload, {NAME},"), named)?;
    if control == own {
        return Err(field.mistake(format!(
            "{own} would be held against itself: name the same network without batch norm, or leave it out"
        )));
    }
    Ok(Some(control))
}

fn default_summary(model: &Model) -> String {
    format!("{} on {}", crate::units::count(model.layers.len(), "layer"), model.input)
}

fn model(fields: &Fields<'_>, name: &str) -> Result<Model, Mistake> {
    let input = "the shape of an image as \"1×28×28\": channels, rows, columns";
    let input = fields.require("input", input)?.parsed(input, layer::parse_image)?;
    let expected = "an array of layers, such as [\"flatten\", \"linear 10\"]";
    let field = fields.require("layers", expected)?;
    let elements = field.elements(expected)?;
    if !(1..=MOST_LAYERS).contains(&elements.len()) {
        let number = elements.len();
        return Err(field.mistake(format!("{number} layers are given, from 1 to {MOST_LAYERS} are expected")));
    }
    let lines: Vec<Line<'_>> = elements.iter().map(read_line).collect::<Result<_, _>>()?;
    let model = network::model(name, input, &lines).map_err(|(place, why)| elements[place].mistake(why))?;
    check_shapes(&model, &elements)?;
    Ok(model)
}

/// Refuses layers that do not fit, and a last one that gives no logits.
fn check_shapes(model: &Model, elements: &[Field<'_>]) -> Result<(), Mistake> {
    let shapes = model.shapes().map_err(|error| {
        let place = model.misfit().unwrap_or_default();
        let whole = format!(" of model {}", model.name);
        Mistake { what: error.message.replace(&whole, ""), ..elements[place].mistake("") }
    })?;
    match (elements.last(), model.layers.last(), shapes.last()) {
        (Some(last), Some(layer), Some(image @ Shape::Image { .. })) => {
            Err(last.of_kind(layer.kind()).mistake(format!(
                "its output is {image}, and the last layer gives a logit for each class: put \"flatten\" behind it, \
                 and \"linear 10\" with as many outputs as there are classes"
            )))
        }
        _ => Ok(()),
    }
}

fn read_line<'t>(field: &Field<'t>) -> Result<Line<'t>, Mistake> {
    let text = field.text("a layer, such as \"linear 10\",")?;
    let line = layer::parse(text).map_err(|why| field.mistake(why))?;
    layer::check_numbers(&line.layer).map_err(|why| field.of_kind(line.layer.kind()).mistake(why))?;
    Ok(line)
}

fn optimiser(fields: &Fields<'_>) -> Result<Optimiser, Mistake> {
    let Some(field) = fields.get("optimiser") else { return Ok(Optimiser::Sgd) };
    let text = field.text("an optimiser, such as \"sgd\" or \"momentum 0.9\",")?;
    optimiser::parse(text).map_err(|why| field.mistake(why))
}

fn dataset(fields: &Fields<'_>) -> Result<DatasetChoice, Mistake> {
    let Some(field) = fields.get("dataset") else { return Ok(DatasetChoice::default()) };
    field.text("the name of a data set")?.parse().map_err(|why: String| field.mistake(why))
}

fn targets(fields: &Fields<'_>) -> Result<Vec<Target>, Mistake> {
    const METRICS: [Metric; 2] = [Metric::TrainAccuracy, Metric::TestAccuracy];
    let expected = "at least one accuracy to reach, as [targets] and below it train_accuracy = 0.88";
    let field = fields.require("targets", expected)?;
    let table = field.table(&METRICS.map(Metric::key))?;
    let mut targets = Vec::new();
    for (key, value) in table.in_order() {
        let at_least = value.positive()?;
        if at_least > 1.0 {
            return Err(value.mistake(format!("{at_least} is above 1: accuracies are fractions of 1")));
        }
        let metric = METRICS.into_iter().find(|metric| metric.key() == key);
        targets.extend(metric.map(|metric| Target { metric, at_least }));
    }
    if targets.is_empty() {
        return Err(field.mistake(format!("it holds {expected}")));
    }
    Ok(targets)
}

fn case(fields: &Fields<'_>) -> Result<Option<CaseInputs>, Mistake> {
    let Some(field) = fields.get(CASE) else { return Ok(None) };
    let table = field.table(&CaseInputs::KEYS)?;
    let [seed, samples, values] = CaseInputs::KEYS;
    Ok(Some(CaseInputs {
        seed: table.require(seed, "a whole number")?.integer(0..=i64::MAX as u64)?,
        pixels: table.require(samples, Pixels::EXPECTED)?.parsed(Pixels::EXPECTED, Pixels::parse)?,
        values: table.require(values, Values::EXPECTED)?.parsed(Values::EXPECTED, Values::parse)?,
    }))
}

fn tolerances(fields: &Fields<'_>) -> Result<Tolerances, Mistake> {
    let mut tolerances = Tolerances::default();
    let Some(field) = fields.get(TOLERANCES) else { return Ok(tolerances) };
    for (key, value) in field.table(&tolerances.all().map(|(key, _)| key))?.in_order() {
        tolerances.set(key, value.positive()?);
    }
    Ok(tolerances)
}

/// Which of the names was probably meant, and all that there are.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    // Whoever writes hundreds of letters means none of them.
    let name: String = name.chars().take(40).collect();
    crate::registry::suggestion(&name, names)
}

/// The start of what may be long, on one line.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let line = trainmark_reports::text::one_line(text);
    if line.chars().count() > MOST { line.chars().take(MOST).chain(['…']).collect() } else { line }
}

impl From<Workload> for String {
    fn from(workload: Workload) -> Self {
        match super::find(&workload.name) {
            Ok(known) if known == workload => workload.name,
            _ => workload.to_toml(),
        }
    }
}

impl TryFrom<String> for Workload {
    type Error = String;

    /// A built-in workload's name, or the text of a file.
    fn try_from(text: String) -> Result<Self, String> {
        match text.contains('=') {
            true => parse_own(&text).map_err(|mistake| mistake.to_string()),
            false => super::find(&text).map_err(|unknown| unknown.to_string()),
        }
    }
}
