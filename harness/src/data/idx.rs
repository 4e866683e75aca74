//! The IDX format: a big-endian header (magic, then one length per dimension)
//! and the bytes, row-major.

use super::error::Mismatch;

/// Magic of a file of labels: unsigned bytes in one dimension.
const LABELS_MAGIC: u32 = 2049;
/// Magic of a file of images: unsigned bytes in three dimensions.
const IMAGES_MAGIC: u32 = 2051;
/// Labels are below this.
pub const CLASSES: u8 = 10;

/// Bytes before the labels: magic and count.
pub const LABELS_HEADER: usize = 8;
/// Bytes before the pixels: magic, count, height, width.
pub const IMAGES_HEADER: usize = 16;

/// Images as they lie in an IDX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdxImages<'a> {
    /// Number of images, at least 1.
    pub count: usize,
    /// Rows of each, at least 1.
    pub height: usize,
    /// Columns of each, at least 1.
    pub width: usize,
    /// `count × height × width` bytes, row-major.
    pub pixels: &'a [u8],
}

impl<'a> IdxImages<'a> {
    /// Reads the header and checks it against the length of `bytes`.
    ///
    /// # Errors
    /// A short header, another magic, a dimension of 0, or a body that is not
    /// `count × height × width` bytes long.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Mismatch> {
        let ([count, height, width], pixels) = split_header(bytes, IMAGES_MAGIC, "images")?;
        if count == 0 || height == 0 || width == 0 {
            return Err(Mismatch::new(
                "at least one image of at least 1×1 pixel",
                format!("{count} images of {height}×{width}"),
            ));
        }
        check_body(&[count, height, width], pixels)?;
        Ok(Self { count, height, width, pixels })
    }

    /// Checks number and size of the images.
    ///
    /// # Errors
    /// Where they differ.
    pub fn expect(&self, count: usize, height: usize, width: usize) -> Result<(), Mismatch> {
        if (self.count, self.height, self.width) == (count, height, width) {
            return Ok(());
        }
        Err(Mismatch::new(
            format!("{count} images of {height}×{width}"),
            format!("{} images of {}×{}", self.count, self.height, self.width),
        ))
    }
}

/// The labels of an IDX file, each below [`CLASSES`].
///
/// # Errors
/// A short header, another magic, no label at all, a body that is not `count`
/// bytes long, or a label out of range.
pub fn parse_labels(bytes: &[u8]) -> Result<&[u8], Mismatch> {
    let ([count], labels) = split_header(bytes, LABELS_MAGIC, "labels")?;
    if count == 0 {
        return Err(Mismatch::new("at least one label", "none"));
    }
    check_body(&[count], labels)?;
    match labels.iter().position(|&label| label >= CLASSES) {
        Some(index) => Err(Mismatch::new(
            format!("labels 0 to {}", CLASSES - 1),
            format!("label {} at sample {index}", labels[index]),
        )),
        None => Ok(labels),
    }
}

/// Checks that each image has its label.
///
/// # Errors
/// Where the counts differ.
pub fn expect_labels(labels: &[u8], images: usize) -> Result<(), Mismatch> {
    if labels.len() == images {
        return Ok(());
    }
    Err(Mismatch::new(format!("{images} labels, one per image"), format!("{} labels", labels.len())))
}

/// An IDX file of images: the inverse of [`IdxImages::parse`].
pub fn encode_images(images: &IdxImages<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(IMAGES_HEADER + images.pixels.len());
    bytes.extend(IMAGES_MAGIC.to_be_bytes());
    for dimension in [images.count, images.height, images.width] {
        bytes.extend((dimension as u32).to_be_bytes());
    }
    bytes.extend(images.pixels);
    bytes
}

/// An IDX file of labels: the inverse of [`parse_labels`].
pub fn encode_labels(labels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LABELS_HEADER + labels.len());
    bytes.extend(LABELS_MAGIC.to_be_bytes());
    bytes.extend((labels.len() as u32).to_be_bytes());
    bytes.extend(labels);
    bytes
}

/// The `N` dimensions of the header, and the bytes behind it.
fn split_header<'a, const N: usize>(
    bytes: &'a [u8],
    magic: u32,
    what: &str,
) -> Result<([usize; N], &'a [u8]), Mismatch> {
    let short =
        || Mismatch::new(format!("an IDX header of {} bytes", 4 + 4 * N), plural(bytes.len(), "byte"));
    let (found, mut rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let found = u32::from_be_bytes(*found);
    if found != magic {
        return Err(Mismatch::new(format!("IDX {what} (magic {magic})"), format!("magic {found}")));
    }
    let mut dimensions = [0; N];
    for dimension in &mut dimensions {
        let (value, behind) = rest.split_first_chunk().ok_or_else(short)?;
        *dimension = u32::from_be_bytes(*value) as usize;
        rest = behind;
    }
    Ok((dimensions, rest))
}

fn check_body(dimensions: &[usize], body: &[u8]) -> Result<(), Mismatch> {
    let product = dimensions.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    if product == Some(body.len()) {
        return Ok(());
    }
    let shape = dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let expected = match product {
        Some(length) => format!("{} after the header ({shape})", plural(length, "byte")),
        None => format!("dimensions whose product fits into memory, not {shape}"),
    };
    Err(Mismatch::new(expected, plural(body.len(), "byte")))
}

fn plural(count: usize, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn images_file(magic: u32, dimensions: [u32; 3], body: &[u8]) -> Vec<u8> {
        let header = [magic, dimensions[0], dimensions[1], dimensions[2]];
        header.iter().flat_map(|word| word.to_be_bytes()).chain(body.iter().copied()).collect()
    }

    fn images_message(bytes: &[u8]) -> String {
        IdxImages::parse(bytes).unwrap_err().to_string()
    }

    fn labels_message(bytes: &[u8]) -> String {
        parse_labels(bytes).unwrap_err().to_string()
    }

    #[test]
    fn malformed_images_say_what_is_wrong() {
        let good = images_file(2051, [2, 2, 3], &[7; 12]);
        assert_eq!(IdxImages::parse(&good).unwrap().pixels, [7; 12]);
        assert_eq!(images_message(&[]), "expected an IDX header of 16 bytes, found 0 bytes");
        assert_eq!(images_message(&good[..15]), "expected an IDX header of 16 bytes, found 15 bytes");
        assert_eq!(images_message(&good[..27]), "expected 12 bytes after the header (2×2×3), found 11 bytes");
        let mut long = good.clone();
        long.push(0);
        assert_eq!(images_message(&long), "expected 12 bytes after the header (2×2×3), found 13 bytes");
        assert_eq!(
            images_message(&images_file(2049, [2, 2, 3], &[7; 12])),
            "expected IDX images (magic 2051), found magic 2049"
        );
        for dimensions in [[0, 2, 3], [2, 0, 3], [2, 2, 0]] {
            let message = images_message(&images_file(2051, dimensions, &[]));
            assert!(message.starts_with("expected at least one image of at least 1×1 pixel"), "{message}");
        }
    }

    #[test]
    fn a_product_beyond_memory_is_an_error() {
        let message = images_message(&images_file(2051, [u32::MAX; 3], &[0; 4]));
        assert!(message.starts_with("expected dimensions whose product fits into memory"), "{message}");
        // This product wraps to 0 in 64 bits.
        let wraps = images_file(2051, [1 << 31, 1 << 31, 4], &[]);
        assert!(images_message(&wraps).starts_with("expected dimensions"), "{}", images_message(&wraps));
    }

    #[test]
    fn malformed_labels_say_what_is_wrong() {
        let good = encode_labels(&[0, 9, 5]);
        assert_eq!(parse_labels(&good).unwrap(), [0, 9, 5]);
        assert_eq!(labels_message(&good[..7]), "expected an IDX header of 8 bytes, found 7 bytes");
        assert_eq!(labels_message(&good[..10]), "expected 3 bytes after the header (3), found 2 bytes");
        assert_eq!(labels_message(&encode_labels(&[])), "expected at least one label, found none");
        assert_eq!(
            labels_message(&encode_labels(&[1, 10])),
            "expected labels 0 to 9, found label 10 at sample 1"
        );
        assert_eq!(
            labels_message(&images_file(2051, [1, 1, 1], &[0])),
            "expected IDX labels (magic 2049), found magic 2051"
        );
    }

    #[test]
    fn other_shapes_and_counts_are_errors() {
        let file = images_file(2051, [2, 2, 3], &[7; 12]);
        let images = IdxImages::parse(&file).unwrap();
        assert!(images.expect(2, 2, 3).is_ok());
        let message = images.expect(2, 3, 2).unwrap_err().to_string();
        assert_eq!(message, "expected 2 images of 3×2, found 2 images of 2×3");
        assert!(expect_labels(&[1, 2], 2).is_ok());
        let message = expect_labels(&[1], 2).unwrap_err().to_string();
        assert_eq!(message, "expected 2 labels, one per image, found 1 labels");
    }

    proptest! {
        #[test]
        fn images_round_trip(
            (height, width, pixels) in (1..6_usize, 1..6_usize, 1..9_usize).prop_flat_map(|(h, w, n)| {
                (Just(h), Just(w), prop::collection::vec(any::<u8>(), h * w * n))
            })
        ) {
            let images = IdxImages { count: pixels.len() / (height * width), height, width, pixels: &pixels };
            let file = encode_images(&images);
            prop_assert_eq!(IdxImages::parse(&file), Ok(images));
        }

        #[test]
        fn labels_round_trip(labels in prop::collection::vec(0..CLASSES, 1..40)) {
            let file = encode_labels(&labels);
            prop_assert_eq!(parse_labels(&file), Ok(labels.as_slice()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = IdxImages::parse(&bytes);
            let _ = parse_labels(&bytes);
        }

        #[test]
        fn arbitrary_bytes_behind_a_true_magic_never_panic(
            dimensions in any::<[u32; 3]>(),
            small in prop::array::uniform3(0..4_u32),
            body in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            for dimensions in [dimensions, small] {
                if let Ok(images) = IdxImages::parse(&images_file(2051, dimensions, &body)) {
                    prop_assert_eq!(images.pixels.len(), images.count * images.height * images.width);
                }
                let labels = images_file(2049, dimensions, &body);
                if let Ok(labels) = parse_labels(&labels) {
                    prop_assert!(labels.iter().all(|&label| label < CLASSES));
                }
            }
        }
    }
}
