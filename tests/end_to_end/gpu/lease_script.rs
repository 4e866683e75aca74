//! `scripts/gpu-lease.sh`, with a bundle of programs that only print, hang or fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trainmark_tests::{Finished, Invocation, invoke_program, repository_root};

use super::has_no_driver;

/// The harness's program: each command notes that it was called; `check` hangs where it is told
/// to, after it has started what it would leave behind; `bench` writes what it finds packed.
const PROGRAM: &str = r#"#!/bin/bash
echo "$1 $2" >>"$FAKE_OUT/calls"
case $1 in
    check)
        cat backends/handwritten/libhandwritten-cuda.so >>"$FAKE_OUT/checked"
        echo "handwritten/builtin lenet-bn cuda:0"
        if [ "$2 ${FAKE_HANGS:-}" = "handwritten yes" ] && [ ! -e "$FAKE_OUT/hung" ]; then
            touch "$FAKE_OUT/hung"
            set -m
            sleep 300 &
            sleep 300
        fi
        echo "  passed all 26 checks"
        ;;
    bench)
        tar -tzf "$FAKE_OUT/results.tar.gz" >"$FAKE_OUT/packed-before-bench" 2>&1
        while [ $# -gt 0 ]; do
            [ "$1" != --out ] || { mkdir -p "$2/run" && ln -sfn run "$2/latest"; folder=$2/run; }
            shift
        done
        printf '%s\n' backend,implementation,workload,train_seconds handwritten,builtin,lenet-bn,0.011 \
            handwritten,builtin,lenet-bn,0.013 handwritten,builtin,lenet-bn,0.012 >"$folder/epochs.csv"
        ;;
esac
"#;

/// The timing program: `staged` halves an epoch's cost, `pairs` adds in another order.
const EPOCH: &str = r#"#!/bin/bash
fixed=20.0 loss=2.3
[ "${TRAINMARK_CUDA:-}" != staged ] || fixed=10.0
[ "${TRAINMARK_CUDA:-}" != pairs ] || loss=2.31
case $* in
    *one-step*) echo "one step: loss 2.3" ;;
    *replays*) echo "line: $fixed µs per epoch and 40.00 µs per step" ;;
    *) printf "epoch %s: %s ms, loss $loss\n" 1 12.000 2 11.000 3 10.000 ;;
esac
"#;

const NVIDIA_SMI: &str = r#"#!/bin/sh
case $* in
    *query-gpu*) echo "Pretended GPU A, 580.95.05, 81559 MiB, 9.0" ;;
    *) echo "| NVIDIA-SMI 580.95.05   Driver Version: 580.95.05   CUDA Version: ${FAKE_CUDA:-13.0} |" ;;
esac
"#;

/// A folder with a pretended bundle, programs that come first on the `PATH`, and what comes out.
pub(super) struct Visit {
    folder: TempDir,
}

impl Visit {
    pub(super) fn new() -> Self {
        let visit = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["bin", "out", "bundle/backends/handwritten"] {
            fs::create_dir_all(visit.path(name)).unwrap();
        }
        visit.program("bin/nvidia-smi", NVIDIA_SMI);
        visit.program("bundle/harness/trainmark", PROGRAM);
        visit.program("bundle/tools/epoch-handwritten", EPOCH);
        for (name, text) in [
            ("REVISION", "0123456789ab\n"),
            ("TOOLKIT", "13.0\n"),
            ("backends/handwritten/libhandwritten-cuda.so", "bundle's\n"),
        ] {
            fs::write(visit.path("bundle").join(name), text).unwrap();
        }
        visit
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The script with this bundle, and further arguments.
    fn invoke(&self, bundle: &str, arguments: &[&str]) -> Invocation {
        let script = repository_root().join("scripts/gpu-lease.sh");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        invoke_program(script, [self.path("out"), self.path(bundle)])
            .args(arguments)
            .env("PATH", path)
            .env("FAKE_OUT", self.path("out"))
            .env("TRAINMARK_LEASE_SECONDS", "120")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("out").join(name)).unwrap()
    }

    /// A file of those that were packed.
    fn packed(&self, name: &str) -> String {
        let archive = self.path("out/results.tar.gz");
        let arguments = [Path::new("-xzOf"), &archive, &Path::new("results").join(name)];
        invoke_program("tar", arguments).run().expect(0).stdout
    }
}

/// The last line of a stage: outcome and what is told of it.
fn line<'t>(told: &'t str, stage: &str) -> &'t str {
    let mut lines = told.lines().rev();
    let line = lines.find(|line| line.split_whitespace().next() == Some(stage));
    line.unwrap_or_else(|| panic!("no line of {stage}:\n{told}"))
}

fn has(finished: &Finished, stage: &str, outcome: &str) -> bool {
    line(&finished.stdout, stage).contains(&format!(" s  {outcome}"))
}

#[test]
fn a_stage_that_hangs_is_cut_and_the_next_ones_run() {
    let visit = Visit::new();
    let invocation = visit.invoke("bundle", &[]);
    let finished = invocation.env("FAKE_HANGS", "yes").env("TRAINMARK_LIMIT_CHECK", "1").run().expect(1);
    assert!(has(&finished, "machine", "ok             Pretended GPU A, 580.95.05"), "{finished:?}");
    assert!(has(&finished, "check", "cut at 1 s"), "{finished:?}");
    let expected = "ok             default: 20.0 µs + 40.00 µs per step, median epoch 11.000 ms · \
                    staged+overlap+carved+pairs+folded: 20.0 µs";
    assert!(has(&finished, "replays", expected), "{finished:?}");
    assert!(line(&finished.stdout, "replays").contains(" · staged: 10.0 µs + "), "{finished:?}");
    for told in
        ["overlap: losses to the last digit as without", "pairs: first epoch's loss 2.31, without 2.3"]
    {
        assert!(line(&finished.stdout, "replays").contains(told), "{finished:?}");
    }
    assert!(has(&finished, "checks", "ok             tch: 1 cells passed · candle: 1 cells"), "{finished:?}");
    assert!(has(&finished, "bench", "ok             handwritten/builtin lenet-bn 12.00 ms"), "{finished:?}");
    // What hung is ended, with what it had started.
    finished.marker.assert_gone();

    let before_bench = visit.read("packed-before-bench");
    for name in
        ["summary.txt", "check/log.txt", "replays/default-replays.txt", "checks/dfdx.txt", "bench/log.txt"]
    {
        assert!(before_bench.contains(&format!("results/{name}\n")), "{name}:\n{before_bench}");
    }
    assert!(line(&visit.packed("summary.txt"), "check").contains("cut at 1 s"));
    assert_eq!(visit.packed("summary.txt"), visit.read("summary.txt"));
    assert!(visit.read("calls").ends_with("bench handwritten\nbench all\n"), "{}", visit.read("calls"));
}

#[test]
fn profilers_say_what_they_find_or_why_they_refuse() {
    let visit = Visit::new();
    let kernels =
        "#!/bin/sh\nprintf '%s\\n' 'fused_output: 3.10 µs' 'all of them: 3.10 µs' 'step: 3.20 µs'\n";
    visit.program("bundle/tools/kernels-handwritten", kernels);
    visit.program("bin/ncu", "#!/bin/sh\necho '==ERROR== ERR_NVGPUCTRPERM'\nexit 1\n");
    let sanitizer = r#"#!/bin/bash
        [ "$2" = memcheck ] || { echo "========= Error: unable to attach"; exit 1; }
        "${@:3}"
        echo "========= ERROR SUMMARY: 0 errors"
    "#;
    visit.program("bin/compute-sanitizer", sanitizer);
    let finished = visit.invoke("bundle", &[]).run().expect(0);
    let expected =
        "ok             default: all of them: 3.10 µs, step: 3.20 µs · ncu: ==ERROR== ERR_NVGPUCTRPERM";
    assert!(has(&finished, "kernels", expected), "{finished:?}");
    assert!(line(&finished.stdout, "kernels").contains(" · ncu: ==ERROR== ERR_NVGPUCTRPERM"), "{finished:?}");
    let expected = "left out       memcheck: ERROR SUMMARY: 0 errors · memcheck-switched: ERROR SUMMARY: 0 errors · \
         racecheck: ========= Error: unable to attach";
    assert!(has(&finished, "sanitizer", expected), "{finished:?}");
}

#[test]
fn time_that_is_over_begins_no_stage() {
    let visit = Visit::new();
    let finished = visit.invoke("bundle", &[]).env("TRAINMARK_LEASE_SECONDS", "5").run().expect(1);
    assert!(has(&finished, "bench-all", "not begun      the 5 s are over"), "{finished:?}");
}

#[test]
fn a_missing_bundle_and_driver_are_lines() {
    if !has_no_driver() {
        return;
    }
    let visit = Visit::new();
    fs::remove_file(visit.path("bin/nvidia-smi")).unwrap();
    // Beside no bundle, as in a checkout where none was made.
    let scripts = visit.path("scripts");
    let arguments = [Path::new("-r"), &repository_root().join("scripts"), &scripts];
    invoke_program("cp", arguments).run().expect(0);
    let invocation = invoke_program(scripts.join("gpu-lease.sh"), [visit.path("out")]);
    let finished = invocation.env("TRAINMARK_LEASE_SECONDS", "120").run().expect(1);
    let told = line(&finished.stdout, "bundle");
    assert!(told.ends_with("; make one with scripts/gpu-bundle.sh"), "{told}");
    assert!(
        line(&finished.stdout, "driver")
            .ends_with("no NVIDIA driver on this machine; install one for CUDA 13")
    );
    for stage in ["check", "replays", "kernels", "sanitizer", "checks", "bench", "bench-all"] {
        assert!(
            has(&finished, stage, "failed (1)     left out: there is no bundle"),
            "{stage}: {finished:?}"
        );
    }
    assert!(visit.packed("machine/log.txt").contains("\nlibcuda.so.1: nowhere\n"));
}

#[test]
fn a_driver_in_a_folder_of_its_own_and_too_old_is_told() {
    let visit = Visit::new();
    let driver = visit.path("driver");
    fs::create_dir(&driver).unwrap();
    fs::write(driver.join("libcuda.so.1"), "").unwrap();
    let invocation = visit.invoke("bundle", &["--compare", "plain"]);
    let finished = invocation.env("FAKE_CUDA", "12.4").env("LD_LIBRARY_PATH", &driver).run().expect(0);
    let told = line(&finished.stdout, "machine");
    assert!(
        told.contains(" · the driver knows CUDA 12.4, the bundle was built with 13.0: the PTX of "),
        "{told}"
    );
    let place = format!("\nlibcuda.so.1: {}/libcuda.so.1\n", driver.display());
    assert!(visit.packed("machine/log.txt").contains(&place), "{}", visit.packed("machine/log.txt"));
}

#[test]
fn a_full_disk_is_a_line() {
    let visit = Visit::new();
    visit.program("bin/tar", "#!/bin/sh\necho 'tar: No space left on device' >&2\nexit 2\n");
    let finished = visit.invoke("bundle", &["--compare", "plain"]).run().expect(1);
    let told = line(&finished.stdout, "packing");
    assert!(told.contains("tar: No space left on device; what was packed before stays in "), "{told}");
    assert!(has(&finished, "variant-1", "ok"), "{finished:?}");
    assert_eq!(
        finished.stdout.matches("\npacking ").count(),
        2,
        "said when it happens and in the table: {finished:?}"
    );
}

#[test]
fn variants_are_compared_in_turn_and_the_first_again() {
    let visit = Visit::new();
    let other = visit.path("other");
    visit.program("other/epoch-handwritten", &EPOCH.replace("40.00", "30.00"));
    fs::write(other.join("libtrainmark_handwritten.so"), "other\n").unwrap();
    let other = format!("{}+staged", other.display());
    let finished = visit.invoke("bundle", &["--compare", "plain", "+staged", &other]).run().expect(0);
    let table: Vec<Vec<&str>> =
        finished.stdout.lines().rev().take(4).map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        ["plain", "-", "20.0", "40.00", "1.000", "11.000", "1.000"],
        [&*other, "passed", "10.0", "30.00", "0.750", "11.000", "1.000"],
        ["+staged", "passed", "10.0", "40.00", "1.000", "11.000", "1.000"],
        ["plain", "passed", "20.0", "40.00", "1.000", "11.000", "1.000"],
    ];
    assert_eq!(table, expected, "{finished:?}");
    assert_eq!(visit.read("checked"), "bundle's\nbundle's\nother\n", "the first is not checked again");
    assert!(visit.packed("table.txt").contains("µs per step"));

    let visit = Visit::new();
    let finished = visit.invoke("bundle", &["--compare", "/nowhere+staged"]).run().expect(1);
    let told = line(&finished.stdout, "variant-1");
    assert!(
        told.contains("/nowhere+staged: no library with its program epoch-handwritten in /nowhere; "),
        "{told}"
    );
}

#[test]
fn a_command_line_that_cannot_be_used_is_refused() {
    let script = repository_root().join("scripts/gpu-lease.sh");
    let told = invoke_program(&script, [""; 0]).run().refusal();
    assert!(told.starts_with("error: name the folder for the results; usage: "), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let told = invoke_program(&script, [folder.path(), Path::new("--compare")]).run().refusal();
    assert!(told.starts_with("error: --compare names no variant; usage: "), "{told}");

    let visit = Visit::new();
    let told = visit.invoke("bundel", &[]).run().refusal();
    let expected = format!("error: no bundle in {}; make one with ", visit.path("bundel").display());
    assert!(told.starts_with(&expected), "{told}");
    fs::write(visit.path("README.md"), "no archive\n").unwrap();
    let told = visit.invoke("README.md", &["--compare", "plain"]).run().refusal();
    assert!(
        told.contains("README.md: tar: This does not look like a tar archive; make it anew with "),
        "{told}"
    );
    let Finished { stdout, .. } = visit.invoke("bundle", &["--compare", "--help"]).run().expect(0);
    assert!(stdout.contains("\nUsage: scripts/gpu-lease.sh OUT [BUNDLE]\n"), "{stdout}");
    assert!(fs::read_dir(visit.path("out")).unwrap().next().is_none(), "nothing was begun");
}

#[test]
fn results_of_an_earlier_visit_are_kept() {
    for name in ["summary.txt", "results.tar.gz"] {
        let visit = Visit::new();
        fs::write(visit.path("out").join(name), "of before").unwrap();
        let told = visit.invoke("bundle", &[]).run().refusal();
        let expected =
            format!("out holds the {name} of an earlier visit; name another folder, or move them away");
        assert!(told.contains(&expected), "{told}");
        assert_eq!(visit.read(name), "of before");
    }
}
