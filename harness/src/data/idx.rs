//! The IDX format: a big-endian header (magic, then one length per dimension)
//! and the bytes, row-major.

use super::error::Mismatch;

/// Magic of a file of labels: unsigned bytes in one dimension.
const LABELS_MAGIC: u32 = 2049;
/// Magic of a file of images of one channel: unsigned bytes in three dimensions.
const IMAGES_MAGIC: u32 = 2051;
/// Magic of a file of images of any number of channels: unsigned bytes in four dimensions.
const CHANNELS_MAGIC: u32 = 2052;

/// Bytes before the labels: magic and count.
pub const LABELS_HEADER: usize = 8;

/// Images as they lie in an IDX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdxImages<'a> {
    /// Number of images, at least 1.
    pub count: usize,
    /// Channels of each, at least 1.
    pub channels: usize,
    /// Rows of each, at least 1.
    pub height: usize,
    /// Columns of each, at least 1.
    pub width: usize,
    /// `count × channels × height × width` bytes, row-major.
    pub pixels: &'a [u8],
}

impl<'a> IdxImages<'a> {
    /// Reads the header, of three dimensions or of four, and checks it against the length of
    /// `bytes`.
    ///
    /// # Errors
    /// A short header, another magic, a dimension of 0, or a body that is not
    /// `count × channels × height × width` bytes long.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Mismatch> {
        let (dimensions, pixels) = if has_channels(bytes) {
            split_header(bytes, CHANNELS_MAGIC, "images")?
        } else {
            let ([count, height, width], pixels) = split_header(bytes, IMAGES_MAGIC, "images")?;
            ([count, 1, height, width], pixels)
        };
        let [count, channels, height, width] = dimensions;
        let images = Self { count, channels, height, width, pixels };
        if dimensions.contains(&0) {
            let found = format!("{count} images of {}", images.size());
            return Err(Mismatch::new("at least one image of at least 1×1 pixel", found));
        }
        let one_channel = [count, height, width];
        check_body(if has_channels(bytes) { &dimensions } else { &one_channel }, pixels)?;
        Ok(images)
    }

    /// Checks number and shape of the images.
    ///
    /// # Errors
    /// Where they differ.
    pub fn expect(&self, count: usize, [channels, height, width]: [usize; 3]) -> Result<(), Mismatch> {
        let expected = Self { count, channels, height, width, ..*self };
        if *self == expected {
            return Ok(());
        }
        Err(Mismatch::new(expected.told(), self.told()))
    }

    /// Channels, rows and columns of an image.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    fn told(&self) -> String {
        format!("{} images of {}", self.count, self.size())
    }

    /// The channels are told where there are several.
    fn size(&self) -> String {
        let Self { channels, height, width, .. } = self;
        if *channels == 1 { format!("{height}×{width}") } else { format!("{channels}×{height}×{width}") }
    }
}

/// Bytes before the pixels of a file of images: magic, count, rows, columns, and the channels
/// behind the count where the magic announces them.
pub fn images_header(bytes: &[u8]) -> usize {
    if has_channels(bytes) { 20 } else { 16 }
}

fn has_channels(bytes: &[u8]) -> bool {
    bytes.starts_with(&CHANNELS_MAGIC.to_be_bytes())
}

/// Length of a file of images or labels, as its first bytes announce it.
///
/// # Errors
/// Where these are the beginning of neither, or what they announce is beyond memory.
pub fn announced_length(bytes: &[u8]) -> Result<usize, Mismatch> {
    let dimensions = match bytes.first_chunk().map(|magic| u32::from_be_bytes(*magic)) {
        Some(LABELS_MAGIC) => split_header::<1>(bytes, LABELS_MAGIC, "labels")?.0.to_vec(),
        Some(CHANNELS_MAGIC) => split_header::<4>(bytes, CHANNELS_MAGIC, "images")?.0.to_vec(),
        _ => split_header::<3>(bytes, IMAGES_MAGIC, "images or labels")?.0.to_vec(),
    };
    let body = product(&dimensions).and_then(|body| body.checked_add(4 + 4 * dimensions.len()));
    body.ok_or_else(|| Mismatch::new(beyond_memory(&dimensions), "a header alone"))
}

/// The labels of an IDX file.
///
/// # Errors
/// A short header, another magic, no label at all, or a body that is not `count`
/// bytes long.
pub fn parse_labels(bytes: &[u8]) -> Result<&[u8], Mismatch> {
    let ([count], labels) = split_header(bytes, LABELS_MAGIC, "labels")?;
    if count == 0 {
        return Err(Mismatch::new("at least one label", "none"));
    }
    check_body(&[count], labels)?;
    Ok(labels)
}

/// Checks that labels are below a number of classes.
///
/// # Errors
/// With the first that is not.
pub fn expect_classes(labels: &[u8], classes: usize) -> Result<(), Mismatch> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(Mismatch::new(
            format!("labels 0 to {}", classes.saturating_sub(1)),
            format!("label {} at sample {index}", labels[index]),
        )),
        None => Ok(()),
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

/// An IDX file of images: the inverse of [`IdxImages::parse`], of three dimensions where there
/// is one channel.
pub fn encode_images(images: &IdxImages<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + images.pixels.len());
    let (magic, channels) = match images.channels {
        1 => (IMAGES_MAGIC, None),
        channels => (CHANNELS_MAGIC, Some(channels)),
    };
    bytes.extend(magic.to_be_bytes());
    for dimension in [Some(images.count), channels, Some(images.height), Some(images.width)] {
        bytes.extend(dimension.into_iter().flat_map(|length| (length as u32).to_be_bytes()));
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
        let magics =
            if magic == IMAGES_MAGIC { "2051, or 2052 with channels".into() } else { magic.to_string() };
        return Err(Mismatch::new(format!("IDX {what} (magic {magics})"), format!("magic {found}")));
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
    let expected = match product(dimensions) {
        Some(length) if length == body.len() => return Ok(()),
        Some(length) => format!("{} after the header ({})", plural(length, "byte"), shown(dimensions)),
        None => beyond_memory(dimensions),
    };
    Err(Mismatch::new(expected, plural(body.len(), "byte")))
}

fn product(dimensions: &[usize]) -> Option<usize> {
    dimensions.iter().try_fold(1_usize, |product, &length| product.checked_mul(length))
}

fn beyond_memory(dimensions: &[usize]) -> String {
    format!("dimensions whose product fits into memory, not {}", shown(dimensions))
}

fn shown(dimensions: &[usize]) -> String {
    dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
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
            "expected IDX images (magic 2051, or 2052 with channels), found magic 2049"
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
        let message = expect_classes(&[1, 10], 10).unwrap_err().to_string();
        assert_eq!(message, "expected labels 0 to 9, found label 10 at sample 1");
        assert!(expect_classes(&[255], 256).is_ok() && expect_classes(&[0], 0).is_err());
        assert_eq!(
            labels_message(&images_file(2051, [1, 1, 1], &[0])),
            "expected IDX labels (magic 2049), found magic 2051"
        );
    }

    #[test]
    fn other_shapes_and_counts_are_errors() {
        let file = images_file(2051, [2, 2, 3], &[7; 12]);
        let images = IdxImages::parse(&file).unwrap();
        assert!(images.expect(2, [1, 2, 3]).is_ok());
        let message = images.expect(2, [1, 3, 2]).unwrap_err().to_string();
        assert_eq!(message, "expected 2 images of 3×2, found 2 images of 2×3");
        let message = images.expect(2, [3, 2, 3]).unwrap_err().to_string();
        assert_eq!(message, "expected 2 images of 3×2×3, found 2 images of 2×3");
        assert!(expect_labels(&[1, 2], 2).is_ok());
        let message = expect_labels(&[1], 2).unwrap_err().to_string();
        assert_eq!(message, "expected 2 labels, one per image, found 1 labels");
    }

    proptest! {
        #[test]
        fn images_round_trip(
            ([channels, height, width], pixels) in ((1..4_usize, 1..6_usize, 1..6_usize), 1..9_usize)
                .prop_flat_map(|((channels, height, width), count)| {
                    let pixels = prop::collection::vec(any::<u8>(), channels * height * width * count);
                    (Just([channels, height, width]), pixels)
                })
        ) {
            let count = pixels.len() / (channels * height * width);
            let images = IdxImages { count, channels, height, width, pixels: &pixels };
            let file = encode_images(&images);
            prop_assert_eq!(IdxImages::parse(&file), Ok(images));
            prop_assert_eq!(&file[images_header(&file)..], &pixels[..]);
            prop_assert_eq!(announced_length(&file[..file.len().min(20)]), Ok(file.len()));
        }

        #[test]
        fn labels_round_trip(labels in prop::collection::vec(any::<u8>(), 1..40)) {
            let file = encode_labels(&labels);
            prop_assert_eq!(announced_length(&file[..8]), Ok(file.len()));
            prop_assert_eq!(parse_labels(&file), Ok(labels.as_slice()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = IdxImages::parse(&bytes);
            let _ = parse_labels(&bytes);
            let _ = announced_length(&bytes);
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
                let _ = parse_labels(&images_file(2049, dimensions, &body));
                let channels = images_file(2052, dimensions, &body);
                if let Ok(images) = IdxImages::parse(&channels) {
                    prop_assert_eq!(images.pixels.len(), images.shape().iter().product::<usize>() * images.count);
                }
                let _ = announced_length(&channels);
            }
        }
    }
}
