//! A folder that cannot be written to, and a disk that fills up.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use trainmark_tests::{Repository, RunFolder, bench, hostile, invoke, manifest, skip, wait_until};

/// A small disk in memory, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, said aloud, where mounting is not permitted.
    fn mount(size: &str) -> Option<Self> {
        Self::mount_with(&format!("size={size}"))
    }

    fn mount_with(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let output = Command::new("mount").args(arguments).arg(folder.path()).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                skip("tmpfs", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                skip("tmpfs", &format!("mount cannot be run: {error}"));
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file until nothing more goes in.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since a process of a failed test may still be in it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

fn assert_full(code: Option<i32>, stderr: &str, file: &Path) {
    assert_eq!(code, Some(2), "{stderr}");
    let expected = format!(
        "error: no space left on device to write {}: free space there, or choose another folder with `--out DIR`; \
         then continue with `--resume`\n",
        file.display()
    );
    assert!(stderr.ends_with(&expected), "{stderr}");
}

/// The disk fills up while the benchmark runs.
#[test]
fn a_disk_that_fills_up_loses_nothing_that_was_recorded() {
    let Some(disk) = SmallDisk::mount("4m") else { return };
    let running = bench(disk.path(), [hostile()]).args(["--epochs", "2", "--seeds", "2"]).start();
    let first = || RunFolder::find(disk.path()).is_some_and(|run| run.count("epoch") == 1);
    assert!(wait_until(Duration::from_secs(60), first), "no epoch ends");
    disk.fill();
    let finished = running.finish();
    finished.marker.assert_gone();
    let run = RunFolder::only(disk.path());
    assert_full(finished.code, &finished.stderr, &run.path.join("events.jsonl"));
    let before = run.events();
    assert!(before.iter().any(|event| event["event"] == "epoch"));
    assert_ne!(before.last().unwrap()["event"], "finished");

    fs::remove_file(disk.path().join("filler")).unwrap();
    invoke(["bench", "--resume"]).args([&run.path]).run().expect(0);
    assert_eq!(run.events()[..before.len()], before);
    let rows = run.rows("runs.csv");
    assert!(rows.len() == 2 && rows.iter().all(|row| row["outcome"] == "ok"), "{rows:?}");
    assert_eq!(run.rows("epochs.csv").len(), 4);
}

/// Room for the record, but not for what is made of it.
#[test]
fn a_report_that_finds_no_room_can_be_made_later() {
    let Some(disk) = SmallDisk::mount("64k") else { return };
    let finished = bench(disk.path(), [hostile()]).run();
    let run = RunFolder::only(disk.path());
    assert_full(finished.code, &finished.stderr, &run.path.join("report.html"));
    assert_eq!(run.events().pop().unwrap()["event"], "finished");
    assert!(!run.path.join("report.html").exists(), "no half of a report");
    assert_eq!(
        fs::read_dir(&run.path)
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".tmp") })
            .count(),
        0
    );

    let grown = Command::new("mount").args(["-o", "remount,size=4m"]).arg(disk.path()).status().unwrap();
    assert!(grown.success());
    invoke(["report"]).args([&run.path]).run().expect(0);
    assert!(run.read("report.html").trim_end().ends_with("</html>"));
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let finished = bench(&file, [hostile()]).run().expect(2);
    let start = format!("error: cannot write into {}: name another place with --out DIR: ", file.display());
    let message = finished.stderr.lines().last().unwrap();
    assert!(message.starts_with(&start), "{message}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_folder_where_nothing_can_be_built_is_told_before_and_another_is_taken() {
    let refusals =
        [("noexec", "no program may be run (it is mounted with noexec)"), ("ro", "cannot write into ")];
    for (option, why) in refusals {
        let Some(disk) = SmallDisk::mount_with(&format!("size=1m,{option}")) else { return };
        let built = "touch \"$CARGO_TARGET_DIR\"/made.so";
        let keys = "downloads = \"something large\"\ninputs = ";
        let manifest = manifest("mine", built, "sh").replace("inputs = ", keys);
        let repository = Repository::new().backend("mine", &manifest);
        let check = |builds: &Path| {
            let check =
                repository.invoke(["check", "mine", "--workload", "softmax", "--dataset", "synthetic"]);
            check.env("TRAINMARK_BUILDS", builds).run().expect(1)
        };
        let refused = check(&disk.path().join("builds"));
        assert!(refused.stdout.contains(why), "{option}: {}", refused.stdout);
        let remedy = "; set TRAINMARK_BUILDS to a folder elsewhere, for all that is built";
        assert!(refused.stdout.contains(remedy), "{option}: {}", refused.stdout);
        assert!(!refused.stderr.contains("something large"), "{option}: {}", refused.stderr);

        let elsewhere = repository.path().join("elsewhere");
        assert!(check(&elsewhere).stderr.contains("something large"), "{option}");
        assert!(elsewhere.join("mine/made.so").is_file() && !repository.path().join("target").exists());
    }
}
