//! What the command line asks for.

pub(super) const USAGE: &str = "\
usage: epoch [--implementation NAME] [--device ID] [--threads N] [--mode MODE] [--epochs N] [--samples N] [--seed N]

  --implementation  primitive or builtin [default: primitive]
  --device          cpu, cuda:0, … as far as the backend was built for it [default: cpu]
  --threads         for a processor [default: 2]
  --mode            steps: epochs of single steps, with the fastest one, and prediction [default]
                    epochs: whole epochs, the milliseconds of each
                    replays: epochs of 1, 2, 10, 50 and 235 steps, and the line through their times
                    one-step: one step and nothing else, for profilers and checkers
  --epochs          how many; with replays, how many of each length [default: 5]
  --samples         how many there are [default: 60000]
  --seed            of pixels, initial values and order [default: 1]";

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Steps,
    Epochs,
    Replays,
    OneStep,
}

const MODES: [(&str, Mode); 4] = [
    ("steps", Mode::Steps),
    ("epochs", Mode::Epochs),
    ("replays", Mode::Replays),
    ("one-step", Mode::OneStep),
];

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) implementation: String,
    pub(super) device: String,
    pub(super) threads: usize,
    pub(super) mode: Mode,
    pub(super) epochs: usize,
    pub(super) samples: usize,
    pub(super) seed: u64,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            implementation: "primitive".into(),
            device: "cpu".into(),
            threads: 2,
            mode: Mode::Steps,
            epochs: 5,
            samples: 60_000,
            seed: 1,
        }
    }
}

impl Arguments {
    /// The error says what is wrong with which word, and what is known.
    pub(super) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut arguments = Self::default();
        while let Some(name) = words.next() {
            let known =
                ["--implementation", "--device", "--threads", "--mode", "--epochs", "--samples", "--seed"];
            if !known.contains(&&*name) {
                return Err(format!("{name} is not known; known are {}", known.join(", ")));
            }
            let value = words.next().ok_or_else(|| format!("{name} lacks its value"))?;
            match &*name {
                "--implementation" => arguments.implementation = value,
                "--device" => arguments.device = value,
                "--threads" => arguments.threads = at_least_one(&name, &value)?,
                "--mode" => arguments.mode = mode(&value)?,
                "--epochs" => arguments.epochs = at_least_one(&name, &value)?,
                "--samples" => arguments.samples = at_least_one(&name, &value)?,
                _ => {
                    let wrong = |_| format!("{name} {value}: give a number from 0 on");
                    arguments.seed = value.parse().map_err(wrong)?;
                }
            }
        }
        Ok(arguments)
    }
}

fn at_least_one(name: &str, value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{name} {value}: give a number from 1 on"))
}

fn mode(value: &str) -> Result<Mode, String> {
    let known = MODES.iter().find(|(name, _)| *name == value);
    known.map(|&(_, mode)| mode).ok_or_else(|| {
        let names = MODES.map(|(name, _)| name).join(", ");
        format!("--mode {value} is not known; known are {names}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_argument_is_taken() {
        assert_eq!(parse(""), Ok(Arguments::default()));
        let asked = parse(
            "--implementation builtin --device cuda:0 --threads 3 --mode one-step --epochs 7 --samples 512 --seed 0",
        );
        let expected = Arguments {
            implementation: "builtin".into(),
            device: "cuda:0".into(),
            threads: 3,
            mode: Mode::OneStep,
            epochs: 7,
            samples: 512,
            seed: 0,
        };
        assert_eq!(asked, Ok(expected));
        for (name, mode) in MODES {
            assert_eq!(parse(&format!("--mode {name}")).unwrap().mode, mode);
            assert!(USAGE.contains(&format!("{name}: ")), "{name}");
        }
    }

    #[test]
    fn wrong_words_are_refused_with_what_is_known() {
        for (line, expected) in [
            (
                "builtin 2",
                "builtin is not known; known are --implementation, --device, --threads, --mode, --epochs, --samples, --seed",
            ),
            ("--mode fast", "--mode fast is not known; known are steps, epochs, replays, one-step"),
            ("--epochs", "--epochs lacks its value"),
            ("--epochs 0", "--epochs 0: give a number from 1 on"),
            ("--threads two", "--threads two: give a number from 1 on"),
            ("--seed -1", "--seed -1: give a number from 0 on"),
        ] {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        }
    }
}
