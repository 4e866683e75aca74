//! Images of bytes: what of a data set is computed once, by the harness.

/// Swaps rows and columns of every image.
pub fn transpose(pixels: &mut [u8], height: usize, width: usize) {
    let mut turned = vec![0; height * width];
    for image in pixels.chunks_exact_mut(turned.len().max(1)) {
        for (place, pixel) in image.iter().enumerate() {
            turned[place % width * height + place / width] = *pixel;
        }
        image.copy_from_slice(&turned);
    }
}

/// Images of one size from images of another, each plane by itself: bilinear, over as many pixels as
/// are made one where an image shrinks, rows first and then columns, rounded to bytes behind each.
/// That is what Pillow does, within one grey level, and so torchvision's `Resize` on an image of
/// Pillow's.
pub fn resize(pixels: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<u8> {
    let ([height, width], [to_height, to_width]) = (from, to);
    let (along_rows, along_columns) = (weights(width, to_width), weights(height, to_height));
    let mut resized = Vec::new();
    for plane in pixels.chunks_exact((height * width).max(1)) {
        let mut rows = vec![0; height * to_width];
        for (row, narrow) in plane.chunks_exact(width).zip(rows.chunks_exact_mut(to_width)) {
            for (pixel, taps) in narrow.iter_mut().zip(&along_rows) {
                *pixel = taps.sum(|place| row[place]);
            }
        }
        for taps in &along_columns {
            resized.extend((0..to_width).map(|column| taps.sum(|row| rows[row * to_width + column])));
        }
    }
    resized
}

/// Each plane as an image of several channels: itself, and a darker copy for each further one.
pub fn in_channels(planes: &[u8], plane: usize, channels: usize) -> Vec<u8> {
    let mut images = Vec::with_capacity(planes.len() * channels);
    for plane in planes.chunks_exact(plane.max(1)) {
        for channel in 0..channels {
            images.extend(
                plane.iter().map(|&pixel| (usize::from(pixel) * (channels - channel) / channels) as u8),
            );
        }
    }
    images
}

/// Which pixels make one, and how much of each.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Bits of a weight behind the point: with 8 of a pixel and 2 to spare they fill 32.
const PRECISION: u32 = 22;

impl Taps {
    fn sum(&self, pixel: impl Fn(usize) -> u8) -> u8 {
        let weighted = |(index, weight): (usize, &i32)| i32::from(pixel(self.first + index)) * weight;
        let sum = self.weights.iter().enumerate().map(weighted).sum::<i32>() + (1 << (PRECISION - 1));
        (sum >> PRECISION).clamp(0, 255) as u8
    }
}

/// The taps of each pixel along one side. A side that stays has weights of 1.
fn weights(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let taps = |index: usize| {
        let center = (index as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let triangle =
            |place: usize| (1.0 - ((place as f64 - center + 0.5) * (1.0 / support)).abs()).max(0.0);
        let total: f64 = (first..end).map(triangle).sum();
        let fixed = |place| (0.5 + triangle(place) / total * f64::from(1 << PRECISION)) as i32;
        Taps { first, weights: (first..end).map(fixed).collect() }
    };
    (0..to).map(taps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Pillow, as `resize.py` beside it says.
    const GOLDEN: &str = include_str!("../../../tests/golden/resize.txt");

    fn golden() -> impl Iterator<Item = ([usize; 4], Vec<u8>)> {
        GOLDEN.lines().map(|line| {
            let (sizes, bytes) = line.rsplit_once(' ').unwrap();
            let sizes: Vec<usize> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
            let byte = |place: usize| u8::from_str_radix(&bytes[place..place + 2], 16).unwrap();
            (sizes.try_into().unwrap(), (0..bytes.len()).step_by(2).map(byte).collect())
        })
    }

    fn image(length: usize) -> Vec<u8> {
        let numbers = std::iter::successors(Some(1_u32), |x| {
            Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        });
        numbers.skip(1).take(length).map(|x| (x >> 24) as u8).collect()
    }

    /// Pillow may begin with the columns where that is less work, and then rounds otherwise.
    #[test]
    fn images_are_resized_as_pillow_does_within_one_grey_level() {
        let mut alike = 0;
        for ([height, width, to_height, to_width], expected) in golden() {
            let found = resize(&image(height * width), [height, width], [to_height, to_width]);
            assert_eq!(found.len(), expected.len());
            let is_near = found.iter().zip(&expected).all(|(found, expected)| found.abs_diff(*expected) <= 1);
            assert!(is_near, "{height}×{width} to {to_height}×{to_width}: {found:?} {expected:?}");
            alike += usize::from(found == expected);
        }
        assert_eq!((golden().count(), alike), (9, 8), "all but one of 30×20");
    }

    #[test]
    fn each_plane_is_resized_by_itself_and_one_that_stays_is_not_changed() {
        let planes = image(2 * 6 * 5);
        let apart: Vec<u8> = planes.chunks(30).flat_map(|plane| resize(plane, [6, 5], [4, 9])).collect();
        assert_eq!(resize(&planes, [6, 5], [4, 9]), apart);
        assert_eq!(resize(&planes, [6, 5], [6, 5]), planes);
        assert_eq!(resize(&[7; 100], [10, 10], [3, 30]), [7; 90]);
    }

    #[test]
    fn channels_are_copies_that_grow_darker() {
        assert_eq!(in_channels(&[200, 9, 100, 3], 2, 1), [200, 9, 100, 3]);
        assert_eq!(in_channels(&[200, 9, 100, 3], 2, 2), [200, 9, 100, 4, 100, 3, 50, 1]);
    }

    #[test]
    fn rows_become_columns() {
        let mut pixels: Vec<u8> = (1..=12).collect();
        transpose(&mut pixels, 2, 3);
        assert_eq!(pixels, [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
        transpose(&mut pixels, 3, 2);
        assert_eq!(pixels, (1..=12).collect::<Vec<u8>>());
    }
}
