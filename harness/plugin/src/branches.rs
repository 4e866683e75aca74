//! What each layer reads, where that is not the output of the layer before it.

use std::fmt;

/// What a layer reads. A match on it is exhaustive, as on [`Layer`](crate::Layer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The model's input.
    Input,
    /// The output of the layer with this index into [`Model::layers`](crate::Model::layers).
    Layer(usize),
}

impl Source {
    /// What a layer reads where nothing else is said: the output of the layer before it, and the
    /// first one the model's input.
    pub fn before(layer: usize) -> Self {
        layer.checked_sub(1).map_or(Self::Input, Self::Layer)
    }

    /// Its place in a list of the model's input, followed by the outputs of the layers.
    pub fn place(self) -> usize {
        match self {
            Self::Input => 0,
            Self::Layer(layer) => layer + 1,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => f.write_str("the model's input"),
            Self::Layer(layer) => write!(f, "the output of layer {layer}"),
        }
    }
}

/// What a layer reads: one value, and of an `add` a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reads {
    /// What every kind of layer reads.
    pub first: Source,
    /// What an `add` adds to it.
    pub second: Option<Source>,
}

impl Reads {
    /// Both, as far as they are there.
    pub fn all(self) -> impl Iterator<Item = Source> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// How values pass through a model's layers, for backends that build what they run once: see
/// [`Branches::pass`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branches {
    reads: Vec<Reads>,
    /// How often the input and each layer's output are read.
    counts: Vec<usize>,
}

impl Branches {
    pub(crate) fn new(reads: Vec<Reads>) -> Self {
        let mut counts = vec![0; reads.len() + 1];
        reads.iter().flat_map(|reads| reads.all()).for_each(|source| {
            if let Some(count) = counts.get_mut(source.place()) {
                *count += 1;
            }
        });
        Self { reads, counts }
    }

    /// What each layer reads.
    pub fn reads(&self) -> &[Reads] {
        &self.reads
    }

    /// How often a value is read: what is read more than once sums as many gradients.
    pub fn count(&self, source: Source) -> usize {
        self.counts[source.place()]
    }

    /// Passes a value through the layers and gives the last one's output. `layer` makes one of a
    /// layer's index, what it reads and, for an `add`, what is added to it. A value is handed over
    /// where it is read for the last time, and cloned where it is still wanted.
    ///
    /// # Errors
    /// The first of `layer`.
    #[expect(clippy::expect_used, reason = "a model whose shapes fit reads what is there")]
    pub fn pass<T: Clone, E>(
        &self,
        input: T,
        mut layer: impl FnMut(usize, T, Option<T>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut left = self.counts.clone();
        let mut values: Vec<Option<T>> = vec![None; self.reads.len() + 1];
        values[0] = Some(input);
        for (index, reads) in self.reads.iter().enumerate() {
            let mut read = |source: Source| {
                let place = source.place();
                left[place] -= 1;
                let value = if left[place] == 0 { values[place].take() } else { values[place].clone() };
                value.expect("it is read as often as was counted")
            };
            let (first, second) = (read(reads.first), reads.second.map(&mut read));
            values[index + 1] = Some(layer(index, first, second)?);
        }
        Ok(values[self.reads.len()].take().expect("the last output is read by no layer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, Model, Shape};

    /// What has been cloned shows in its text.
    #[derive(Debug, PartialEq)]
    struct Traced(String);

    impl Clone for Traced {
        fn clone(&self) -> Self {
            Self(format!("{}'", self.0))
        }
    }

    fn passed(model: &Model) -> String {
        let step = |index: usize, first: Traced, second: Option<Traced>| -> Result<_, String> {
            let second = second.map(|second| format!("+{}", second.0)).unwrap_or_default();
            Ok(Traced(format!("{index}({}{second})", first.0)))
        };
        model.branches().unwrap().pass(Traced("x".to_owned()), step).unwrap().0
    }

    #[test]
    fn a_sequence_clones_nothing() {
        let model = Model::new("m", Shape::Vector(2), [Layer::Relu, Layer::Tanh, Layer::Sigmoid]);
        assert_eq!(passed(&model), "2(1(0(x)))");
    }

    #[test]
    fn a_value_is_cloned_until_it_is_read_for_the_last_time() {
        let add = |other| Layer::Add { other };
        let model = Model::new(
            "m",
            Shape::Vector(2),
            [Layer::Relu, Layer::Tanh, add(Source::Input), Layer::Relu, add(Source::Layer(0))],
        );
        assert_eq!(passed(&model), "4(3(2(1(0(x')')+x))+0(x'))");
        let branches = model.branches().unwrap();
        assert_eq!([Source::Input, Source::Layer(0), Source::Layer(1)].map(|s| branches.count(s)), [2, 2, 1]);
    }

    #[test]
    fn the_first_error_ends_the_pass() {
        let model = Model::new("m", Shape::Vector(2), [Layer::Relu, Layer::Tanh]);
        let failed = model.branches().unwrap().pass((), |index, (), _| Err::<(), usize>(index));
        assert_eq!(failed, Err(0));
    }
}
