//! Max pooling.

use tch::{TchError, Tensor};

/// The maximum over square windows without padding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxPool {
    window: i64,
    stride: i64,
    has_onednn: bool,
}

impl MaxPool {
    pub(crate) fn new(window: usize, stride: usize) -> Self {
        Self { window: window as i64, stride: stride as i64, has_onednn: tch::utils::has_mkldnn() }
    }

    /// With oneDNN's kernel where libtorch has it: it is vectorised, the one behind
    /// `max_pool2d` is not, and both give a tie's gradient to the first maximum.
    pub(crate) fn forward(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        let (window, stride) = ([self.window; 2], [self.stride; 2]);
        if !self.has_onednn {
            return inputs.f_max_pool2d(window, stride, [0, 0], [1, 1], false);
        }
        let pooled = inputs.f_to_mkldnn(None)?.f_mkldnn_max_pool2d(window, stride, [0, 0], [1, 1], false)?;
        pooled.f_to_dense(None, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    /// Values and gradients on inputs full of ties, by both kernels.
    #[test]
    fn onednn_breaks_ties_as_libtorch_does() {
        assert!(tch::utils::has_mkldnn(), "the same kernel twice shows nothing");
        for (window, stride) in [(2, 2), (2, 1), (3, 2), (3, 1), (1, 2), (5, 3)] {
            for channels in [1, 3, 16] {
                let inputs = Tensor::randint(3, [4, channels, 11, 9], (Kind::Float, Device::Cpu));
                let [ours, libtorchs] = [true, false].map(|has_onednn| {
                    let inputs = inputs.copy().set_requires_grad(true);
                    let outputs = MaxPool { window, stride, has_onednn }.forward(&inputs).unwrap();
                    // Each output passes on another gradient.
                    let places = Tensor::arange(outputs.numel() as i64, (Kind::Float, Device::Cpu));
                    (&outputs * places.view_as(&outputs)).sum(Kind::Float).backward();
                    (outputs, inputs.grad())
                });
                assert_eq!(ours, libtorchs, "window {window}, stride {stride}, {channels} channels");
            }
        }
    }
}
