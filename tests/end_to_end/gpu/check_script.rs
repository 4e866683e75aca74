//! `scripts/gpu-check.sh`, as far as it goes without a GPU.

use std::fs;
use std::os::unix::fs::PermissionsExt;
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
    std::os::unix::fs::symlink("targets", visit.path("toolkit/lib64")).unwrap();
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
