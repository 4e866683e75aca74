//! What a step makes of the gradients, and the options in which the ABI carries it.

use crate::error::Error;

/// How a step changes the parameters. A match on it is exhaustive, as on [`Layer`](crate::Layer).
///
/// The formulas are PyTorch's (`torch.optim.SGD` and `torch.optim.Adam`; Adam after Kingma and Ba,
/// 2015), and hold for every trained tensor, biases, γ and β among them, with
/// g = ∂loss/∂w + weight_decay·w. A session begins with v, m and t at zero, and `set_parameters`
/// puts them back to zero; nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Optimiser {
    /// Plain stochastic gradient descent: w ← w − rate·∂loss/∂w.
    #[default]
    Sgd,
    /// v ← momentum·v + g; w ← w − rate·v. Neither dampened nor Nesterov's.
    Momentum {
        /// At least 0 and below 1.
        momentum: f64,
        /// At least 0.
        weight_decay: f64,
    },
    /// t ← t + 1; m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
    /// w ← w − rate·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε). The decay is a part of g, unlike AdamW's.
    Adam {
        /// At least 0 and below 1.
        beta1: f64,
        /// At least 0 and below 1.
        beta2: f64,
        /// Above 0.
        epsilon: f64,
        /// At least 0.
        weight_decay: f64,
    },
}

impl Optimiser {
    /// Names, as the option `optimiser` and a workload's file have them.
    pub const NAMES: [&'static str; 3] = ["sgd", "momentum", "adam"];
    /// Key of the option that names it.
    pub(crate) const KEY: &'static str = "optimiser";

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum { .. } => "momentum",
            Self::Adam { .. } => "adam",
        }
    }

    /// The numbers that it has, by the keys of their options.
    pub fn numbers(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Sgd => vec![],
            Self::Momentum { momentum, weight_decay } => {
                vec![("momentum", momentum), ("weight_decay", weight_decay)]
            }
            Self::Adam { beta1, beta2, epsilon, weight_decay } => {
                vec![("beta1", beta1), ("beta2", beta2), ("epsilon", epsilon), ("weight_decay", weight_decay)]
            }
        }
    }

    /// The share of the weights that is added to their gradients.
    pub fn weight_decay(self) -> f64 {
        match self {
            Self::Sgd => 0.0,
            Self::Momentum { weight_decay, .. } | Self::Adam { weight_decay, .. } => weight_decay,
        }
    }

    /// Whether a step depends on the steps before it, beside the parameters.
    pub fn has_state(self) -> bool {
        self != Self::Sgd
    }

    /// Refuses numbers that it cannot have.
    ///
    /// # Errors
    /// `invalid`, naming the number and its range.
    pub fn check(self) -> Result<(), Error> {
        for (key, number) in self.numbers() {
            let (fits, range) = match key {
                "epsilon" => (number > 0.0, "above 0"),
                "weight_decay" => (number >= 0.0, "from 0 on"),
                _ => ((0.0..1.0).contains(&number), "from 0 to below 1"),
            };
            if !(fits && number.is_finite()) {
                return Err(Error::invalid(format!("{key} {number} is not a number {range}")));
            }
        }
        Ok(())
    }

    /// The options that ask for it: none for plain gradient descent, which every plugin does.
    #[cfg(feature = "host")]
    pub(crate) fn options(self) -> Vec<(&'static str, String)> {
        if self == Self::Sgd {
            return vec![];
        }
        let numbers = self.numbers().into_iter().map(|(key, number)| (key, number.to_string()));
        std::iter::once((Self::KEY, self.name().to_owned())).chain(numbers).collect()
    }

    /// What options ask for, each a key and its value.
    ///
    /// # Errors
    /// `unsupported` for another name than [`Self::NAMES`], `invalid` where a number is missing, none, or not in
    /// its range.
    pub(crate) fn from_options(options: &[(String, String)]) -> Result<Self, Error> {
        let find =
            |key: &str| options.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        let number = |key: &str| {
            let value = find(key).ok_or_else(|| Error::invalid(format!("option {key} is missing")))?;
            value.parse::<f64>().map_err(|_| Error::invalid(format!("option {key} is no number: {value}")))
        };
        let optimiser = match find(Self::KEY) {
            None | Some("sgd") => Self::Sgd,
            Some("momentum") => {
                Self::Momentum { momentum: number("momentum")?, weight_decay: number("weight_decay")? }
            }
            Some("adam") => Self::Adam {
                beta1: number("beta1")?,
                beta2: number("beta2")?,
                epsilon: number("epsilon")?,
                weight_decay: number("weight_decay")?,
            },
            Some(other) => {
                return Err(Error::unsupported(format!("optimiser {other} is not known to this plugin")));
            }
        };
        optimiser.check().map(|()| optimiser)
    }

    /// Whether an option of this key is a part of it.
    pub(crate) fn has_option(self, key: &str) -> bool {
        key == Self::KEY || self.numbers().iter().any(|(known, _)| *known == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAM: Optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 5e-4 };

    #[cfg(feature = "host")]
    #[test]
    fn what_options_ask_for_is_what_was_asked() {
        let all = [Optimiser::Sgd, Optimiser::Momentum { momentum: 0.9, weight_decay: 0.0 }, ADAM];
        for (optimiser, name) in all.into_iter().zip(Optimiser::NAMES) {
            let options: Vec<(String, String)> =
                optimiser.options().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            assert!(options.iter().all(|(key, _)| optimiser.has_option(key)));
            assert_eq!((Optimiser::from_options(&options), optimiser.name()), (Ok(optimiser), name));
        }
        assert_eq!(Optimiser::Sgd.options(), []);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let options = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            Optimiser::from_options(&pairs).unwrap_err()
        };
        let momentum =
            |value: &str| options(&[("optimiser", "momentum"), ("momentum", value), ("weight_decay", "0")]);
        assert_eq!(momentum("1"), Error::invalid("momentum 1 is not a number from 0 to below 1"));
        assert_eq!(momentum("NaN"), Error::invalid("momentum NaN is not a number from 0 to below 1"));
        assert_eq!(momentum("much"), Error::invalid("option momentum is no number: much"));
        let error = Error::unsupported("optimiser rmsprop is not known to this plugin");
        assert_eq!(options(&[("optimiser", "rmsprop")]), error);
        assert_eq!(options(&[("optimiser", "adam")]), Error::invalid("option beta1 is missing"));
        let adam = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 0.0, weight_decay: 0.0 };
        assert_eq!(adam.check(), Err(Error::invalid("epsilon 0 is not a number above 0")));
    }
}
