//! A cluster of Slurm's on this machine, of virtual nodes.

use std::path::Path;
use std::process::Command;

use crate::build::repository_root;
use crate::require::skip;

/// A cluster, which ends with this value.
#[derive(Debug)]
pub struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts one; `None`, said aloud, where that cannot be.
    ///
    /// # Panics
    /// Where it is there and does not start.
    pub fn start(nodes: usize) -> Option<Self> {
        if let Err(why) = Self::check() {
            skip("slurm", why);
            return None;
        }
        let folder = tempfile::Builder::new().prefix("trainmark-slurm-").tempdir().unwrap();
        let cluster = Self { folder };
        cluster.call(&["start"], &[&nodes.to_string()]);
        Some(cluster)
    }

    fn check() -> Result<(), &'static str> {
        if !rustix::process::geteuid().is_root() {
            return Err("its daemons need root");
        }
        let has =
            |name: &str| ["/usr/sbin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(name).exists());
        let is_there = ["slurmctld", "slurmd", "munged", "sbatch"].into_iter().all(has);
        if is_there { Ok(()) } else { Err("install Debian's packages slurm-wlm and munge") }
    }

    /// The value of `SLURM_CONF` by which clients reach it.
    pub fn configuration(&self) -> std::path::PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// Kills a node with all that runs on it.
    pub fn kill(&self, node: &str) {
        self.call(&["kill"], &[node]);
    }

    /// Starts a node again, so that it does not see a folder.
    pub fn blind(&self, node: &str, hidden: &Path) {
        self.call(&["blind"], &[node, hidden.to_str().expect("a folder of these tests")]);
    }

    /// What one of Slurm's commands prints.
    ///
    /// # Panics
    /// Where it fails.
    pub fn run(&self, command: &str, arguments: &[&str]) -> String {
        let output = Command::new(command)
            .args(arguments)
            .env("SLURM_CONF", self.configuration())
            .output()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The states of all jobs, in no order.
    pub fn states(&self) -> Vec<String> {
        let told = self.run("squeue", &["--array", "--states=all", "--noheader", "--format=%T"]);
        told.lines().map(str::to_owned).collect()
    }

    fn call(&self, action: &[&str], arguments: &[&str]) {
        let script = repository_root().join("scripts/slurm.sh");
        // Its daemons would keep a pipe open.
        let log = self.folder.path().join("script.log");
        let file = std::fs::File::create(&log).unwrap();
        let status = Command::new(script)
            .args(action)
            .arg(self.folder.path())
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        assert!(status.success(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.call(&["stop"], &[]);
    }
}
