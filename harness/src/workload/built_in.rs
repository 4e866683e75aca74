//! The workloads that come with trainmark: files, embedded.

use std::sync::LazyLock;

use super::{Workload, file};

static BUILT_IN: LazyLock<Vec<Workload>> = LazyLock::new(|| FILES.iter().map(|text| parsed(text)).collect());

/// The main one first, then its control and the smallest; the chapter's others and its exercises follow.
const FILES: [&str; 20] = [
    include_str!("../../workloads/lenet-bn.toml"),
    include_str!("../../workloads/lenet.toml"),
    include_str!("../../workloads/softmax.toml"),
    include_str!("../../workloads/d2l-lenet-bn.toml"),
    include_str!("../../workloads/d2l-lenet.toml"),
    include_str!("../../workloads/lenet-bn-after.toml"),
    include_str!("../../workloads/lenet-bn-conv.toml"),
    include_str!("../../workloads/lenet-bn-linear.toml"),
    include_str!("../../workloads/lenet-bn-no-bias.toml"),
    include_str!("../../workloads/lenet-dropout.toml"),
    include_str!("../../workloads/mlp.toml"),
    include_str!("../../workloads/mlp-bn.toml"),
    include_str!("../../workloads/mlp-bn-after.toml"),
    include_str!("../../workloads/mlp-dropout.toml"),
    include_str!("../../workloads/lenet-bn-adam.toml"),
    include_str!("../../workloads/lenet-adam.toml"),
    include_str!("../../workloads/vgg-bn.toml"),
    include_str!("../../workloads/vgg.toml"),
    include_str!("../../workloads/resnet-bn.toml"),
    include_str!("../../workloads/resnet.toml"),
];

/// No workload has the name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no workload `{name}`; did you mean `{nearest}`? there are: {known}")]
pub struct UnknownWorkload {
    /// What was asked for.
    pub name: String,
    /// The existing name that is spelled most like it.
    pub nearest: String,
    /// Every name, separated by commas.
    pub known: String,
}

/// A mistake would be this program's own: a test reads every file.
fn parsed(text: &str) -> Workload {
    file::parse(text).unwrap_or_else(|mistake| panic!("a built-in workload, {mistake}"))
}

/// LeNet with batch norm before every sigmoid: the main workload.
pub fn lenet_bn() -> Workload {
    BUILT_IN[0].clone()
}

/// The same network without batch norm: the control.
pub fn lenet() -> Workload {
    BUILT_IN[1].clone()
}

/// Softmax regression: the smallest workload, for quick tries.
pub fn softmax() -> Workload {
    BUILT_IN[2].clone()
}

/// Every workload, the main one first.
pub fn all() -> Vec<Workload> {
    BUILT_IN.clone()
}

/// The workload of that name.
///
/// # Errors
/// Where there is none, naming the nearest.
pub fn find(name: &str) -> Result<Workload, UnknownWorkload> {
    if let Some(workload) = BUILT_IN.iter().find(|workload| workload.name == name) {
        return Ok(workload.clone());
    }
    // Whoever asks for a page of text means none of them.
    let name = file::shown(name);
    let names = || BUILT_IN.iter().map(|workload| workload.name.as_str());
    let nearest = names().min_by_key(|known| strsim::damerau_levenshtein(known, &name));
    Err(UnknownWorkload {
        nearest: nearest.unwrap_or_default().into(),
        known: names().collect::<Vec<_>>().join(", "),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainmark_plugin::Layer;

    #[test]
    fn every_workload_fits_and_is_found_by_name() {
        for workload in all() {
            assert_eq!(workload.model.classes(), Ok(10));
            assert_eq!(workload.model.name, workload.name);
            assert_eq!(find(&workload.name).as_ref(), Ok(&workload));
        }
        assert_eq!([lenet_bn(), lenet(), softmax()].map(|one| one.name), ["lenet-bn", "lenet", "softmax"]);
        let names: std::collections::HashSet<String> = all().into_iter().map(|one| one.name).collect();
        assert_eq!(names.len(), all().len(), "each has a name of its own");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = find("lenet_bn").unwrap_err();
        let told = error.to_string();
        let start = "no workload `lenet_bn`; did you mean `lenet-bn`? there are: lenet-bn, lenet, softmax, ";
        assert!(told.starts_with(start), "{told}");
        let error = find(&"lenet\n".repeat(100_000)).unwrap_err().to_string();
        assert!(error.len() < 400 && !error.contains('\n'), "{error}");
    }

    /// Whoever compares the two sees nothing else.
    #[test]
    fn a_control_differs_only_by_its_batch_norm() {
        let known = all();
        let named: Vec<&Workload> = known.iter().filter(|workload| workload.control.is_some()).collect();
        assert_eq!(named.len(), 10);
        for with in named {
            let control = with.control.as_deref().unwrap();
            let without = known.iter().find(|other| other.name == control).unwrap();
            let mut kept = with.model.clone();
            let is_norm = |layer: &Layer| matches!(layer, Layer::BatchNorm { .. });
            while let Some(index) = kept.layers.iter().position(is_norm) {
                kept = crate::workload::without(&kept, index);
            }
            kept.name.clone_from(&without.name);
            assert_eq!(kept, without.model, "{}", with.name);
            assert_eq!(
                (with.optimiser, with.learning_rate, with.batch_size, with.epochs),
                (without.optimiser, without.learning_rate, without.batch_size, without.epochs),
                "{}",
                with.name
            );
        }
    }
}
