//! What a build for NVIDIA's GPUs says of them, with a driver and without.
#![cfg(feature = "cuda")]

use trainmark_candle::Candle;
use trainmark_plugin::{Backend, Description};

#[test]
fn the_first_gpu_is_listed_and_where_there_is_no_driver_with_that_reason() {
    let Description { devices, notes, .. } = Candle::describe().unwrap();
    assert_eq!(devices[0].id, "cuda:0");
    assert!(devices.iter().all(|device| device.id.starts_with("cuda:")), "{devices:?}");
    assert!(notes.iter().any(|note| note.contains("without TF32")), "{notes:?}");
    if !std::path::Path::new("/proc/driver/nvidia/version").exists() {
        assert_eq!(devices.len(), 1);
        let why = devices[0].unavailable.as_deref().unwrap();
        assert!(why.starts_with("no NVIDIA driver"), "{why}");
    }
}
