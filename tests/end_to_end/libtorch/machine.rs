//! A machine whose programs are shell scripts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use trainmark_tests::repository_root;

/// What the scripts call; Pythons and pips are made by the tests.
const TOOLS: &str =
    "awk cat cut date df dirname du env head ldd mkdir mv paste rm sed sh sleep sort tail touch tr uname";

/// A machine with these programs only, and an empty home.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    /// Whether a libtorch with CUDA is wanted; `None` where the scripts look for a driver.
    cuda: Option<bool>,
    /// The folder of the scripts.
    pub(super) backend: PathBuf,
    /// From where in it they are run: the folder of a version, or nothing.
    pub(super) version: &'static str,
}

impl Machine {
    pub(super) fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
            cuda: Some(false),
            backend: repository_root().join("backends/tch"),
            version: "",
        };
        fs::create_dir(machine.path("bin")).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for tool in TOOLS.split(' ') {
            let found =
                std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file());
            // `ldd` is Linux's own.
            if let Some(found) = found {
                symlink(found, machine.path("bin").join(tool)).unwrap();
            }
        }
        machine
    }

    pub(super) fn with_cuda(self, cuda: Option<bool>) -> Self {
        Self { cuda, ..self }
    }

    pub(super) fn with_backend(self, backend: PathBuf) -> Self {
        Self { backend, ..self }
    }

    pub(super) fn with_version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn program(self, name: &str, script: &str) -> Self {
        let file = self.path("bin").join(name);
        // Not through a link to the real one.
        fs::remove_file(&file).ok();
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A Python that has `pip`, `venv` or nothing (`-`), and a torch in a folder, or none.
    pub(super) fn python(self, name: &str, way: &str, torch: Option<&Path>) -> Self {
        let torch = torch.map(|path| path.display().to_string()).unwrap_or_default();
        // Called as `python -c SCRIPT NAME`, as `python locked.py LOCK COMMAND` or as `python -m pip …`.
        let script = format!(
            "case $1 in -c) echo \"$3 {way} {torch}\" ;; *.py) shift 2; exec \"$@\" ;; *) shift 2; exec \
             pip-of-the-test \"$@\" ;; esac"
        );
        self.program(name, &script)
    }

    /// A folder that looks like a libtorch.
    pub(super) fn libtorch(&self, name: &str, version: [u32; 3]) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("include/torch/headeronly")).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        let [major, minor, patch] = version;
        let header = format!(
            "#define TORCH_VERSION_MAJOR {major}\n\n#define TORCH_VERSION_MINOR {minor}\n#define \
             TORCH_VERSION_PATCH {patch}\n"
        );
        fs::write(folder.join("include/torch/headeronly/version.h"), header).unwrap();
        fs::write(folder.join("lib/libtorch_cpu.so"), "").unwrap();
        folder
    }

    /// The same, with CUDA.
    pub(super) fn libtorch_with_cuda(&self, name: &str) -> PathBuf {
        let folder = self.libtorch(name, [2, 11, 0]);
        fs::write(folder.join("lib/libtorch_cuda.so"), "").unwrap();
        folder
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.path(".cache/trainmark/libtorch-2.11.0")
    }

    /// What fetches have left in the cache, but for the folder of wheels.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(".cache/trainmark")).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("wheels")).collect()
    }

    /// What the last call of pip was told.
    pub(super) fn asked(&self) -> String {
        fs::read_to_string(self.path("asked")).unwrap()
    }

    pub(super) fn command(&self, script: &str, argument: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg(if self.version.is_empty() { script.to_owned() } else { format!("../../{script}") });
        if !argument.is_empty() {
            command.arg(argument);
        }
        command
            .current_dir(self.backend.join(self.version))
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        if let Some(cuda) = self.cuda {
            command.env("TRAINMARK_TCH_CUDA", if cuda { "yes" } else { "no" });
        }
        command
    }

    /// The folder that is found, with nothing fetched.
    #[track_caller]
    pub(super) fn found(&self, libtorch: Option<&Path>) -> PathBuf {
        let output = self.run("libtorch.sh", "", libtorch.map(|path| ("LIBTORCH", path)));
        assert!(output.status.success(), "{}", text(&output.stderr));
        PathBuf::from(text(&output.stdout).trim_end())
    }

    pub(super) fn run(&self, script: &str, argument: &str, variable: Option<(&str, &Path)>) -> Output {
        self.command(script, argument).envs(variable).output().unwrap()
    }

    /// The one line that says why there is none, the same for a build and its probe.
    #[track_caller]
    pub(super) fn refusal(&self, variable: Option<(&str, &Path)>) -> String {
        let built = self.run("build.sh", "", variable);
        assert!(!built.status.success() && built.stdout.is_empty(), "{}", text(&built.stdout));
        let message = text(&built.stderr).lines().last().unwrap().strip_prefix("error: ").unwrap().to_owned();
        let probed = self.run("build.sh", "--probe", variable);
        assert!(!probed.status.success());
        assert_eq!(text(&probed.stdout).lines().last().unwrap(), message);
        message
    }
}

pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A pip that downloads a file to where `--dest` says, and copies a folder to where `--target` says.
pub(super) const PIP: &str = r#"
echo "$*" >"$HOME/asked"
if [ "$1" = download ]; then
    while [ "$1" != --dest ]; do shift; done
    mkdir -p "$2"
    : >"$2/torch.whl"
    exit
fi
while [ "$1" != --target ]; do shift; done
mkdir -p "$2"
mv "$HOME/wheel" "$2/torch"
touch "$2/torch/__init__.py" "$2/torch/lib/libtorch_cuda.so" "$2/torch/lib/libtorch_python.so"
mkdir "$2/functorch"
echo installed"#;
