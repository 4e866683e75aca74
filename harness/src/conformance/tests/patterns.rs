//! Images with flat backgrounds, as Fashion-MNIST's are: max pool windows tie.

use trainmark_plugin::{Dataset, Samples};

use crate::workload::uniform_generator;

pub(in crate::conformance) struct Patterns {
    pixels: [Vec<u8>; 2],
    labels: [Vec<u8>; 2],
}

impl Patterns {
    /// `train` and `test` images of `side`² pixels: zeros with a noisy rectangle
    /// whose place, size and brightness depend on the label.
    pub(in crate::conformance) fn new(side: usize, train: usize, test: usize) -> Self {
        let split = |stream: u64, count: usize| {
            let mut random = uniform_generator("patterns", 5, stream).map(|u| (u + 1.0) / 2.0);
            let mut below = move |bound: usize| (random.next().unwrap() * bound as f32) as usize;
            let (mut pixels, mut labels) = (vec![0; count * side * side], Vec::new());
            for image in pixels.chunks_exact_mut(side * side) {
                let label = below(10);
                labels.push(label as u8);
                let (height, width) = (side / 3 + label % 3 + below(2), side / 3 + label / 4 + below(2));
                let (top, left) = (below(side - height), below(side - width));
                for y in top..top + height {
                    for x in left..left + width {
                        image[y * side + x] = (25 * label + below(30)) as u8;
                    }
                }
            }
            (pixels, labels)
        };
        let ((train_pixels, train_labels), (test_pixels, test_labels)) = (split(0, train), split(1, test));
        Self { pixels: [train_pixels, test_pixels], labels: [train_labels, test_labels] }
    }

    pub(in crate::conformance) fn dataset(&self) -> Dataset<'_> {
        let samples = |split: usize| Samples::new(&self.pixels[split], &self.labels[split]);
        Dataset::new(samples(0), samples(1))
    }
}
