//! Each version of tch has a libtorch of its own.

use std::fs;
use std::os::unix::fs::symlink;

use trainmark_tests::repository_root;

use super::machine::{Machine, PIP, text};

/// Another version of tch than the default one.
const OTHER: &str = "versions/0.26.0";

#[test]
fn each_version_takes_the_libtorch_that_it_is_made_for() {
    let machine = Machine::new();
    let [old, new] = [("old", 11), ("new", 13)].map(|(name, minor)| machine.libtorch(name, [2, minor, 0]));
    let machine = machine.python("python3", "pip", Some(&old)).python("python3.12", "pip", Some(&new));
    assert_eq!(machine.found(None), old);
    let machine = machine.with_version(OTHER);
    assert_eq!(machine.found(None), new);
    // One variable cannot name both.
    assert_eq!(
        machine.refusal(Some(("LIBTORCH", &old))),
        format!(
            "LIBTORCH={} is libtorch 2.11.0, but tch needs 2.13.0; set it to a libtorch 2.13.0, or unset it and \
             one is found or fetched",
            old.display()
        )
    );

    let machine = Machine::new().with_version(OTHER);
    let machine = machine.python("python3", "pip", None).program("pip-of-the-test", PIP);
    machine.libtorch("wheel", [2, 13, 0]);
    let cache = machine.path(".cache/trainmark/libtorch-2.13.0");
    assert_eq!(machine.found(None), cache.join("torch"));
    assert_eq!(machine.kept(), [cache]);
    assert!(!machine.path(".cache/trainmark/wheels/torch.whl").exists(), "nobody else has a use for it");
    let list = machine.backend.join(OTHER).join("requirements.txt");
    assert!(machine.asked().contains(&format!("--requirement {}", list.display())), "{}", machine.asked());
}

/// `new-version` writes no more than the files of cargo.
#[test]
fn a_working_copy_takes_the_libtorch_of_the_default_version() {
    let machine = Machine::new();
    let backend = machine.path("checkout/backends/tch");
    fs::create_dir_all(backend.join("versions/0.27.0-dev")).unwrap();
    for name in ["build.sh", "folder.sh", "libtorch.sh", "version.sh"] {
        fs::copy(machine.backend.join(name), backend.join(name)).unwrap();
    }
    symlink(repository_root().join("scripts"), machine.path("checkout/scripts")).unwrap();
    let machine = machine.with_backend(backend).with_version("versions/0.27.0-dev");
    let torch = machine.libtorch("torch", [2, 11, 0]);
    // It is built where its Cargo.toml lies.
    let machine = machine.python("python3", "pip", Some(&torch)).program("cargo", "pwd");
    let built = machine.run("build.sh", "", None);
    let folder = machine.backend.canonicalize().unwrap().join(machine.version);
    assert_eq!(
        text(&built.stdout),
        format!("libtorch: {}\n{}\n", torch.display(), folder.display()),
        "{}",
        text(&built.stderr)
    );
}

/// Both lists of a version ask for the libtorch that it is made for, and by sums.
#[test]
fn the_lists_for_pip_agree() {
    for folder in ["", OTHER] {
        let folder = repository_root().join("backends/tch").join(folder);
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let [light, whole] = ["requirements.txt", "requirements-cuda.txt"].map(|name| {
            // One entry per package, with its sums.
            let text = read(name).replace("\\\n", " ");
            let entries = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
            entries.collect::<std::collections::BTreeSet<_>>()
        });
        let version = |entries: &std::collections::BTreeSet<String>, package: &str| {
            let entry =
                entries.iter().find(|entry| entry.starts_with(package)).expect("the package is listed");
            entry.split([' ', ';']).next().unwrap().to_owned()
        };
        for package in ["torch==", "nvidia-cuda-runtime==", "nvidia-cuda-cupti=="] {
            assert_eq!(version(&light, package), version(&whole, package));
        }
        let wanted = format!("\nVERSION={}\n", version(&light, "torch==").trim_start_matches("torch=="));
        assert!(read("version.sh").contains(&wanted), "{wanted}");
        assert!(whole.iter().all(|entry| entry.contains("--hash=sha256:")), "{whole:?}");
        for package in ["nvidia-cublas==", "nvidia-cudnn-cu13=="] {
            version(&whole, package);
        }
    }
}
