//! Max pooling.

use tch::{Device, TchError, Tensor};

/// The maximum over square windows without padding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxPool {
    window: i64,
    stride: i64,
    use_onednn: bool,
}

impl MaxPool {
    pub(crate) fn new(window: usize, stride: usize, device: Device) -> Self {
        let use_onednn = device == Device::Cpu && tch::utils::has_mkldnn();
        Self { window: window as i64, stride: stride as i64, use_onednn }
    }

    /// On the CPU with oneDNN's kernel where libtorch has it: it is vectorised, the one
    /// behind `max_pool2d` is not. All of them give a tie's gradient to the first
    /// maximum; CUDA's kernel (libtorch's `DilatedMaxPool2d.cu`) goes through a window
    /// row by row and takes a later value only where it is larger.
    pub(crate) fn forward(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        let (window, stride) = ([self.window; 2], [self.stride; 2]);
        if !self.use_onednn {
            return inputs.f_max_pool2d(window, stride, [0, 0], [1, 1], false);
        }
        let pooled = inputs.f_to_mkldnn(None)?.f_mkldnn_max_pool2d(window, stride, [0, 0], [1, 1], false)?;
        pooled.f_to_dense(None, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    /// Values and gradients on inputs full of ties, by both kernels.
    #[test]
    fn onednn_breaks_ties_as_libtorch_does() {
        assert!(tch::utils::has_mkldnn(), "the same kernel twice shows nothing");
        for (window, stride) in [(2, 2), (2, 1), (3, 2), (3, 1), (1, 2), (5, 3)] {
            for channels in [1, 3, 16] {
                let inputs = Tensor::randint(3, [4, channels, 11, 9], (Kind::Float, Device::Cpu));
                let [ours, libtorchs] = [true, false].map(|use_onednn| {
                    let inputs = inputs.copy().set_requires_grad(true);
                    let outputs = MaxPool { window, stride, use_onednn }.forward(&inputs).unwrap();
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
