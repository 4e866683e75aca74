//! What a case of `check --operations` is tried on, as the table `[case]` of a workload's file has it.

use std::fmt;

/// Samples and initial values that a seed draws: no data set has a part in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseInputs {
    /// Chooses them.
    pub seed: u64,
    /// What the samples look like.
    pub pixels: Pixels,
    /// What the parameters begin with.
    pub values: Values,
}

impl CaseInputs {
    /// The keys of the table.
    pub const KEYS: [&str; 3] = ["seed", "samples", "values"];
}

impl fmt::Display for CaseInputs {
    /// As the table has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [seed, samples, values] = Self::KEYS;
        write!(f, "{seed} {}, {samples}: {}, {values}: {}", self.seed, self.pixels.key(), self.values.key())
    }
}

/// What the samples look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixels {
    /// Any byte.
    Random,
    /// 0 or 255.
    BlackAndWhite,
    /// Squares of two by two pixels of four levels: ties everywhere.
    Squares,
    /// One level for all of a sample.
    Flat,
    /// The same image for all samples.
    Same,
    /// 0 to 3.
    Dark,
    /// All 0.
    Black,
}

impl Pixels {
    const ALL: [(&str, Self); 7] = [
        ("random", Self::Random),
        ("black and white", Self::BlackAndWhite),
        ("squares", Self::Squares),
        ("flat", Self::Flat),
        ("same", Self::Same),
        ("dark", Self::Dark),
        ("black", Self::Black),
    ];
    /// What may be written.
    pub const EXPECTED: &str =
        "\"random\", \"black and white\", \"squares\", \"flat\", \"same\", \"dark\" or \"black\"";

    /// What a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(key, pixels)| (key == word).then_some(pixels))
    }

    /// The word for it.
    pub fn key(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(key, pixels)| (pixels == self).then_some(key)).unwrap_or_default()
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "of random bytes",
            Self::BlackAndWhite => "of bytes 0 and 255",
            Self::Squares => "of squares of 2×2 equal bytes",
            Self::Flat => "of one byte each",
            Self::Same => "that are all the same",
            Self::Dark => "of bytes 0 to 3",
            Self::Black => "of bytes 0",
        })
    }
}

/// What the parameters begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// As for the gate.
    Ordinary,
    /// Weights and biases are multiples of a quarter: sums of them are exact, and so are ties.
    Quarters,
    /// Those of the first layer with weights times a power of two.
    Scaled(i32),
    /// The first layer with weights has a channel that is constant.
    ConstantChannel,
}

impl Values {
    /// Beyond, float32 has no such factor.
    const LARGEST_EXPONENT: i32 = 120;
    /// What may be written.
    pub const EXPECTED: &str = "\"ordinary\", \"quarters\", \"constant channel\" or \"times 2^-12\"";

    /// What a word means.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "ordinary" => Some(Self::Ordinary),
            "quarters" => Some(Self::Quarters),
            "constant channel" => Some(Self::ConstantChannel),
            _ => {
                let exponent: i32 = word.strip_prefix("times 2^")?.parse().ok()?;
                (exponent.unsigned_abs() <= Self::LARGEST_EXPONENT as u32).then_some(Self::Scaled(exponent))
            }
        }
    }

    /// The word for it.
    pub fn key(self) -> String {
        match self {
            Self::Ordinary => "ordinary".to_owned(),
            Self::Quarters => "quarters".to_owned(),
            Self::ConstantChannel => "constant channel".to_owned(),
            Self::Scaled(exponent) => format!("times 2^{exponent}"),
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinary => Ok(()),
            Self::Quarters => f.write_str(", weights and biases multiples of 1/4"),
            Self::Scaled(exponent) => write!(f, ", first weights and biases times 2^{exponent}"),
            Self::ConstantChannel => f.write_str(", first weights 0 of the first channel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_what_it_was_written_for() {
        for (key, pixels) in Pixels::ALL {
            assert_eq!((Pixels::parse(key), pixels.key()), (Some(pixels), key));
            assert!(Pixels::EXPECTED.contains(&format!("\"{key}\"")), "{key}");
        }
        for values in [Values::Ordinary, Values::Quarters, Values::ConstantChannel, Values::Scaled(-12)] {
            assert_eq!(Values::parse(&values.key()), Some(values));
            assert!(Values::EXPECTED.contains(&format!("\"{}\"", values.key())), "{values:?}");
        }
        for wrong in ["", "times 2^", "times 2^121", "times 2^-2147483648", "Ordinary"] {
            assert_eq!((Values::parse(wrong), Pixels::parse(wrong)), (None, None), "{wrong}");
        }
    }
}
