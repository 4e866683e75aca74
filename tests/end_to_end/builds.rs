//! Builds on demand: side by side, without the network, interrupted, in two
//! processes at once, and what is told of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use trainmark_tests::{Finished, Repository, RunFolder, manifest, minimal_c, shell, skip, wait_until};

const QUICK: [&str; 4] = ["--workload", "softmax", "--dataset", "synthetic"];
const SOON: Duration = Duration::from_secs(60);
/// What a build leaves that is no library.
const MADE: &str = "touch \"$CARGO_TARGET_DIR\"/made.so";

/// A manifest with further keys of its artifact.
fn with(manifest: &str, keys: &str) -> String {
    manifest.replace("inputs = ", &format!("{keys}\ninputs = "))
}

/// A manifest whose only need is that a shell command succeeds.
fn probing(name: &str, build: &str, probe: &str) -> String {
    let probe = format!("probe = {}", serde_json::to_string(&["sh", "-c", probe]).unwrap());
    manifest(name, build, "sh").replace("tool = \"sh\"", &probe)
}

fn builds(repository: &Repository) -> PathBuf {
    repository.path().canonicalize().unwrap().join("target/backends")
}

fn check(repository: &Repository, more: &[&str]) -> Finished {
    repository.invoke(["check", "all"]).args(QUICK).args(more).run()
}

/// A script that waits for a file in the folder of all builds.
fn wait_for(name: &str) -> String {
    format!(
        "n=0; until test -e \"$CARGO_TARGET_DIR\"/../{name}; do n=$((n + 1)); test $n -lt 1200 || exit 1; \
         sleep 0.05; done"
    )
}

#[test]
fn builds_run_side_by_side_where_they_fit() {
    let meeting = |name: &str, own: &str, other: &str| {
        let script = format!("touch \"$CARGO_TARGET_DIR\"/../{own}; {}; {MADE}", wait_for(other));
        with(&manifest(name, &script, "sh"), "memory = \"1MiB\"")
    };
    let repository = Repository::new()
        .backend("one", &meeting("one", "here", "there"))
        .backend("two", &meeting("two", "there", "here"));
    let finished = check(&repository, &[]).expect(1);
    assert!(finished.stderr.contains("built one in ") && finished.stderr.contains("built two in "));
}

#[test]
fn what_is_built_is_checked_while_the_last_build_goes_on() {
    let Some(library) = minimal_c() else { return };
    let slow = manifest("slow", &format!("{}; {MADE}", wait_for("go")), "sh");
    let repository =
        Repository::new().library("minimal-c", library).backend("slow", &with(&slow, "memory = \"1MiB\""));
    let (told, folder) = (repository.path().join("told"), builds(&repository));
    for (command, passed) in [("check", "  passed all "), ("bench --quick", "computes the same function")] {
        let line = format!("exec cargo run -- {command} all {} >told 2>&1", QUICK.join(" "));
        let running = shell(&line).current_dir(repository.path()).start();
        let has_passed = || fs::read_to_string(&told).is_ok_and(|told| told.contains(passed));
        assert!(wait_until(SOON, has_passed), "{:?}", fs::read_to_string(&told));
        fs::write(folder.join("go"), "").unwrap();
        running.finish();
        let told = fs::read_to_string(&told).unwrap();
        assert_eq!(told.matches(passed).count(), 1, "{told}");
        assert!(told.contains("built slow in "), "{told}");
        fs::remove_file(folder.join("go")).unwrap();
        fs::remove_dir_all(folder.join("slow")).unwrap();
    }
    let run = RunFolder::only(&repository.runs());
    assert_eq!(run.run("minimal-c")["outcome"], "ok");
    assert!(run.path.join("logs/softmax-minimal-c-none-cpu-check.log").is_file());
}

#[test]
fn builds_that_do_not_fit_run_one_after_the_other() {
    let alone = |name: &str| {
        let folder = "\"$CARGO_TARGET_DIR\"/../alone";
        let script = format!("mkdir {folder} || exit 1; sleep 0.5; rmdir {folder}; {MADE}");
        with(&manifest(name, &script, "sh"), "memory = \"900GiB\"")
    };
    let names = ["one", "two", "three"];
    let repository =
        names.iter().fold(Repository::new(), |repository, name| repository.backend(name, &alone(name)));
    let finished = check(&repository, &[]).expect(1);
    for name in names {
        assert!(finished.stderr.contains(&format!("built {name} in ")), "{}", finished.stderr);
    }
}

#[test]
fn offline_is_told_to_builds_and_probes_and_in_their_reasons() {
    let say = "echo \"cargo $CARGO_NET_OFFLINE, pip $PIP_NO_INDEX, own $TRAINMARK_OFFLINE\"; exit 1";
    let repository = Repository::new()
        .backend("built", &manifest("built", say, "sh"))
        .backend("probed", &probing("probed", "true", say));
    let log = builds(&repository).join("built/built-cpu.log");
    let see = format!("see {}", log.display());
    let rows = |remark: &str, said: &str| {
        format!(
            "built: unavailable: its build failed{remark}: {said}; {see}\nprobed: unavailable: it cannot be built \
             here{remark}: {said}; install sh from the moon\n"
        )
    };
    let sorted = |finished: Finished| {
        let mut lines: Vec<String> = finished.expect(1).stdout.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines.join("\n") + "\n"
    };
    let offline = sorted(check(&repository, &["--offline"]));
    assert_eq!(offline, rows(" (--offline was given)", "cargo true, pip 1, own 1"));
    assert_eq!(sorted(check(&repository, &[])), rows("", "cargo , pip , own"));

    let bench = repository.invoke(["bench", "all", "--offline", "--quick"]).args(QUICK).run().expect(1);
    assert!(bench.stdout.contains("its build failed (--offline was given): cargo true"), "{}", bench.stdout);
}

#[test]
fn an_unmet_probe_is_a_reason_everywhere() {
    let probe = "echo \"python3 is there\"; echo 'no pip in python3' >&2; exit 3";
    let repository = Repository::new().backend("probing", &probing("probing", MADE, probe));
    let reason = "it cannot be built here: no pip in python3; install sh from the moon";
    for command in ["list", "doctor"] {
        let said = repository.invoke([command]).run().expect(0).stdout;
        assert!(said.contains(&format!("cpu: unavailable: {reason}\n")), "{said}");
    }
    let finished = check(&repository, &[]).expect(1);
    assert_eq!(finished.stdout, format!("probing: unavailable: {reason}\n"));
    assert!(!finished.stderr.contains("building"), "{}", finished.stderr);
    repository.invoke(["bench", "probing", "--quick"]).args(QUICK).run().expect(1);
    assert_eq!(RunFolder::only(&repository.runs()).run("probing")["reason"], reason);
}

/// What stands in a build's way is looked at before any build begins, however few run at once.
#[test]
fn all_needs_are_told_together_before_anything_is_built() {
    let alone = |text: &str| with(text, "memory = \"900GiB\"");
    let repository = Repository::new()
        .backend("first", &alone(&manifest("first", MADE, "sh")))
        .backend("lacking", &alone(&manifest("lacking", MADE, "moon-compiler")))
        .backend("probed", &alone(&probing("probed", MADE, "echo 'no Python'; exit 1")))
        .backend("roomy", &with(&alone(&manifest("roomy", MADE, "sh")), "disk = \"900TiB\""));
    let finished = repository.invoke(["bench", "all", "--quick"]).args(QUICK).run().expect(1);
    let place =
        |text: &str| finished.stderr.find(text).unwrap_or_else(|| panic!("{text}: {}", finished.stderr));
    let room = format!(
        "roomy: unavailable: its build needs 900.0 TiB on the disk of {}",
        builds(&repository).display()
    );
    let told = [
        "lacking: unavailable: building it needs moon-compiler: install moon-compiler from the moon\n",
        "probed: unavailable: it cannot be built here: no Python; install sh from the moon\n",
        &room,
        "building first (",
    ];
    assert!(told.map(place).is_sorted(), "{}", finished.stderr);
    assert_eq!(finished.stderr.matches("\nbuilding ").count(), 1, "{}", finished.stderr);
    let run = RunFolder::only(&repository.runs());
    let reason = &run.run("roomy")["reason"];
    assert!(reason.ends_with(" are free; make room there"), "{reason}");
    // What does not fit does not keep out what does.
    assert!(builds(&repository).join("first/made.so").is_file());
}

/// A download may take minutes, too.
#[test]
fn all_needs_are_told_before_the_data_set_is_fetched() {
    let repository = Repository::new().backend("lacking", &manifest("lacking", MADE, "moon-compiler"));
    let finished = repository.invoke(["bench", "all", "--workload", "softmax", "--dataset", "fashion-mnist"]);
    let finished = finished.run();
    let place =
        |text: &str| finished.stderr.find(text).unwrap_or_else(|| panic!("{text}: {}", finished.stderr));
    // Nobody answers there.
    let told = ["lacking: unavailable: building it needs moon-compiler", "error: cannot download "];
    assert!(told.map(place).is_sorted(), "{}", finished.stderr);
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
}

#[test]
fn probes_that_hang_are_named_and_hold_up_nothing_else() {
    let hanging = ["one", "two", "three"];
    let repository = hanging.iter().fold(Repository::new(), |repository, name| {
        repository.backend(name, &probing(name, MADE, "sleep 300"))
    });
    let repository = repository.backend("quick", &manifest("quick", MADE, "sh"));
    let start = Instant::now();
    let listed = repository.invoke(["list"]).run().expect(0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    listed.marker.assert_gone();
    let line = "\n  cpu: unavailable: whether it can be built here is not known: `sh -c sleep 300` did not end \
                within 5 s; install sh from the moon\n";
    assert_eq!(listed.stdout.matches(line).count(), hanging.len(), "{}", listed.stdout);
    assert!(listed.stdout.contains("quick  made by a test\n  cpu: not built yet; "), "{}", listed.stdout);
}

#[test]
fn a_probe_runs_as_the_build_does() {
    let Some(library) = minimal_c() else { return };
    let probe = "test -f backend.toml && test -n \"$CARGO_TARGET_DIR\"";
    let build = format!("cp '{}' \"$CARGO_TARGET_DIR\"/made.so", library.display());
    let repository = Repository::new().backend("minimal-c", &probing("minimal-c", &build, probe));
    check(&repository, &[]).expect(0);
}

#[test]
fn a_probe_that_cannot_be_run_or_says_nothing_is_unmet() {
    let missing = manifest("missing", MADE, "sh").replace("tool = \"sh\"", "probe = [\"./moon\"]");
    let repository =
        Repository::new().backend("missing", &missing).backend("silent", &probing("silent", MADE, "exit 4"));
    let said = repository.invoke(["list"]).run().expect(0).stdout;
    let reasons = [
        "it cannot be built here: error: cannot run ./moon: no such program; install sh",
        "it cannot be built here: `sh -c exit 4` printed nothing and ended with exit status: 4; install sh",
    ];
    assert!(reasons.iter().all(|reason| said.contains(reason)), "{said}");
}

#[test]
fn a_variable_that_is_named_decides_whether_a_library_is_stale() {
    let Some(library) = minimal_c() else { return };
    let build = format!("cp '{}' \"$CARGO_TARGET_DIR\"/made.so", library.display());
    let text = with(&manifest("minimal-c", &build, "sh"), "environment = [\"LIBTORCH\"]");
    let repository = Repository::new().backend("minimal-c", &text);
    let is_built = |variable: &str, value: &str| {
        let invocation = repository.invoke(["check", "all"]).args(QUICK).env(variable, value);
        invocation.run().expect(0).stderr.contains("building minimal-c (")
    };
    assert!(is_built("OTHER", "a"));
    assert!(!is_built("OTHER", "b"));
    assert!(is_built("LIBTORCH", ""), "absent and empty are different");
    assert!(is_built("LIBTORCH", "/opt/a"));
    assert!(!is_built("LIBTORCH", "/opt/a"));
    let listed = repository.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("cpu: out of date; `bench` and `check` build it again\n"), "{listed}");
}

/// A build that has made its library and goes on, with a process in the
/// background and one that does not heed Ctrl-C.
fn endless() -> Repository {
    let script = format!("{MADE}; sleep 300 & (trap '' INT TERM HUP; touch begun; sleep 300)");
    Repository::new()
        .backend("endless", &manifest("endless", &script, "sh"))
        .backend("waiting", &with(&manifest("waiting", MADE, "sh"), "memory = \"900GiB\""))
}

fn begun(repository: &Repository) {
    let file = repository.path().join("backends/endless/begun");
    assert!(wait_until(SOON, || file.exists()), "no build begins");
}

#[test]
fn ctrl_c_ends_a_build_with_all_that_it_has_started() {
    for command in ["bench", "check"] {
        let repository = endless();
        let running = repository.invoke([command, "all"]).args(QUICK).start();
        begun(&repository);
        running.signal(Signal::INT);
        let finished = running.finish().expect(130);
        finished.marker.assert_gone();
        assert!(finished.stderr.ends_with("\ninterrupted\n"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("unavailable"), "{}", finished.stderr);
        // What was made before counts for nothing.
        assert!(builds(&repository).join("endless/made.so").is_file());
        let listed = repository.invoke(["list"]).run().expect(0).stdout;
        let unbuilt = "cpu: not built yet; `bench` and `check` build it\n";
        assert_eq!(listed.matches(unbuilt).count(), 2, "{listed}");
    }
}

/// Nobody is left to end the build then.
#[test]
fn a_build_ends_when_the_harness_is_killed() {
    let repository = endless();
    let running = repository.invoke(["check", "endless"]).args(QUICK).start();
    begun(&repository);
    running.signal(Signal::KILL);
    running.finish().marker.assert_gone();
}

#[test]
fn ctrl_c_ends_a_probe() {
    let probe = "touch begun; sleep 300";
    let repository = Repository::new().backend("endless", &probing("endless", MADE, probe));
    for command in [&["list"] as &[&str], &["check", "all"]] {
        let _ = fs::remove_file(repository.path().join("backends/endless/begun"));
        let running = repository.invoke(command.iter().copied()).start();
        begun(&repository);
        running.signal(Signal::INT);
        running.finish().expect(130).marker.assert_gone();
    }
}

fn has_open(process: u32, name: &str) -> bool {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.into_iter().any(|link| link.file_name().is_some_and(|file| file == name))
}

#[test]
fn two_processes_do_not_build_one_backend_at_once() {
    let Some(library) = minimal_c() else { return };
    let copy = format!("cp '{}' \"$CARGO_TARGET_DIR\"/made.so", library.display());
    let script = format!("echo x >> \"$CARGO_TARGET_DIR\"/../count; {}; {copy}", wait_for("go"));
    let repository = Repository::new().backend("minimal-c", &manifest("minimal-c", &script, "sh"));
    let start = || repository.invoke(["check", "all"]).args(QUICK).start();
    let first = start();
    let count = builds(&repository).join("count");
    assert!(wait_until(SOON, || count.exists()), "no build begins");
    let second = start();
    assert!(wait_until(SOON, || has_open(second.id(), "build.lock")), "the second does not look at the lock");
    std::thread::sleep(Duration::from_millis(500));
    fs::write(count.with_file_name("go"), "").unwrap();
    let (first, second) = (first.finish().expect(0), second.finish().expect(0));
    assert!(first.stderr.contains("building minimal-c (log: "), "{}", first.stderr);
    assert!(second.stderr.contains("waiting for another build of minimal-c\n"), "{}", second.stderr);
    assert!(!second.stderr.contains("building"), "{}", second.stderr);
    assert_eq!(fs::read_to_string(count).unwrap(), "x\n");
}

#[test]
fn a_build_that_prints_without_measure_keeps_its_beginning_and_end() {
    let script = "echo start; yes | head -c 30000000; echo 'error: at the end'; exit 1";
    let repository = Repository::new().backend("loud", &manifest("loud", script, "sh"));
    let finished = check(&repository, &[]).expect(1);
    assert!(finished.stdout.contains("its build failed: error: at the end; see "), "{}", finished.stdout);
    let log = fs::read_to_string(builds(&repository).join("loud/loud-cpu.log")).unwrap();
    assert!(log.starts_with("start\ny\n") && log.ends_with("y\nerror: at the end\n"));
    assert!(log.len() < 5 << 20, "{} bytes", log.len());
}

#[test]
fn what_keeps_a_build_from_beginning_or_kills_it_is_named() {
    let missing = manifest("missing", "true", "sh").replace("build = [\"sh\"", "build = [\"moon-make\"");
    let repository = Repository::new()
        .backend("killed", &manifest("killed", "kill -9 $$", "sh"))
        .backend("missing", &missing)
        .backend("unwritable", &manifest("unwritable", MADE, "sh"));
    let target = builds(&repository);
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("unwritable"), "in the way").unwrap();
    let said = check(&repository, &[]).expect(1).stdout;
    let reasons = [
        "killed: unavailable: its build was killed by SIGKILL; see ",
        "missing: unavailable: its build failed: error: cannot run moon-make: no such program; see ",
        &format!("unwritable: unavailable: cannot write into {}/unwritable: ", target.display()),
    ];
    assert!(reasons.iter().all(|reason| said.contains(reason)), "{said}");
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn list_and_doctor_tell_of_failed_builds_and_downloads() {
    let large = with(&manifest("large", MADE, "sh"), "downloads = \"libtorch, 543 MB, unless one is found\"");
    let repository = Repository::new()
        .backend("large", &large)
        .backend("failing", &manifest("failing", "echo 'error: odd'; exit 1", "sh"));
    let building = check(&repository, &[]).expect(1).stderr;
    let started = "building large (downloads libtorch, 543 MB, unless one is found; log: ";
    assert!(building.contains(started), "{building}");
    fs::remove_file(builds(&repository).join("large/large-cpu.stamp")).unwrap();
    let log = builds(&repository).join("failing/failing-cpu.log");
    for command in ["list", "doctor"] {
        let said = repository.invoke([command]).run().expect(0).stdout;
        let failed = format!("cpu: not built: its build failed: error: odd; see {}\n", log.display());
        let unbuilt = "cpu: not built yet; `bench` and `check` build it (downloads libtorch, 543 MB, unless one is \
                       found)\n";
        assert!(said.contains(&failed) && said.contains(unbuilt), "{said}");
    }
}

#[test]
fn of_two_libraries_one_may_be_missing() {
    let Some(library) = minimal_c() else { return };
    let copy = |library: &Path| format!("cp '{}' \"$CARGO_TARGET_DIR\"/made.so", library.display());
    let text = manifest("minimal-c", &copy(library), "sh")
        + "[[artifact]]\ndevices = [\"npu\"]\nbuild = [\"sh\", \"-c\", \"echo 'error: no compiler'; exit 1\"]\n\
           library = \"{target}/npu.so\"\ninputs = [\"backend.toml\"]\n";
    let repository = Repository::new().backend("minimal-c", &text);
    let finished = repository.invoke(["bench", "all", "--quick"]).args(QUICK).run().expect(0);
    let row = "minimal-c@npu: unavailable: its build failed: error: no compiler; see ";
    assert!(finished.stdout.contains(row) && finished.stderr.contains(row), "{finished:?}");
    assert!(finished.stderr.contains("building minimal-c for npu ("), "{}", finished.stderr);
    let rows = RunFolder::only(&repository.runs()).rows("runs.csv");
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "ok").count(), 1, "{rows:?}");
}

/// A backend that cargo builds: its library holds a text of its source.
fn of_cargo(repository: &Repository) -> PathBuf {
    let folder = repository.path().join("backends/of-cargo");
    let text = manifest("of-cargo", "cargo build --release --offline --lib", "cargo")
        .replace("{target}/made.so", "{target}/release/{prefix}of_cargo{suffix}")
        .replace("[\"backend.toml\"]", "[\"src\", \"Cargo.toml\"]");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("backend.toml"), text).unwrap();
    let package = "[package]\nname = \"of-cargo\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
                   [profile.release]\nopt-level = 0\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), package).unwrap();
    folder.join("src/lib.rs")
}

/// Writes a source that gives a warning, with a time of long ago.
fn write_version(source: &Path, version: &str) {
    let text = format!(
        "#[unsafe(no_mangle)]\npub extern \"C\" fn version() -> *const u8 {{\n    let unused = 1;\n    \
         \"version {version}\\0\".as_ptr()\n}}\n"
    );
    fs::write(source, text).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(86_400);
    fs::File::open(source).and_then(|file| file.set_modified(long_ago)).unwrap();
}

/// The version in the library of [`of_cargo`].
fn built_version(repository: &Repository) -> Option<char> {
    let library = fs::read(builds(repository).join("of-cargo/release/libof_cargo.so")).ok()?;
    let at = library.windows(8).position(|bytes| bytes == b"version ")?;
    Some(char::from(library[at + 8]))
}

#[test]
fn cargo_builds_what_now_lies_there_whatever_the_user_has_set() {
    if cfg!(target_os = "macos") {
        return skip("library", "it has another name there");
    }
    let repository = Repository::new();
    let source = of_cargo(&repository);
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let elsewhere = repository.path().join("elsewhere");
    let settings: [(&str, &str); 3] = [
        ("RUSTFLAGS", "-D warnings"),
        ("CARGO_BUILD_TARGET", &host),
        ("CARGO_TARGET_DIR", elsewhere.to_str().unwrap()),
    ];
    for ((name, value), version) in settings.into_iter().zip(["A", "B", "A"]) {
        write_version(&source, version);
        let checked = repository.invoke(["check", "of-cargo"]).args(QUICK).env(name, value).run();
        let stdout = checked.expect(1).stdout;
        assert!(stdout.contains("so it is no trainmark plugin"), "{name}: {stdout}");
        assert_eq!(built_version(&repository), version.chars().next(), "{name}");
    }
    assert!(!elsewhere.exists());

    fs::create_dir(repository.path().join(".cargo")).unwrap();
    let setting = format!("[build]\ntarget = \"{host}\"\n");
    fs::write(repository.path().join(".cargo/config.toml"), setting).unwrap();
    write_version(&source, "B");
    let stdout = check(&repository, &[]).expect(1).stdout;
    let reason = format!("/{host}/release/libof_cargo.so: is build.target set in a .cargo/config.toml?");
    assert!(stdout.contains("its build ended well but left no ") && stdout.contains(&reason), "{stdout}");
    assert_eq!(built_version(&repository), None, "the old library is none of this build");
}

#[test]
fn a_compiler_of_another_language_and_colour_is_understood() {
    // A compiler that speaks as it is told, as gcc does.
    let script = "case ${LC_ALL:-${LC_MESSAGES:-$LANG}} in \
                  de*) echo 'x.c:1:1: Fehler: seltsam'; echo 'Kompilierung beendet.';; \
                  *) printf 'x.c:1:1: \\033[31merror: \\033[0modd\\ncompilation terminated.\\n';; esac; exit 1";
    let repository = Repository::new().backend("german", &manifest("german", script, "sh"));
    for variable in ["LC_ALL", "LANG", "LC_MESSAGES"] {
        let invocation = repository.invoke(["check", "all"]).args(QUICK).env(variable, "de_DE.UTF-8");
        let stdout = invocation.run().expect(1).stdout;
        assert!(stdout.contains("its build failed: x.c:1:1: error: odd; see "), "{stdout}");
    }
}

#[test]
fn an_exported_cdpath_leads_no_script_astray() {
    let Some(library) = minimal_c() else { return };
    // As scripts find where they lie: cd prints where it went by CDPATH.
    let build = format!("here=$(cd sub && pwd) && cp '{}' \"$here/made.so\"", library.display());
    let text = manifest("minimal-c", &build, "sh").replace("{target}/made.so", "sub/made.so");
    let repository = Repository::new().backend("minimal-c", &text);
    let folder = repository.path().join("backends/minimal-c");
    fs::create_dir(folder.join("sub")).unwrap();
    fs::create_dir_all(repository.path().join("other/sub")).unwrap();
    let paths = format!("{}:{}", repository.path().join("other").display(), folder.display());
    repository.invoke(["check", "all"]).args(QUICK).env("CDPATH", paths).run().expect(0);
}

#[test]
fn a_checkout_that_ends_lines_otherwise_has_scripts_that_run() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(folder.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").args(arguments);
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    for name in [".gitattributes", "backends/tch/build.sh"] {
        let to = folder.path().join(Path::new(name).file_name().unwrap());
        fs::copy(trainmark_tests::repository_root().join(name), to).unwrap();
    }
    git(&["add", "."]);
    fs::remove_file(folder.path().join("build.sh")).unwrap();
    git(&["-c", "core.autocrlf=true", "-c", "core.eol=crlf", "checkout", "--", "build.sh"]);
    assert!(!fs::read(folder.path().join("build.sh")).unwrap().contains(&b'\r'));
}

#[test]
fn a_folder_with_blanks_and_a_name_that_is_no_text_is_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let Some(library) = minimal_c() else { return };
    let parent = tempfile::tempdir().unwrap();
    for name in [&b"two  blanks\n* and a line"[..], b"no text \xFF"] {
        let root = parent.path().join(std::ffi::OsStr::from_bytes(name));
        if fs::create_dir(&root).is_err() {
            return skip("names", "names that are no text are refused here");
        }
        let folder = root.join("backends/minimal-c");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(root.join("harness")).unwrap();
        let build = format!("cp '{}' \"$CARGO_TARGET_DIR/made.so\"", library.display());
        fs::write(folder.join("backend.toml"), manifest("minimal-c", &build, "sh")).unwrap();
        trainmark_tests::invoke(["bench", "all", "--quick"]).args(QUICK).current_dir(&root).run().expect(0);
        let run = RunFolder::only(&root.join("reports/runs"));
        assert_eq!(run.run("minimal-c")["outcome"], "ok");
        assert!(root.join("target/backends/minimal-c/made.so").is_file());
    }
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "nothing strays");
}
