//! Loading libraries: a plugin in C, tables of other versions, and files that
//! are no plugins.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod training;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use trainmark_plugin::host::{LoadError, Plugin};
use trainmark_plugin::{ErrorKind, Layer, RunningVariance};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is two folders deep")
}

fn load(path: &Path) -> Result<Plugin, LoadError> {
    // SAFETY: the tests load what they have built, or what cannot be loaded.
    unsafe { Plugin::load(path) }
}

/// The compiler of a language: the environment's or the system's. `None`, or a
/// panic where nothing may be skipped, if there is none.
fn compiler(variable: &str, usual: &str) -> Option<String> {
    let compiler = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    if Command::new(&compiler).arg("--version").output().is_ok() {
        return Some(compiler);
    }
    let required = std::env::var("TRAINMARK_REQUIRE").is_ok_and(|required| required == "all");
    assert!(!required, "{compiler} cannot be run, and TRAINMARK_REQUIRE=all");
    eprintln!("skipped: {compiler} cannot be run; install a compiler or set {variable}");
    None
}

const WARNINGS: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Compiles sources with these arguments into a file of this name.
fn compile(name: &str, arguments: &[&str], sources: &[PathBuf]) -> Option<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join(name);
    let output = Command::new(compiler("CC", "cc")?)
        .args(WARNINGS)
        .args(arguments)
        .arg("-I")
        .arg(repository().join("harness/plugin/include"))
        .args(sources)
        .arg("-o")
        .arg(&made)
        .arg("-lm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((folder, made))
}

/// Compiles one of the fixtures as a plugin author would.
fn fixture(source: &str, definitions: &[&str]) -> Option<(TempDir, PathBuf)> {
    let source = repository().join("tests/fixtures/minimal").join(source);
    compile("libplugin.so", &[&["-O2", "-shared", "-fPIC"], definitions].concat(), &[source])
}

/// The sources of the complete plugin in C.
fn reference_sources() -> Vec<PathBuf> {
    let folder = repository().join("harness/plugin/examples/c-reference");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "c")).collect()
}

#[test]
fn the_complete_plugin_in_c_is_a_correct_backend() {
    let arguments = ["-O2", "-Wconversion", "-fvisibility=hidden", "-shared", "-fPIC"];
    let Some((_folder, library)) = compile("libplugin.so", &arguments, &reference_sources()) else { return };
    let plugin = load(&library).unwrap();
    let description = plugin.describe().unwrap();
    let conventions: Vec<_> =
        description.implementations.iter().map(|one| (one.name.as_str(), one.running_variance)).collect();
    let expected =
        [("primitive", RunningVariance::BiasedFromZero), ("builtin", RunningVariance::UnbiasedFromOne)];
    assert_eq!(conventions, expected);
    assert_eq!(description.notes, ["computes on one thread, however many it is given"]);
    training::assert_trains(&plugin);
    training::assert_checks_calls(&plugin);
    let mut dropout = training::request();
    dropout.model.layers.insert(1, Layer::Dropout { rate: 0.5 });
    let error = plugin.open(&dropout).err().expect("it is refused");
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.starts_with("layer 1 (dropout) is not implemented"), "{error}");
}

/// Right and wrong calls through its table, watched by the sanitizers.
#[test]
fn the_complete_plugin_in_c_never_leaves_its_memory() {
    let mut sources = reference_sources();
    sources.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c_reference/drive.c"));
    let arguments = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let Some((_folder, program)) = compile("drive", &arguments, &sources) else { return };
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_plugin_in_c_is_a_correct_backend() {
    let Some((_folder, library)) = fixture("plugin.c", &[]) else { return };
    let plugin = load(&library).unwrap();
    assert_eq!((plugin.name.as_str(), plugin.version.as_str()), ("minimal-c", "1.0.0"));
    let description = plugin.describe().unwrap();
    assert_eq!(description.framework, "plain C11");
    assert_eq!(description.implementations[0].name, "builtin");
    assert_eq!(description.implementations[0].running_variance, RunningVariance::UnbiasedFromOne);
    assert_eq!(description.devices[0].id, "cpu");
    training::assert_trains(&plugin);
    training::assert_checks_calls(&plugin);
    training::assert_refuses(&plugin);
}

#[test]
fn two_sessions_of_one_plugin_are_independent() {
    let Some((_folder, library)) = fixture("plugin.c", &[]) else { return };
    let plugin = load(&library).unwrap();
    let first = plugin.open(&training::request()).unwrap();
    training::assert_trains(&plugin);
    drop(first);
    training::assert_trains(&plugin);
}

/// Tables of other versions, and what the host says to them.
#[test]
fn each_variant_of_the_table_is_judged() {
    let lacks = |name: &str| {
        format!("its table lacks the function {name}; every function but `extension` is required")
    };
    let foreign = "its table does not begin with trainmark's magic number; rebuild it with trainmark-plugin 1 \
                   or the current trainmark.h";
    let major = "built for ABI 2.2, this harness speaks 1.x; rebuild it against trainmark-plugin 1";
    let name = "its name \"Bad Name\" is not made of lower-case letters, digits and dashes";
    let cases = [
        ("-DTM_TEST_MAJOR=2", major.to_owned()),
        ("-DTM_TEST_MAGIC=1", foreign.to_owned()),
        ("-DTM_TEST_STRUCT_SIZE=40", lacks("describe")),
        ("-DTM_TEST_STRUCT_SIZE=72", lacks("train_step")),
        ("-DTM_TEST_NO_PREDICT", lacks("predict")),
        ("-DTM_TEST_NAME=\"Bad Name\"", name.to_owned()),
    ];
    for (definition, reason) in cases {
        let Some((_folder, library)) = fixture("variant.c", &[definition]) else { return };
        let error = load(&library).err().expect("the table is refused");
        assert_eq!(error.to_string(), format!("cannot load {}: {reason}", library.display()));
    }
    for other in ["-DTM_TEST_MINOR=1", "-DTM_TEST_MINOR=7", "-DTM_TEST_STRUCT_SIZE=104"] {
        let Some((_folder, library)) = fixture("variant.c", &[other]) else { return };
        training::assert_trains(&load(&library).unwrap());
    }
}

#[test]
fn a_library_that_is_no_plugin_is_refused() {
    let Some(cc) = compiler("CC", "cc") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("other.c"), folder.path().join("libother.so"));
    std::fs::write(&source, "int unrelated(void) { return 1; }\n").unwrap();
    let built = Command::new(&cc).args(["-shared", "-fPIC"]).arg(&source).arg("-o").arg(&library).status();
    assert!(built.unwrap().success());
    let reason =
        "it exports no table tm_backend_v1, so it is no trainmark plugin; see docs/writing-a-backend.md";
    assert_eq!(reason_of(&library), reason);

    std::fs::write(&source, "int absent(void); int present(void) { return absent(); }\n").unwrap();
    let built = Command::new(&cc).args(["-shared", "-fPIC"]).arg(&source).arg("-o").arg(&library).status();
    assert!(built.unwrap().success());
    assert_eq!(reason_of(&library), "undefined symbol: absent");
}

fn reason_of(path: &Path) -> String {
    let error = load(path).err().expect("it is refused");
    assert_eq!(error.path, path);
    error.fault.to_string()
}

#[test]
fn files_that_are_no_libraries_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(reason_of(folder.path()), "it is a folder; name the library in it");
    assert_eq!(reason_of(&folder.path().join("absent.so")), "No such file or directory (os error 2)");
    let file = folder.path().join("file.so");
    std::fs::write(&file, "").unwrap();
    assert_eq!(reason_of(&file), "it is no dynamic library of this machine (file too short)");
    std::fs::write(&file, "These are words and no machine code.\n".repeat(100)).unwrap();
    assert_eq!(reason_of(&file), "it is no dynamic library of this machine (invalid ELF header)");
}

#[test]
fn the_header_is_valid_cplusplus() {
    let Some(cxx) = compiler("CXX", "c++") else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("plugin.cpp");
    std::fs::write(&source, "#include <trainmark.h>\nconst tm_backend_table tm_backend_v1 = {};\n").unwrap();
    let output = Command::new(cxx)
        .args(["-std=c++17", "-Wall", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
        .arg(repository().join("harness/plugin/include"))
        .arg(source)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
