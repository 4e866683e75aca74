//! Initial values: the same bits for every backend, on every platform.

pub use trainmark_numerics::random::uniform_generator;
use trainmark_plugin::{Error, Model, ParameterSpec, Role, RunningVariance};

/// One row-major tensor per [`Model::parameters`] entry.
///
/// Weights are Xavier-uniform, U(±√(6/(fan_in + fan_out))) (Glorot and Bengio,
/// 2010); biases of convolution and linear layers U(±1/√fan_in); γ = 1, β = 0;
/// running mean 0; running variance 1 or 0, as the convention has it.
///
/// Each weight and bias draws from a stream of its own, numbered among the layers
/// that have weights: models that differ only in batch norm start from equal values.
///
/// # Errors
/// Where the model's shapes do not fit.
pub fn initial_parameters(
    model: &Model,
    running_variance: RunningVariance,
    seed: u64,
) -> Result<Vec<Vec<f32>>, Error> {
    let mut weighted_layers = 0;
    let values = model.parameters()?.into_iter().map(|spec| match spec.role {
        Role::Weight => {
            weighted_layers += 1;
            let bound = (6.0 / (spec.fan_in + spec.fan_out) as f64).sqrt();
            uniform_tensor(&spec, bound, seed, 2 * weighted_layers)
        }
        Role::Bias => {
            let bound = 1.0 / (spec.fan_in as f64).sqrt();
            uniform_tensor(&spec, bound, seed, 2 * weighted_layers + 1)
        }
        Role::Gamma => vec![1.0; spec.len()],
        Role::Beta | Role::RunningMean => vec![0.0; spec.len()],
        Role::RunningVariance => vec![running_variance.start(); spec.len()],
    });
    Ok(values.collect())
}

/// Only a conversion, a square root and one product are rounded: IEEE 754 fixes
/// all three, on every platform.
fn uniform_tensor(spec: &ParameterSpec, bound: f64, seed: u64, stream: u64) -> Vec<f32> {
    let bound = bound as f32;
    uniform_generator("initial values", seed, stream).take(spec.len()).map(|u| u * bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{lenet, lenet_bn};

    fn values(model: &Model, seed: u64) -> Vec<(ParameterSpec, Vec<f32>)> {
        let values = initial_parameters(model, RunningVariance::UnbiasedFromOne, seed).unwrap();
        model.parameters().unwrap().into_iter().zip(values).collect()
    }

    #[test]
    fn values_are_pinned_to_the_bit() {
        let all = values(&lenet_bn().model, 1);
        let bits: Vec<u32> = all[0].1[..4].iter().map(|v| v.to_bits()).collect();
        insta::assert_compact_debug_snapshot!(bits);
        let hash = all.iter().flat_map(|(_, tensor)| tensor).fold(0xcbf2_9ce4_8422_2325_u64, |hash, v| {
            (hash ^ u64::from(v.to_bits())).wrapping_mul(0x100_0000_01b3)
        });
        insta::assert_snapshot!(format!("{hash:016x}"));
    }

    #[test]
    fn ranges_means_and_spreads_are_those_of_the_distributions() {
        for (spec, tensor) in values(&lenet_bn().model, 7) {
            let (fan_in, fan_out) = (spec.fan_in as f32, spec.fan_out as f32);
            let bound = match spec.role {
                Role::Weight => (6.0 / (fan_in + fan_out)).sqrt(),
                Role::Bias => 1.0 / fan_in.sqrt(),
                Role::Gamma | Role::RunningVariance => {
                    assert!(tensor.iter().all(|&v| v == 1.0));
                    continue;
                }
                Role::Beta | Role::RunningMean => {
                    assert!(tensor.iter().all(|&v| v == 0.0));
                    continue;
                }
            };
            assert!(tensor.iter().all(|v| v.abs() <= bound), "{}", spec.name);
            if tensor.len() > 1000 {
                let n = tensor.len() as f32;
                let mean = tensor.iter().sum::<f32>() / n;
                let square = tensor.iter().map(|v| v * v).sum::<f32>() / n;
                assert!(mean.abs() < 0.06 * bound, "{}: mean {mean}", spec.name);
                assert!((square / (bound * bound / 3.0) - 1.0).abs() < 0.08, "{}", spec.name);
            }
        }
    }

    #[test]
    fn the_control_starts_from_the_same_weights() {
        let weighted = |model: &Model| -> Vec<Vec<f32>> {
            let kept = values(model, 3).into_iter();
            kept.filter(|(s, _)| matches!(s.role, Role::Weight | Role::Bias)).map(|(_, t)| t).collect()
        };
        assert_eq!(weighted(&lenet_bn().model), weighted(&lenet().model));
    }

    #[test]
    fn seeds_and_tensors_differ() {
        let model = lenet_bn().model;
        assert_ne!(values(&model, 1)[0].1, values(&model, 2)[0].1);
        let one = values(&model, 1);
        let scaled = |tensor: &[f32]| tensor.iter().map(|v| v / tensor[0]).take(4).collect::<Vec<_>>();
        assert_ne!(scaled(&one[0].1), scaled(&one[6].1));
    }

    #[test]
    fn the_running_variance_follows_the_convention() {
        let model = lenet_bn().model;
        let specs = model.parameters().unwrap();
        for (convention, start) in RunningVariance::ALL.into_iter().zip([1.0, 0.0, 1.0]) {
            let values = initial_parameters(&model, convention, 1).unwrap();
            let mut variances = specs.iter().zip(values).filter(|(s, _)| s.role == Role::RunningVariance);
            assert!(variances.all(|(_, tensor)| tensor.iter().all(|&v| v == start)), "{convention:?}");
        }
    }
}
