//! What makes two workloads of one name the same training.

use sha2::{Digest, Sha256};

use super::{Workload, file, find};
use crate::units::hexadecimal;

impl Workload {
    /// SHA-256, in hexadecimal digits, of what is trained and how far from it a backend may be:
    /// the input, the layers, the optimiser's settings, the batch size and the tolerances, as a
    /// workload's file has them. Numbers of two definitions are not held against each other.
    pub fn definition(&self) -> String {
        hexadecimal(&Sha256::digest(file::defining_text(self)))
    }

    /// Whether the workload of this name that comes with trainmark is defined alike.
    pub fn is_built_in(&self) -> bool {
        find(&self.name).is_ok_and(|known| known.definition() == self.definition())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{all, lenet, lenet_bn};
    use trainmark_plugin::Optimiser;

    /// Records of earlier versions have these: who changes a built-in workload gives it a new name.
    #[test]
    fn definitions_are_pinned() {
        let lines =
            all().iter().map(|one| format!("{} {}\n", one.name, one.definition())).collect::<String>();
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn what_is_trained_defines_it_and_what_is_said_of_it_does_not() {
        let one = lenet_bn();
        let mut said = Workload { summary: String::new(), control: None, epochs: 1, ..one.clone() };
        said.targets.clear();
        assert_eq!(said.definition(), one.definition());
        let changed = [
            Workload { learning_rate: 0.5, ..one.clone() },
            Workload { optimiser: Optimiser::Momentum { momentum: 0.0, weight_decay: 0.0 }, ..one.clone() },
            Workload { batch_size: 255, ..one.clone() },
            Workload { samples: Some(600), ..one.clone() },
            Workload { resize: Some([28, 28]), ..one.clone() },
            Workload { tolerances: lenet().tolerances, ..one.clone() },
            Workload { model: lenet().model, ..one.clone() },
        ];
        for other in changed {
            assert_ne!(other.definition(), one.definition());
            assert!(!other.is_built_in());
        }
        assert!(one.is_built_in());
    }
}
