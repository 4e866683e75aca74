//! A machine for backends in Python: with a cargo that leaves a plugin in C as the bridge, and
//! packages in a folder, so that nothing is compiled and nothing is fetched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use trainmark_tests::{Invocation, Repository, minimal_c, repository_root, serving_python};

/// What the tool's launcher calls, and what the test's own programs do.
const TOOLS: &str = "cc cp dirname mkdir sed sh";

/// Writes a wheel that holds an empty module into a folder, and prints its hash.
const WHEEL: &str = r#"
import hashlib, sys, zipfile
folder, name = sys.argv[1:]
path, info = f"{folder}/{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr(f"{name}/__init__.py", "")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"#;

/// A repository with a backend in Python that is named minimal-c, as the plugin in C is.
pub(super) struct Machine {
    pub(super) repository: Repository,
    outside: tempfile::TempDir,
    /// The Python that serves.
    python: &'static Path,
    /// SHA-256 of the wheel of a numpy of the test.
    hash: String,
}

/// What the backend's `backend.toml` begins with.
pub(super) const TOML: &str = r#"name = "minimal-c"
version = "0.1.0"
summary = "made by a test"
python = "backend.py"
devices = ["cpu"]
"#;

impl Machine {
    /// One on which everything is there; `None`, said aloud, where there is no Python to try it with.
    pub(super) fn new() -> Option<Self> {
        let (library, python) = (minimal_c()?, serving_python()?);
        let outside = tempfile::tempdir().unwrap();
        for folder in ["bin", "wheels"] {
            fs::create_dir(outside.path().join(folder)).unwrap();
        }
        let wheels = outside.path().join("wheels");
        let made = Command::new(python).args(["-c", WHEEL]).arg(&wheels).arg("numpy").output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let hash = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let machine = Self { repository: Repository::new().backend("mine", TOML), outside, python, hash };
        let cargo = format!(
            "mkdir -p \"$CARGO_TARGET_DIR/release\"\ncp '{}' \"$CARGO_TARGET_DIR/release/libtrainmark_python.so\"",
            library.display()
        );
        machine.program("cargo", &cargo);
        for tool in TOOLS.split(' ') {
            symlink(which(tool), machine.bin().join(tool)).unwrap();
        }
        symlink(machine.python, machine.bin().join("python3")).unwrap();
        machine.write("backend.py", "def describe(): pass\n");
        machine.requires(&format!("numpy==1.0 --hash=sha256:{}\n", machine.hash));
        Some(machine)
    }

    /// What the backend requires.
    pub(super) fn requires(&self, text: &str) {
        self.write("requirements.txt", text);
    }

    /// What it requires, as the test's only wheel has it.
    pub(super) fn requirement(&self) -> String {
        format!("numpy==1.0 --hash=sha256:{}\n", self.hash)
    }

    /// Writes a file of the backend.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.repository.path().join("backends/mine").join(name), text).unwrap();
    }

    /// Puts a shell script on the PATH.
    pub(super) fn program(&self, name: &str, script: &str) {
        let file = self.bin().join(name);
        // Not through a link to the real one.
        fs::remove_file(&file).ok();
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Takes a program off the PATH.
    pub(super) fn without(&self, name: &str) {
        fs::remove_file(self.bin().join(name)).unwrap();
    }

    /// Whether builds see an NVIDIA driver, with this machine's programs.
    pub(super) fn has_driver(&self) -> bool {
        let rule = repository_root().join("scripts/nvidia-driver.sh");
        Command::new("sh")
            .arg(rule)
            .env("PATH", self.bin())
            .env_remove("TRAINMARK_CUDA")
            .status()
            .unwrap()
            .success()
    }

    /// The Python that serves.
    pub(super) fn python(&self) -> &Path {
        self.python
    }

    /// The folder of the test's only wheel.
    pub(super) fn wheels(&self) -> PathBuf {
        self.outside.path().join("wheels")
    }

    fn bin(&self) -> PathBuf {
        self.outside.path().join("bin")
    }

    /// The folder of all environments.
    pub(super) fn cache(&self) -> PathBuf {
        self.outside.path().join("cache/trainmark/python")
    }

    /// The only environment that there is.
    #[track_caller]
    pub(super) fn environment(&self) -> PathBuf {
        let entries = fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path());
        let folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        let [folder] = &folders[..] else { panic!("{folders:?}") };
        folder.clone()
    }

    /// The binary with these arguments.
    pub(super) fn invoke<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Invocation {
        self.repository
            .invoke(arguments)
            .env("PATH", self.bin())
            .env("XDG_CACHE_HOME", self.outside.path().join("cache"))
            .env("PIP_FIND_LINKS", self.wheels())
            .env("PIP_NO_INDEX", "1")
    }

    /// `check` of the backend.
    pub(super) fn check(&self) -> Invocation {
        self.invoke(["check", "minimal-c", "--workload", "softmax", "--dataset", "synthetic"])
    }

    /// Why the backend is unavailable, in one line.
    #[track_caller]
    pub(super) fn reason(&self) -> String {
        self.reason_of(self.check())
    }

    /// Why it is so to a `check` of it.
    #[track_caller]
    pub(super) fn reason_of(&self, check: Invocation) -> String {
        let checked = check.run().expect(1);
        let reason = checked.stdout.strip_prefix("minimal-c: unavailable: ").map(str::trim_end);
        let reason = reason.unwrap_or_else(|| panic!("{checked:?}")).to_owned();
        assert!(!reason.contains('\n'), "{reason}");
        reason
    }
}

fn which(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{tool} is on the PATH"))
}
