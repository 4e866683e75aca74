//! The data sets that are known by name: their files, with the sums by which they are recognised.
//!
//! The sums of packed files are their publishers', or those that torchvision and TensorFlow Datasets hold
//! their downloads against. What files decode to is known of Fashion-MNIST and MNIST; of the others the
//! packed file decides.

use super::publication::{Decoded, Packing, Publication, PublishedFile};

/// Every data set that is known by name.
pub fn all() -> [&'static Publication; 8] {
    [
        &FASHION_MNIST,
        &MNIST,
        &KMNIST,
        &EMNIST_BALANCED,
        &EMNIST_DIGITS,
        &EMNIST_LETTERS,
        &EMNIST_BYCLASS,
        &CIFAR10,
    ]
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Publication> {
    all().into_iter().find(|known| known.name == name)
}

/// The one with a file of this content.
pub(super) fn with_content(sha256: [u128; 2]) -> Option<&'static Publication> {
    let is_it = |file: &PublishedFile| file.decoded.is_some_and(|decoded| decoded.sha256 == sha256);
    all().into_iter().find(|known| known.files.iter().any(is_it))
}

/// The one with a packed file of this length.
pub(super) fn with_length(bytes: u64) -> Option<&'static Publication> {
    all().into_iter().find(|known| known.files.iter().any(|file| file.bytes == bytes))
}

/// Fashion-MNIST, with the sums that Zalando Research lists.
pub static FASHION_MNIST: Publication = Publication {
    name: "fashion-mnist",
    about: "Fashion-MNIST or an error",
    folder: "fashion-mnist",
    below: &["FashionMNIST/raw", "data/fashion"],
    addresses: &[
        ("publisher", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
        ("fallback", "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"),
    ],
    files: &[
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            md5: 0x8d4f_b7e6_c68d_591d_4c3d_fef9_ec88_bf0d,
            bytes: 26_421_880,
            decoded: Some(Decoded {
                bytes: 47_040_016,
                sha256: [
                    0xc59f_468a_2f67_2dc8_1568_7fe0_f838_8776,
                    0x8d79_9fd8_a3f3_2761_45d2_0f83_aa44_d888,
                ],
            }),
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            md5: 0x25c8_1989_df18_3df0_1b3e_8a0a_ad5d_ffbe,
            bytes: 29_515,
            decoded: Some(Decoded {
                bytes: 60_008,
                sha256: [
                    0xbad3_541b_69d9_1243_5c50_bb6b_a87b_ec29,
                    0x4ff4_f6a2_e124_6121_d863_3921_7604_43d9,
                ],
            }),
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            md5: 0xbef4_ecab_320f_06d8_554e_a638_0940_ec79,
            bytes: 4_422_102,
            decoded: Some(Decoded {
                bytes: 7_840_016,
                sha256: [
                    0x5b41_41f0_afba_d91e_debe_8549_f8fc_ffe0,
                    0x87ea_10ca_49f1_dbef_5c9a_5cd8_815c_e37b,
                ],
            }),
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            md5: 0xbb30_0cfd_ad3c_16e7_a12a_480e_e83c_d310,
            bytes: 5_148,
            decoded: Some(Decoded {
                bytes: 10_008,
                sha256: [
                    0x0402_a96d_92fd_2663_9571_22ce_b108_a494,
                    0xc5af_83da_b82d_9272_9df9_17d7_dec3_8c34,
                ],
            }),
        },
    ],
    packing: Packing::Files,
    classes: 10,
    decoded: Some("14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214"),
};

static MNIST: Publication = Publication {
    name: "mnist",
    about: "MNIST, handwritten digits",
    folder: "mnist",
    below: &["MNIST/raw"],
    addresses: &[
        ("mirror", "https://storage.googleapis.com/cvdf-datasets/mnist"),
        ("fallback", "https://ossci-datasets.s3.amazonaws.com/mnist"),
    ],
    files: &[
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            md5: 0xf68b_3c2d_cbea_aa9f_bdd3_48bb_deb9_4873,
            bytes: 9_912_422,
            decoded: Some(Decoded {
                bytes: 47_040_016,
                sha256: [
                    0xba89_1046_e650_5d7a_adcb_be25_680a_0738,
                    0xad16_aec9_3bde_7f9b_65e8_7a2f_c257_76db,
                ],
            }),
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            md5: 0xd53e_105e_e54e_a407_49a0_9fcb_cd1e_9432,
            bytes: 28_881,
            decoded: Some(Decoded {
                bytes: 60_008,
                sha256: [
                    0x65a5_0cbb_f4e9_06d7_0832_878a_d85c_cda5,
                    0x333a_97f0_f4c3_dd2e_f09a_8a9e_ef71_01c5,
                ],
            }),
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            md5: 0x9fb6_29c4_1895_51a2_d022_fa33_0f95_73f3,
            bytes: 1_648_877,
            decoded: Some(Decoded {
                bytes: 7_840_016,
                sha256: [
                    0x0fa7_898d_5092_79e4_8295_8e8c_e81c_8e77,
                    0xdb3f_2f82_54e2_6661_ceb7_762c_4d49_4ce7,
                ],
            }),
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            md5: 0xec29_112d_d5af_a061_1ce8_0d1b_7f02_629c,
            bytes: 4_542,
            decoded: Some(Decoded {
                bytes: 10_008,
                sha256: [
                    0xff7b_cfd4_16de_3373_1a30_8c3f_266c_c351,
                    0x222c_3489_8ecb_eaf8_47f0_6e48_f7ec_33f2,
                ],
            }),
        },
    ],
    packing: Packing::Files,
    classes: 10,
    decoded: None,
};

static KMNIST: Publication = Publication {
    name: "kmnist",
    about: "Kuzushiji-MNIST, ten cursive hiragana",
    folder: "kmnist",
    below: &["KMNIST/raw"],
    addresses: &[("publisher", "http://codh.rois.ac.jp/kmnist/dataset/kmnist")],
    files: &[
        PublishedFile {
            name: "train-images-idx3-ubyte.gz",
            md5: 0xbdb8_2020_997e_1d70_8af4_cf47_b453_dcf7,
            bytes: 18_165_135,
            decoded: None,
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte.gz",
            md5: 0xe144_d726_b3ac_faa3_e442_28e8_0efc_d344,
            bytes: 29_497,
            decoded: None,
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte.gz",
            md5: 0x5c96_5bf0_a639_b31b_8f53_240b_1b52_f4d7,
            bytes: 3_041_136,
            decoded: None,
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte.gz",
            md5: 0x7320_c461_ea6c_1c85_5c0b_718f_b2a4_b134,
            bytes: 5_120,
            decoded: None,
        },
    ],
    packing: Packing::Files,
    classes: 10,
    decoded: None,
};

/// A data set of EMNIST, all of which are published in one archive.
const fn emnist(
    name: &'static str,
    about: &'static str,
    member: &'static str,
    first_label: u8,
    classes: usize,
) -> Publication {
    Publication {
        name,
        about,
        folder: "emnist",
        below: &["EMNIST/raw"],
        addresses: &[
            ("publisher", "https://biometrics.nist.gov/cs_links/EMNIST"),
            ("fallback", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST"),
        ],
        files: &[PublishedFile {
            name: "gzip.zip",
            md5: 0x58c8_d27c_78d2_1e72_8a6b_c7b3_cc06_412e,
            bytes: 561_753_746,
            decoded: None,
        }],
        packing: Packing::Emnist { member, first_label },
        classes,
        decoded: None,
    }
}

static EMNIST_BALANCED: Publication =
    emnist("emnist-balanced", "EMNIST, 47 balanced classes of digits and letters", "emnist-balanced", 0, 47);
static EMNIST_DIGITS: Publication = emnist("emnist-digits", "EMNIST, the digits", "emnist-digits", 0, 10);
static EMNIST_LETTERS: Publication =
    emnist("emnist-letters", "EMNIST, 26 letters, upper and lower case as one", "emnist-letters", 1, 26);
static EMNIST_BYCLASS: Publication =
    emnist("emnist-byclass", "EMNIST, 62 classes: digits, upper and lower case", "emnist-byclass", 0, 62);

static CIFAR10: Publication = Publication {
    name: "cifar10",
    about: "CIFAR-10, photographs of 3×32×32",
    folder: "cifar10",
    below: &[],
    addresses: &[("publisher", "https://www.cs.toronto.edu/~kriz")],
    files: &[PublishedFile {
        name: "cifar-10-binary.tar.gz",
        md5: 0xc32a_1d4a_b5d0_3f12_84b6_7883_e8d8_7530,
        bytes: 170_052_171,
        decoded: None,
    }],
    packing: Packing::Cifar10,
    classes: 10,
    decoded: None,
};
