//! Libraries that are no plugin, or one of another version: refused with the
//! reason, before any of their code runs.

use std::fs;
use std::path::Path;

use trainmark_tests::{RunFolder, bench, c_library, hostile};

/// Benchmarks a library that cannot be used beside one that can, and returns
/// why it cannot.
fn reason(library: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let finished = bench(out.path(), [library, &hostile()]).run().expect(0);
    let folder = RunFolder::only(out.path());
    assert_eq!(folder.run("hostile")["outcome"], "ok", "the other one runs on");
    let row = folder.run(&library.to_string_lossy());
    assert_eq!((&*row["outcome"], &*row["conformance"]), ("unavailable", "not checked"));
    let line = format!("{}: unavailable: {}\n", library.display(), row["reason"]);
    assert!(finished.stderr.contains(&line) && finished.stdout.contains(&line), "{finished:?}");
    let prefix = format!("cannot load {}: ", library.display());
    row["reason"].strip_prefix(&prefix).unwrap_or_else(|| panic!("{}", row["reason"])).to_owned()
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    for (definition, expected) in [
        (
            "TM_TEST_MAGIC=1",
            "its table does not begin with trainmark's magic number; rebuild it with trainmark-plugin 1 or the \
             current trainmark.h",
        ),
        (
            "TM_TEST_MAJOR=2",
            "built for ABI 2.2, this harness speaks 1.x; rebuild it against trainmark-plugin 1",
        ),
        (
            "TM_TEST_STRUCT_SIZE=40",
            "its table lacks the function describe; every function but `extension` is required",
        ),
        (
            "TM_TEST_NO_PREDICT",
            "its table lacks the function predict; every function but `extension` is required",
        ),
        (
            "TM_TEST_NAME=\"Bad Name\"",
            "its name \"Bad Name\" is not made of lower-case letters, digits and dashes",
        ),
    ] {
        let name: String = definition.chars().filter(char::is_ascii_alphanumeric).collect();
        let file = format!("lib{name}.so");
        let Some(library) = c_library("variant.c", &[&format!("-D{definition}")], &file) else { return };
        assert_eq!(reason(&library), expected, "{definition}");
    }
}

#[test]
fn a_library_whose_name_cannot_be_told_from_another_word_is_refused() {
    for name in ["all", "none", "null", "nan", "-x"] {
        let definition = format!("-DTM_TEST_NAME=\"{name}\"");
        let file = format!("libnamed{}.so", name.trim_start_matches('-'));
        let Some(library) = c_library("variant.c", &[&definition], &file) else { return };
        let out = tempfile::tempdir().unwrap();
        let finished = bench(out.path(), [&library, &hostile()]).run().expect(0);
        let row = RunFolder::only(out.path()).run(&library.to_string_lossy());
        assert_eq!(row["outcome"], "unavailable");
        let refused = format!("\"{name}\" cannot be a backend's name: ");
        assert!(row["reason"].starts_with(&refused) && finished.stderr.contains(&refused), "{row:?}");
    }
}

#[test]
fn a_later_minor_version_is_accepted() {
    let Some(library) = c_library("variant.c", &["-DTM_TEST_MINOR=7"], "libminor.so") else { return };
    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [library]).run().expect(0);
    let row = RunFolder::only(out.path()).run("minimal-c");
    assert_eq!((&*row["outcome"], &*row["conformance"]), ("ok", "passed"));
}

#[test]
fn files_that_are_no_libraries_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().canonicalize().unwrap().join("libfile.so");
    let long_text = "not a library\n".repeat(1000);
    for (content, expected) in [
        ("", "it is no dynamic library of this machine (file too short)"),
        ("text", "it is no dynamic library of this machine (file too short)"),
        (&long_text, "it is no dynamic library of this machine (invalid ELF header)"),
    ] {
        fs::write(&library, content).unwrap();
        assert_eq!(reason(&library), expected);
    }
}

#[test]
fn a_library_that_is_no_plugin_is_refused() {
    let Some(plugin) = c_library("plugin.c", &["-Dtm_backend_v1=another_name"], "libno-plugin.so") else {
        return;
    };
    assert_eq!(
        reason(&plugin),
        "it exports no table tm_backend_v1, so it is no trainmark plugin; see docs/writing-a-backend.md"
    );
}

#[test]
fn a_library_that_is_not_there_is_a_slip() {
    let out = tempfile::tempdir().unwrap();
    let message = bench(out.path(), ["/no/where/libmine.so"]).run().refusal();
    assert_eq!(message, "error: no library /no/where/libmine.so: No such file or directory (os error 2)\n");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing was begun");
}
