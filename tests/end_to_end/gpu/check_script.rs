//! `scripts/gpu-check.sh`, as far as it goes without a GPU.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use trainmark_tests::{Finished, invoke_program, repository_root};

use super::has_no_driver;
use super::lease_script::Visit;

/// The script with arguments; `bin` comes first on the `PATH`.
fn gpu_check(arguments: &[&Path], bin: &Path) -> Finished {
    let script = repository_root().join("scripts/gpu-check.sh");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    invoke_program(script, arguments).env("PATH", path).run().expect(2)
}

#[test]
fn what_it_lacks_is_named() {
    if !has_no_driver() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (results, bin) = (folder.path().join("results"), folder.path().join("bin"));
    fs::create_dir(&bin).unwrap();
    let told = gpu_check(&[], &bin).stderr;
    assert!(told.starts_with("error: name the folder for the results: "), "{told}");
    let before = folder.path().join("before");
    fs::create_dir(&before).unwrap();
    fs::write(before.join("machine.txt"), "").unwrap();
    let told = gpu_check(&[&before], &bin).stderr;
    assert!(told.contains("before holds the machine.txt of an earlier visit; name another folder"), "{told}");
    let told = gpu_check(&[&results], &bin).stderr;
    assert_eq!(told, "error: no NVIDIA driver on this machine; install one for CUDA 13\n");

    let driver = bin.join("nvidia-smi");
    fs::write(&driver, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&driver, fs::Permissions::from_mode(0o755)).unwrap();
    let told = gpu_check(&[&results, folder.path()], &bin).stderr;
    let expected =
        format!("error: no bundle in {}; make one with scripts/gpu-bundle.sh\n", folder.path().display());
    assert_eq!(told, expected);
}

/// Both are usual in containers: the driver in a folder that `LD_LIBRARY_PATH` alone names, and
/// a toolkit whose `lib64` is a link.
#[test]
fn a_driver_named_by_the_environment_and_a_linked_toolkit_are_found() {
    if !has_no_driver() {
        return;
    }
    let visit = Visit::new();
    fs::remove_file(visit.path("bin/nvidia-smi")).unwrap();
    for (folder, library) in [("driver", "libcuda.so.1"), ("toolkit/targets", "libcudart.so.13")] {
        fs::create_dir_all(visit.path(folder)).unwrap();
        fs::write(visit.path(folder).join(library), "").unwrap();
    }
    symlink("targets", visit.path("toolkit/lib64")).unwrap();
    fs::create_dir(visit.path("bundle/backends/candle")).unwrap();
    let script = repository_root().join("scripts/gpu-check.sh");
    let run = invoke_program(script, [visit.path("out"), visit.path("bundle")])
        .env("LD_LIBRARY_PATH", visit.path("driver"))
        .env("CUDA_HOME", visit.path("toolkit"))
        .env("FAKE_OUT", visit.path("out"))
        .run()
        .expect(0);
    assert!(run.stdout.contains("\nbundle of revision 0123456789ab\n"), "{run:?}");
    assert!(visit.path("bundle/backends/candle/cuda-libraries/libcudart.so.13").exists());
}

/// A small image may lack `xz`: Python unpacks the bundle there, and both refuse one cut short.
#[test]
fn a_bundle_is_unpacked_with_xz_and_without() {
    let visit = Visit::new();
    fs::rename(visit.path("bundle"), visit.path("gpu-bundle")).unwrap();
    let whole = visit.path("whole.tar.xz");
    let pack = [Path::new("-C"), &visit.path(""), Path::new("-cJf"), &whole, Path::new("gpu-bundle")];
    invoke_program("tar", pack).run().expect(0);
    let cut = visit.path("cut.tar.xz");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();

    let bare = visit.path("bare");
    fs::create_dir(&bare).unwrap();
    let python = ["-c", "import sys; print(sys.executable)"];
    let python = invoke_program("python3", python).run().expect(0).stdout;
    symlink(python.trim_end(), bare.join("python3")).unwrap();
    for tool in ["tail", "grep"] {
        let found = invoke_program("which", [tool]).run().expect(0).stdout;
        symlink(found.trim_end(), bare.join(tool)).unwrap();
    }
    let common = repository_root().join("scripts/gpu/common.sh");
    let find = r#". "$0"; find_bundle "$1" / "$2" || { echo "$reason"; exit 1; }"#;
    for path in [std::env::var("PATH").unwrap(), bare.display().to_string()] {
        for (archive, code) in [(&whole, 0), (&cut, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let arguments = [Path::new("-c"), Path::new(find), &common, archive, folder.path()];
            let told = invoke_program("/bin/bash", arguments).env("PATH", &path).run().expect(code).stdout;
            if code == 0 {
                let program = folder.path().join("gpu-bundle/harness/trainmark");
                assert_ne!(fs::metadata(program).unwrap().permissions().mode() & 0o100, 0, "{path}");
            } else {
                let begins = format!("cannot unpack {}: ", cut.display());
                assert!(told.starts_with(&begins), "{path}: {told}");
                assert!(told.ends_with("; make it anew with scripts/gpu-bundle.sh\n"), "{path}: {told}");
                assert_eq!(told.lines().count(), 1, "{path}: {told}");
            }
        }
    }
}
