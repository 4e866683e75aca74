//! The backend through its front door, on a driver that only pretends to have a GPU: the
//! emulator behind the names of libcuda. Each test runs in a process of its own, which
//! finds that library first.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use trainmark_plugin::{Backend, Error, ErrorKind, RunningVariance, Split};

use super::super::{Case, small_network};
use super::fused;
use crate::cuda::HandwrittenCuda;
use crate::cuda::device::emulator::{Emulator, compile};
use crate::cuda::switches::{Switch, Switches, VARIABLE};

/// A folder with the pretended libcuda; nothing where there is no C++ compiler.
fn library() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<TempDir>> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/cuda/driver/pretended.cpp");
        let library = folder.path().join("libcuda.so.1");
        let is_compiled = compile(Some(&source), &library);
        // The name that cudarc looks for first.
        std::os::unix::fs::symlink(&library, folder.path().join("libcuda.so")).unwrap();
        is_compiled.then_some(folder)
    });
    made.as_ref().map(TempDir::path)
}

/// Runs one of the tests below that are ignored by themselves, with these variables.
fn run(test: &str, variables: &[(&str, &str)]) {
    let Some(folder) = library() else { return };
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::cuda::driver::{test}"), "--ignored"])
        .env("LD_LIBRARY_PATH", folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn case() -> Case {
    Case::new(small_network(), 50, 33)
}

/// Opening the case on a device fails.
fn open_error(case: &Case, device: &str) -> Error {
    let mut request = case.request("primitive", 1, 0.5);
    request.device = device.into();
    HandwrittenCuda::open(request).err().expect("it cannot be used")
}

/// Why the only device listed cannot be used.
fn unavailable() -> String {
    let devices = HandwrittenCuda::describe().unwrap().devices;
    let [device] = &devices[..] else { panic!("{devices:?}") };
    assert_eq!(device.id, "cuda:0");
    let error = open_error(&case(), "cuda:0");
    assert_eq!(error.kind, ErrorKind::Device);
    let why = device.unavailable.clone().expect("a reason");
    assert_eq!(error.message, format!("cuda:0 cannot be used: {why}"));
    why
}

#[test]
fn a_session_trains_and_gives_everything_back() {
    run("train", &[]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn train() {
    let case = case();
    let devices = HandwrittenCuda::describe().unwrap().devices;
    assert!(devices[0].id == "cuda:0" && devices[0].unavailable.is_none(), "{devices:?}");
    let mut request = case.request("primitive", 1, 0.5);
    request.device = "cuda:0".into();
    let mut session = case.start(HandwrittenCuda::open(request).unwrap());
    let mut emulated = super::open(&case, RunningVariance::BiasedFromZero, 0.5, 1).unwrap();
    for _ in 0..2 {
        let outcome = session.train_epoch(&case.indices(), 16).unwrap();
        assert_eq!(outcome, emulated.train_epoch(&case.indices(), 16).unwrap());
    }
    assert_eq!(case.parameters_of(session.as_mut()), case.parameters_of(emulated.as_mut()));
    let (mut found, mut expected) = ([0.0; 200], [0.0; 200]);
    session.predict(Split::Test, &case.indices(), 16, &mut found).unwrap();
    emulated.predict(Split::Test, &case.indices(), 16, &mut expected).unwrap();
    assert_eq!(found, expected);
    assert_ne!(leftovers(), 0);
    drop(session);
    assert_eq!(leftovers(), 0);
}

const ALL: (&str, &str) = (VARIABLE, "staged,overlap,carved,pairs,folded");

#[test]
fn every_switch_is_the_drivers_to_carry_out() {
    run("switched", &[ALL]);
    run("switched", &[(VARIABLE, "")]);
    run("switched_on_older_code", &[ALL, ("PRETENDED_ARCHITECTURE", "80")]);
}

/// A fused session with the switches of the environment, held against one of the emulator's.
/// Returns how many launches were to overlap.
fn train_switched() -> u64 {
    let case = fused::case(true, 21, 34);
    let switches = Switches::from_environment().unwrap();
    let mut request = case.request("builtin", 1, 0.5);
    (request.device, request.batch_size) = ("cuda:0".into(), 9);
    let mut session = case.start(HandwrittenCuda::open(request).unwrap());
    let device = Emulator::new(2).unwrap().watching();
    let mut emulated = fused::open_switched(&case, 0.5, device, switches, 21).unwrap();
    for _ in 0..2 {
        let outcome = session.train_epoch(&case.indices(), 9).unwrap();
        assert_eq!(outcome, emulated.train_epoch(&case.indices(), 9).unwrap());
    }
    assert_eq!(case.parameters_of(session.as_mut()), case.parameters_of(emulated.as_mut()));
    let notes = HandwrittenCuda::describe().unwrap().notes;
    let told =
        notes.iter().find_map(|note| note.strip_prefix("builtin with what TRAINMARK_CUDA switches on: "));
    assert_eq!(told.map(str::to_owned), switches.names());
    drop(session);
    assert_eq!(leftovers(), 0);
    assert_eq!(counted(b"pretended_carved\0") > 0, switches.has(Switch::Carved));
    counted(b"pretended_overlaps\0")
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn switched() {
    let expected = match Switches::from_environment().unwrap().has(Switch::Overlap) {
        // Nine kernels of each of three batches, but for the first, which comes behind a copy.
        true => 26,
        false => 0,
    };
    assert_eq!(train_switched(), expected);
}

/// Code of an older architecture does not wait, so nothing may begin early.
#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn switched_on_older_code() {
    assert_eq!(train_switched(), 0);
}

#[test]
fn a_switch_that_there_is_not_is_told() {
    run("wrong_switch", &[(VARIABLE, "staged,faster")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn wrong_switch() {
    let error = HandwrittenCuda::describe().unwrap_err();
    assert!(
        error.message.starts_with("TRAINMARK_CUDA=staged,faster: no switch faster; there are "),
        "{error}"
    );
}

/// What the driver was asked for and not given back.
fn leftovers() -> u64 {
    counted(b"pretended_leftovers\0")
}

/// What a function of the pretended driver counts.
fn counted(function: &[u8]) -> u64 {
    // SAFETY: the library is loaded already, and the function has this type.
    unsafe {
        let library = libloading::Library::new("libcuda.so").unwrap();
        library.get::<unsafe extern "C" fn() -> u64>(function).unwrap()()
    }
}

#[test]
fn an_old_driver_is_named() {
    run("old_driver", &[("PRETENDED_VERSION", "12040")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn old_driver() {
    let expected =
        "the NVIDIA driver is too old: it serves CUDA 12.4, this backend needs 13; update the driver";
    assert_eq!(unavailable(), expected);
}

#[test]
fn an_old_device_is_named() {
    run("old_device", &[("PRETENDED_CAPABILITY", "75")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn old_device() {
    let expected = "its compute capability is 7.5; the kernels need 8.0 (Ampere) or newer";
    assert_eq!(unavailable(), expected);
}

#[test]
fn a_driver_without_a_device_is_named() {
    run("no_device", &[("PRETENDED_DEVICES", "0")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn no_device() {
    let message = unavailable();
    assert!(message.starts_with("the NVIDIA driver shows no GPU; "), "{message}");
}

#[test]
fn every_device_is_listed() {
    run("two_devices", &[("PRETENDED_DEVICES", "2")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn two_devices() {
    let devices = HandwrittenCuda::describe().unwrap().devices;
    let ids: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
    assert_eq!(ids, ["cuda:0", "cuda:1"]);
    assert_eq!(open_error(&case(), "cuda:2").message, "no device cuda:2; ask for cuda:0 or cuda:1");
    assert_eq!(open_error(&case(), "cpu").kind, ErrorKind::Device);
}

#[test]
fn memory_that_is_too_small_is_told_from_other_failures() {
    run("small_memory", &[("PRETENDED_MEMORY", "20000")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn small_memory() {
    let error = open_error(&case(), "cuda:0");
    assert_eq!(error.kind, ErrorKind::OutOfMemory, "{error}");
    assert!(
        error.message.contains("bytes on the device: CUDA_ERROR_OUT_OF_MEMORY (out of memory); use smaller"),
        "{error}"
    );
    assert_eq!(leftovers(), 0);
}

#[test]
fn a_lost_device_is_told_from_other_failures() {
    run("lost_device", &[("PRETENDED_LOSS", "1")]);
}

#[test]
#[ignore = "needs the pretended driver: run by the test above"]
fn lost_device() {
    let case = case();
    let mut request = case.request("primitive", 1, 0.5);
    request.device = "cuda:0".into();
    let mut session = case.start(HandwrittenCuda::open(request).unwrap());
    let error = session.train_step(&case.indices()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Device);
    assert!(error.message.starts_with("starting a recorded step: CUDA_ERROR_ECC_UNCORRECTABLE"), "{error}");
}
