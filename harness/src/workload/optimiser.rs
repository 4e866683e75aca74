//! An optimiser in words, as a workload's file has it.

use std::fmt::Write as _;

use trainmark_plugin::Optimiser;

use super::Workload;
use super::file::{nearest, shown};
use super::number::{self, printed};

/// How each is written. What stands in brackets may be left out.
const FORMS: [&str; 3] =
    ["sgd", "momentum[ 0.9][, weight decay 0]", "adam[ β1 0.9][, β2 0.999][, ε 1e-8][, weight decay 0]"];

impl Workload {
    /// Its optimiser in words, where that is not plain gradient descent.
    pub fn optimiser_words(&self) -> Option<String> {
        self.optimiser.has_state().then(|| describe(self.optimiser))
    }
}

/// An optimiser in words, such as `momentum 0.9, weight decay 5e-4`.
pub(super) fn describe(optimiser: Optimiser) -> String {
    let mut text = match optimiser {
        Optimiser::Sgd => optimiser.name().to_owned(),
        Optimiser::Momentum { momentum, .. } => format!("momentum {}", printed(momentum)),
        Optimiser::Adam { beta1, beta2, epsilon, .. } => {
            format!("adam β1 {}, β2 {}, ε {epsilon:e}", printed(beta1), printed(beta2))
        }
    };
    if optimiser.weight_decay() != 0.0 {
        // Writing to a string cannot fail.
        let _ = write!(text, ", weight decay {:e}", optimiser.weight_decay());
    }
    text
}

/// The same, by its name alone where its numbers are the usual ones.
pub(super) fn short(optimiser: Optimiser) -> String {
    match parse(optimiser.name()) {
        Ok(usual) if usual == optimiser => optimiser.name().to_owned(),
        _ => describe(optimiser),
    }
}

/// The optimiser that words describe.
///
/// # Errors
/// What of them is not understood, and how it is written.
pub fn parse(text: &str) -> Result<Optimiser, String> {
    let (name, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let name = name.trim_end_matches(',');
    let known = Optimiser::NAMES.iter().zip(FORMS).find(|(known, _)| **known == name);
    let Some((_, form)) = known else {
        let nearest = nearest(name, Optimiser::NAMES.into_iter());
        return Err(format!("`{}` is no optimiser{nearest}", shown(name)));
    };
    let mut numbers = Numbers::new(rest);
    let optimiser = match name {
        "sgd" => Optimiser::Sgd,
        "momentum" => Optimiser::Momentum {
            momentum: numbers.take(&["", "momentum"]).unwrap_or(0.9),
            weight_decay: numbers.take(&DECAY).unwrap_or(0.0),
        },
        _ => Optimiser::Adam {
            beta1: numbers.take(&["β1", "beta1"]).unwrap_or(0.9),
            beta2: numbers.take(&["β2", "beta2"]).unwrap_or(0.999),
            epsilon: numbers.take(&["ε", "epsilon"]).unwrap_or(1e-8),
            weight_decay: numbers.take(&DECAY).unwrap_or(0.0),
        },
    };
    if let Some(left) = numbers.rest.first() {
        return Err(format!(
            "`{}`: `{}` is not understood: it is written `{form}`",
            shown(text),
            shown(left)
        ));
    }
    let spoken = |message: String| message.replace("weight_decay", "weight decay");
    optimiser.check().map_err(|error| spoken(error.message))?;
    for (key, number) in optimiser.numbers() {
        let is_share = !matches!(key, "epsilon" | "weight_decay");
        let checked = if is_share { number::check_share(number) } else { number::check_float32(number) };
        checked.map_err(|why| spoken(format!("{key} {why}")))?;
    }
    Ok(optimiser)
}

/// How the decay is called.
const DECAY: [&str; 2] = ["weight decay", "weight_decay"];

/// What stands behind an optimiser's name. What has been understood is taken away.
struct Numbers<'t> {
    rest: Vec<&'t str>,
}

impl<'t> Numbers<'t> {
    fn new(rest: &'t str) -> Self {
        Self { rest: rest.split(',').map(str::trim).filter(|part| !part.is_empty()).collect() }
    }

    /// The first number that is called so.
    fn take(&mut self, labels: &[&str]) -> Option<f64> {
        let read = |part: &str| {
            let (label, number) = part.rsplit_once(char::is_whitespace).unwrap_or(("", part));
            labels.contains(&label.trim()).then(|| number.parse().ok()).flatten()
        };
        let (place, number) =
            self.rest.iter().enumerate().find_map(|(place, part)| Some((place, read(part)?)))?;
        self.rest.remove(place);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAM: Optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };

    #[test]
    fn what_is_written_is_read_and_what_is_left_out_has_its_usual_value() {
        let momentum = |momentum, weight_decay| Optimiser::Momentum { momentum, weight_decay };
        let written = [
            (Optimiser::Sgd, "sgd"),
            (momentum(0.9, 5e-4), "momentum 0.9, weight decay 5e-4"),
            (ADAM, "adam β1 0.9, β2 0.999, ε 1e-8"),
        ];
        for (optimiser, words) in written {
            assert_eq!((describe(optimiser).as_str(), parse(words)), (words, Ok(optimiser)));
        }
        for (words, optimiser) in [
            ("momentum", momentum(0.9, 0.0)),
            ("momentum momentum 0.5,weight_decay 1", momentum(0.5, 1.0)),
            ("momentum, weight decay 0.1 ", momentum(0.9, 0.1)),
            (" adam", ADAM),
            ("adam epsilon 1e-8, beta2 0.999, beta1 0.9", ADAM),
        ] {
            assert_eq!(parse(words), Ok(optimiser), "{words}");
        }
        for (form, name) in FORMS.into_iter().zip(Optimiser::NAMES) {
            let whole: String = form.chars().filter(|c| !"[]".contains(*c)).collect();
            let least = form.split('[').next().unwrap();
            assert_eq!((parse(&whole), least), (parse(least), name), "{form}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_what_was_meant() {
        let wrong = ["adma", "adam 0.9", "momentum 1", "momentum 0.9, nesterov", "adam ε 0", "sgd 0.9"];
        let wrong = wrong.into_iter().chain([
            "momentum weight decay -1",
            "adam β1 nan",
            "momentum 0.99999999999",
            "momentum 0.9, weight decay 1e300",
            "adam ε 1e-60",
        ]);
        let told: Vec<String> = wrong.map(|text| format!("{text}: {}", parse(text).unwrap_err())).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
