//! The kernels' sources, compiled for the CPU and loaded: once per test process.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, io};

use super::super::{Argument, Launch};
use super::memory::Range;
use crate::cuda::kernel_names;

/// `emulator_launch` in `kernels/emulator/emulator.hpp`.
type LaunchFunction = unsafe extern "C" fn(
    name: *const c_char,
    grid: *const u32,
    block: *const u32,
    shared_bytes: u32,
    arguments: *mut *mut c_void,
    kinds: *const c_char,
    seed: u64,
    overlap: *const OverlapRanges,
    message: *mut c_char,
    capacity: u64,
) -> c_int;

/// `OverlapRanges` in `kernels/emulator/overlap.hpp`.
#[repr(C)]
struct OverlapRanges {
    changed: *const Range,
    changed_count: u64,
    all: *const Range,
    all_count: u64,
}

/// The compiled kernels.
pub(super) struct Library {
    launch: LaunchFunction,
    /// Keeps the function's code.
    _library: libloading::Library,
}

/// The library, or nothing where there is no C++ compiler, which is said.
pub(super) fn get() -> Option<&'static Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_ref()
}

/// Kernels of the emulator's own tests, deliberately wrong.
const FAULTS: &str = "src/tests/cuda/faults.cu";

fn build() -> Option<Library> {
    let folder = tempfile::tempdir().expect("there is room for the emulator");
    let library = folder.path().join("emulated.so");
    if !compile(None, &library) {
        return None;
    }
    // SAFETY: its initialisers only construct the emulator's containers.
    let library =
        unsafe { libloading::Library::new(&library) }.expect("CXX names a compiler for this processor");
    // SAFETY: the type is that of the function in emulator.hpp.
    let launch = unsafe { *library.get::<LaunchFunction>(b"emulator_launch\0").expect("it is exported") };
    Some(Library { launch, _library: library })
}

/// Compiles the kernels, the emulator and a further source into a library. Returns whether
/// there is a compiler, and says so where there is none.
///
/// # Panics
/// Where the sources do not compile.
pub(crate) fn compile(further: Option<&Path>, library: &Path) -> bool {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let source = library.with_extension("cpp");
    fs::write(&source, generated(further)).expect("there is room for the emulator");
    let compiled = Command::new(&compiler)
        // The fibers leave functions in a way that fortified ones refuse.
        .args([
            "-std=c++17",
            "-O2",
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-U_FORTIFY_SOURCE",
            "-w",
            "-o",
        ])
        .args([library, &source])
        .output();
    match compiled {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            skip("c++", &format!("no {} compiles the kernels for the CPU", compiler.display()));
            false
        }
        Err(error) => panic!("{} cannot be run: {error}", compiler.display()),
        Ok(output) if !output.status.success() => {
            panic!("the kernels do not compile as C++:\n{}", String::from_utf8_lossy(&output.stderr))
        }
        Ok(_) => true,
    }
}

/// All kernels, and a list of them.
fn generated(further: Option<&Path>) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (kernels, faults) = (root.join("src/cuda/kernels"), root.join(FAULTS));
    let sources = kernel_names::read(&kernels).expect("the kernels are there")
        + &fs::read_to_string(&faults).expect("the faults are there");
    let entry = |name: String| format!("    EMULATED_KERNEL({name}, \"{}\"),\n", restricted(&sources, &name));
    let entries: String = kernel_names::in_source(&sources).map(entry).collect();
    let include = |path: &Path| format!("#include \"{}\"\n", path.display());
    format!(
        "#define EMULATED\n{}{}\
         const emulator::Kernel emulator::kernels[] = {{\n{entries}    {{nullptr, nullptr, nullptr, nullptr}},\n}};\n{}",
        include(&kernels.join("all.cu")),
        include(&faults),
        further.map(include).unwrap_or_default(),
    )
}

/// A letter per parameter of a kernel: `r` where it is `__restrict__`, so that loads through it
/// may move, else `-`.
fn restricted(sources: &str, kernel: &str) -> String {
    let parameters = sources.split_once(&format!(" {kernel}(")).and_then(|(_, rest)| rest.split_once(')'));
    let (parameters, _) = parameters.expect("the kernel was found by its name");
    parameters.split(',').map(|one| if one.contains("__restrict__") { 'r' } else { '-' }).collect()
}

/// Says that a test is skipped for want of `name`; as in the crate of end-to-end tests,
/// which depends on this one's library.
fn skip(name: &str, why: &str) {
    let required = std::env::var("TRAINMARK_REQUIRE").unwrap_or_default();
    let is_required = required.split(',').any(|one| one.trim() == "all" || one.trim() == name);
    assert!(!is_required, "TRAINMARK_REQUIRE={required} asks for {name}: {why}");
    eprintln!("skipped, because of {name}: {why}");
}

impl Library {
    /// Runs a kernel on every thread of its grid, or says what it does wrong. With `overlap` it
    /// begins before the kernel before it has ended: given is what that one has changed, and
    /// all memory.
    pub(super) fn run(
        &self,
        launch: &Launch<'_>,
        seed: u64,
        overlap: Option<(&[Range], &[Range])>,
    ) -> Result<(), String> {
        let ranges = overlap.map(|(changed, all)| OverlapRanges {
            changed: changed.as_ptr(),
            changed_count: changed.len() as u64,
            all: all.as_ptr(),
            all_count: all.len() as u64,
        });
        let name = CString::new(launch.kernel).expect("names hold no zero byte");
        let kinds: String = launch.arguments.iter().map(kind).collect();
        let kinds = CString::new(kinds).expect("kinds are letters");
        let mut arguments = launch.arguments.to_vec();
        let mut pointers: Vec<*mut c_void> = arguments.iter_mut().map(pointer).collect();
        let mut message = [0_u8; 512];
        // SAFETY: name and kinds end in a zero byte; grid and block have three values; there
        // are as many pointers as kinds, each to a value of that kind, which the library
        // compares with the kernel's parameters; the ranges are those of the device's memory;
        // the message's capacity is its own.
        // What the kernel does with the addresses is what is being tested.
        let status = unsafe {
            (self.launch)(
                name.as_ptr(),
                launch.grid.as_ptr(),
                launch.block.as_ptr(),
                launch.shared_bytes,
                pointers.as_mut_ptr(),
                kinds.as_ptr(),
                seed,
                ranges.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
                message.as_mut_ptr().cast(),
                message.len() as u64,
            )
        };
        match (status, CStr::from_bytes_until_nul(&message)) {
            (0, _) => Ok(()),
            (_, Ok(why)) => Err(why.to_string_lossy().into_owned()),
            (_, Err(_)) => Err("fails, and does not say why".to_owned()),
        }
    }
}

fn kind(argument: &Argument) -> char {
    match argument {
        Argument::Address(_) => 'a',
        Argument::Int(_) => 'i',
        Argument::Float(_) => 'f',
    }
}

fn pointer(argument: &mut Argument) -> *mut c_void {
    match argument {
        Argument::Address(address) => (&raw mut address.0).cast(),
        Argument::Int(value) => (&raw mut *value).cast(),
        Argument::Float(value) => (&raw mut *value).cast(),
    }
}
