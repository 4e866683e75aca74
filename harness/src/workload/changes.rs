//! Workloads that differ from their definition: by options of the command line, or by a file that
//! has the name of a built-in one.

use trainmark_plugin::Optimiser;

use super::network::lines;
use super::{Workload, find, number, optimiser};

/// Values that options give, each to be tried; none: that of the workload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// `--optimiser`
    pub optimisers: Vec<Optimiser>,
    /// `--learning-rate`
    pub learning_rates: Vec<f64>,
    /// `--batch-size`
    pub batch_sizes: Vec<usize>,
    /// `--samples`
    pub samples: Vec<usize>,
}

impl Changes {
    /// Every workload with every combination of the values. Each has the name of what it is a
    /// change of, with what has changed, and so has its control.
    pub fn of(&self, workloads: &[Workload]) -> Vec<Workload> {
        let mut changed: Vec<Workload> = Vec::new();
        for workload in workloads {
            let control = workload.control.as_ref().map(|name| {
                // Of two of one name the built-in one: the other is called what it is.
                let known = workloads.iter().filter(|other| other.name == *name);
                let known = known.max_by_key(|other| other.is_built_in()).cloned();
                known.or_else(|| find(name).ok())
            });
            let controls = match control.flatten() {
                Some(control) => self.each(&control).into_iter().map(|one| Some(one.name)).collect(),
                None => vec![workload.control.clone(); self.count()],
            };
            for (one, control) in self.each(workload).into_iter().zip(controls) {
                let one = Workload { control, ..one };
                if !changed.iter().any(|known| known.name == one.name) {
                    changed.push(one);
                }
            }
        }
        changed
    }

    /// How many of each workload there are.
    pub fn count(&self) -> usize {
        [self.optimisers.len(), self.learning_rates.len(), self.batch_sizes.len(), self.samples.len()]
            .into_iter()
            .map(|values| values.max(1))
            .product()
    }

    fn each(&self, workload: &Workload) -> Vec<Workload> {
        let samples: Vec<_> = self.samples.iter().copied().map(Some).collect();
        let mut each = Vec::new();
        for optimiser in or_own(&self.optimisers, workload.optimiser) {
            for learning_rate in or_own(&self.learning_rates, workload.learning_rate) {
                for batch_size in or_own(&self.batch_sizes, workload.batch_size) {
                    for samples in or_own(&samples, workload.samples) {
                        let own = workload.clone();
                        let changed = Workload { optimiser, learning_rate, batch_size, samples, ..own };
                        each.push(changed.named_after(workload));
                    }
                }
            }
        }
        each
    }
}

fn or_own<T: Copy>(values: &[T], own: T) -> Vec<T> {
    if values.is_empty() { vec![own] } else { values.to_vec() }
}

const INPUT: &str = "input ";
const RESIZED: &str = "images of ";
const NOT_RESIZED: &str = "images not resized";
const OTHER_LAYERS: &str = "other layers";
const OTHER_TOLERANCES: &str = "other tolerances";

/// A workload's name without the changes that only a file makes; `None` where it tells of none of them.
pub(crate) fn without_changes_of_a_file(name: &str) -> Option<String> {
    let (base, changes) = name.split_once(" (")?;
    let changes: Vec<&str> = changes.strip_suffix(')')?.split(", ").collect();
    let is_of_a_file = |change: &&str| {
        change.starts_with(INPUT)
            || change.starts_with(RESIZED)
            || [NOT_RESIZED, OTHER_LAYERS, OTHER_TOLERANCES].contains(change)
    };
    let of_options: Vec<&str> = changes.iter().copied().filter(|change| !is_of_a_file(change)).collect();
    match (of_options.len() == changes.len(), of_options.is_empty()) {
        (true, _) => None,
        (false, true) => Some(base.to_owned()),
        (false, false) => Some(format!("{base} ({})", of_options.join(", "))),
    }
}

impl Workload {
    /// The built-in workload with what options have changed of it, under the name that says so.
    pub(crate) fn with_options(
        &self,
        optimiser: Optimiser,
        learning_rate: f64,
        batch_size: usize,
        samples: Option<usize>,
    ) -> Self {
        let own = self.clone();
        Self { optimiser, learning_rate, batch_size, samples, ..own }.named_after(self)
    }

    /// With the name of the built-in workload that it is a change of, else of `given`, and what
    /// has changed: results of two definitions never stand under one name.
    fn named_after(self, given: &Workload) -> Self {
        let built_in = find(&self.name).ok();
        let changes = self.changes_from(built_in.as_ref().unwrap_or(given));
        if changes.is_empty() {
            return self;
        }
        let name = format!("{} ({})", self.name, changes.join(", "));
        let mut model = self.model;
        model.name.clone_from(&name);
        Self { model, name, ..self }
    }

    fn changes_from(&self, base: &Workload) -> Vec<String> {
        let mut changes = Vec::new();
        if self.model.input != base.model.input {
            changes.push(format!("{INPUT}{}", self.model.input));
        }
        if self.resize != base.resize {
            let size = self.resize.map(|[rows, columns]| format!("{rows}×{columns}"));
            changes.push(size.map_or_else(|| NOT_RESIZED.to_owned(), |size| format!("{RESIZED}{size}")));
        }
        if lines(&self.model) != lines(&base.model) {
            changes.push(OTHER_LAYERS.to_owned());
        }
        if self.optimiser != base.optimiser {
            changes.push(optimiser::short(self.optimiser));
        }
        if self.learning_rate != base.learning_rate {
            changes.push(format!("learning rate {}", number::printed(self.learning_rate)));
        }
        if self.batch_size != base.batch_size {
            changes.push(format!("batch size {}", self.batch_size));
        }
        if self.samples != base.samples {
            changes.push(self.samples.map_or_else(|| "all samples".to_owned(), |n| format!("{n} samples")));
        }
        if self.tolerances != base.tolerances {
            changes.push(OTHER_TOLERANCES.to_owned());
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Tolerances, lenet, lenet_bn, softmax};

    fn names(workloads: &[Workload]) -> Vec<&str> {
        workloads.iter().map(|one| &*one.name).collect()
    }

    #[test]
    fn without_changes_all_stays_as_it_is() {
        let workloads = [lenet_bn(), lenet(), softmax()];
        assert_eq!(Changes::default().of(&workloads), workloads);
        assert_eq!(Changes::default().count(), 1);
    }

    #[test]
    fn lists_make_a_workload_each_with_its_control() {
        let changes =
            Changes { learning_rates: vec![0.1, 1.0], batch_sizes: vec![64, 256], ..Changes::default() };
        let changed = changes.of(&[lenet_bn(), lenet()]);
        assert_eq!(changes.count(), 4);
        insta::assert_snapshot!(
            changed.iter().map(|one| format!("{} | {:?}\n", one.name, one.control)).collect::<String>()
        );
        for one in &changed {
            assert_eq!(one.model.name, one.name);
            let is_own = one.learning_rate == 1.0 && one.batch_size == 256;
            assert_eq!(one.is_built_in(), is_own, "{}", one.name);
        }
        // The control need not be asked for.
        assert_eq!(changes.of(&[lenet_bn()])[..], changed[..4]);
        let adam =
            ["sgd", "adam", "adam β1 0.5, weight decay 0.1"].map(|words| optimiser::parse(words).unwrap());
        let adam = Changes { optimisers: adam.into(), ..Changes::default() }.of(&[softmax()]);
        let whole = "softmax (adam β1 0.5, β2 0.999, ε 1e-8, weight decay 1e-1)";
        assert_eq!(names(&adam), ["softmax", "softmax (adam)", whole]);
        // The same value twice is one workload.
        let twice = Changes { learning_rates: vec![0.5, 0.5], ..Changes::default() };
        assert_eq!(names(&twice.of(&[softmax()])), ["softmax (learning rate 0.5)"]);
    }

    #[test]
    fn a_file_with_a_built_in_name_is_called_what_it_is() {
        let mut other = lenet_bn();
        other.model.layers.remove(1);
        other.tolerances = Tolerances::default();
        let other = [Workload { learning_rate: 0.3, ..other }];
        let changed = Changes { samples: vec![600], ..Changes::default() }.of(&other);
        assert_eq!(
            names(&changed),
            ["lenet-bn (other layers, learning rate 0.3, 600 samples, other tolerances)"]
        );
        // Beside the built-in one, which is the control of whoever names it.
        let after = Workload { name: "after".to_owned(), control: Some("lenet-bn".to_owned()), ..lenet_bn() };
        let mine = Workload { learning_rate: 0.3, ..lenet_bn() };
        for both in [[mine.clone(), lenet_bn(), after.clone()], [lenet_bn(), mine, after]] {
            let changed = Changes::default().of(&both);
            let mut all = names(&changed);
            all.sort_unstable();
            assert_eq!(all, ["after", "lenet-bn", "lenet-bn (learning rate 0.3)"]);
            assert_eq!(changed[2].control.as_deref(), Some("lenet-bn"));
        }
        // What is said of it is no change.
        let said = [Workload { summary: "mine".to_owned(), epochs: 9, ..lenet_bn() }];
        assert_eq!(Changes::default().of(&said), said);
        // An own name is changed by options only.
        let mine = [Workload { name: "mine".to_owned(), ..softmax() }];
        assert_eq!(names(&Changes::default().of(&mine)), ["mine"]);
        let changed = Changes { learning_rates: vec![0.2], ..Changes::default() }.of(&mine);
        assert_eq!(names(&changed), ["mine (learning rate 0.2)"]);
    }
}
