//! What the harness's checks do not see: layers that its workloads lack, and
//! refusals.

mod epochs;
mod layers;
mod refusals;

use trainmark_plugin::{Dataset, Error, Layer, Model, OpenRequest, Samples, Session, Shape, Split};

use crate::Tch;
use trainmark_plugin::Backend as _;

/// Images of one channel with pixels 255 or 0, which the network sees as 1 or 0.
struct Images {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Images {
    /// One image, row by row; its class is 0.
    fn one(rows: &[&[u8]]) -> Self {
        let pixels = rows.concat().into_iter().map(|bit| bit * 255).collect();
        Self { height: rows.len(), width: rows[0].len(), pixels, labels: vec![0] }
    }

    fn open(
        &self,
        layers: &[Layer],
        implementation: &str,
        device: &str,
    ) -> Result<Box<dyn Session + '_>, Error> {
        let samples = Samples::new(&self.pixels, &self.labels);
        Tch::open(
            OpenRequest::new(
                Model::new(
                    "m",
                    Shape::Image { channels: 1, height: self.height, width: self.width },
                    layers.to_vec(),
                ),
                Dataset::new(samples, samples),
                self.labels.len(),
                1.0,
            )
            .with_implementation(implementation)
            .with_device(device),
        )
    }

    /// Logits of the first image with these parameters.
    fn logits(&self, layers: &[Layer], parameters: &[&[f32]], count: usize) -> Vec<f32> {
        let mut session = self.open(layers, "none", "cpu").unwrap();
        session.set_parameters(parameters).unwrap();
        let mut logits = vec![f32::NAN; count];
        session.predict(Split::Test, &[0], 1, &mut logits).unwrap();
        logits
    }
}

/// Every parameter of a session; `lengths` are their numbers of values.
fn parameters(session: &mut dyn Session, lengths: &[usize]) -> Vec<Vec<f32>> {
    let mut values: Vec<_> = lengths.iter().map(|&length| vec![f32::NAN; length]).collect();
    let mut slices: Vec<_> = values.iter_mut().map(Vec::as_mut_slice).collect();
    session.get_parameters(&mut slices).unwrap();
    values
}
