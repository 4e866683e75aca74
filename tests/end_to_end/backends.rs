//! Backends that are built on demand, and those that cannot be.

use std::fs;

use trainmark_tests::{
    Repository, RunFolder, c_library, hostile, invoke, manifest, minimal_c, repository_root,
};

const QUICK: [&str; 5] = ["--workload", "softmax", "--dataset", "synthetic", "--quick"];

/// A backend that works, and one of every kind that does not.
fn mixed() -> Option<Repository> {
    let broken = "name = \"broken\"\nsummary = 3\n";
    let failing =
        manifest("failing", "echo first; echo 'error: no such header' >&2; echo last; exit 3", "sh");
    Some(
        Repository::new()
            .library("minimal-c", minimal_c()?)
            .backend("broken", broken)
            .backend("failing", &failing)
            .backend("lacking", &manifest("lacking", "true", "moon-compiler"))
            .backend("empty", &manifest("empty", "true", "sh"))
            .backend("misnamed", &manifest("misnamed", &copy(minimal_c()?), "sh")),
    )
}

fn copy(library: &std::path::Path) -> String {
    format!("cp '{}' \"$CARGO_TARGET_DIR\"/made.so", library.display())
}

/// The reasons why the backends of [`mixed`] are unavailable.
fn reasons(repository: &Repository) -> Vec<(&'static str, String)> {
    let root = repository.path().canonicalize().unwrap();
    let (own, builds) = (root.join("backends"), root.join("target/backends"));
    vec![
        (
            "broken",
            format!(
                "{}/broken/backend.toml: TOML parse error at line 2, column 11: invalid type: integer `3`, \
                 expected a string",
                own.display()
            ),
        ),
        (
            "empty",
            format!(
                "its build ended well but left no {0}/empty/made.so; see {0}/empty/empty-cpu.log",
                builds.display()
            ),
        ),
        (
            "failing",
            format!(
                "its build failed: error: no such header; see {}/failing/failing-cpu.log",
                builds.display()
            ),
        ),
        ("lacking", "building it needs moon-compiler: install moon-compiler from the moon".to_owned()),
        ("misnamed", "its library names itself minimal-c, its backend.toml misnamed".to_owned()),
    ]
}

/// A kind of device is what a backend says: nothing in the harness lists them.
#[test]
fn a_kind_of_device_that_nobody_has_heard_of_is_built_for_checked_timed_and_told() {
    let text = manifest("hostile", &copy(&hostile()), "sh").replace(r#"["cpu"]"#, r#"["npu"]"#);
    let repository = Repository::new().backend("hostile", &text);
    let on_npu = |arguments: &[&str]| {
        let invocation = repository.invoke(arguments.iter().copied());
        invocation.env("TRAINMARK_HOSTILE_DEVICES", "npu:0,npu:1=it sleeps")
    };
    on_npu(&["bench", "hostile@npu"]).args(QUICK).run().expect(0);
    let run = RunFolder::only(&repository.runs());
    let rows = run.rows("runs.csv");
    let told = rows.iter().map(|row| ["device", "outcome", "reason"].map(|column| &*row[column]));
    let told: Vec<[&str; 3]> = told.collect();
    assert_eq!(told, [["npu:0", "ok", ""], ["npu:1", "unavailable", "it sleeps"]]);
    let listed = on_npu(&["list"]).run().expect(0).stdout;
    assert!(listed.contains("npu"), "{listed}");
    let page = run.read("report.html");
    assert!(page.contains("softmax on npu:0"), "the page has no part on npu:0");
}

#[test]
fn an_extra_implementation_is_run_where_it_is_named() {
    let extra = |name: &str| {
        let text = manifest("hostile", &copy(&hostile()), "sh");
        Repository::new().backend("hostile", &format!("extra_implementations = [\"{name}\"]\n{text}"))
    };
    let check = |repository: &Repository, selection: &str| {
        repository.invoke(["check", selection, "--workload", "lenet-bn", "--dataset", "synthetic"]).run()
    };
    let repository = extra("builtin");
    let unnamed = check(&repository, "hostile").expect(2);
    assert!(unnamed.stderr.contains("error: nothing to run: "), "{unnamed:?}");
    let named = check(&repository, "hostile/builtin").expect(1);
    assert!(named.stdout.starts_with("lenet-bn hostile/builtin@cpu\n"), "{named:?}");
    let listed = repository.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("; only where it is named\n"), "{listed}");

    let misnamed = check(&extra("bultin"), "hostile").expect(1);
    let reason = "its backend.toml names the extra implementation bultin, which it does not have; did you mean builtin?";
    assert!(misnamed.stdout.contains(reason), "{misnamed:?}");
}

#[test]
fn all_runs_what_can_be_run_and_says_why_the_rest_cannot() {
    let Some(repository) = mixed() else { return };
    let finished = repository.invoke(["bench", "all"]).args(QUICK).run().expect(0);
    let run = RunFolder::only(&repository.runs());
    assert_eq!(run.run("minimal-c")["outcome"], "ok");
    for (backend, reason) in reasons(&repository) {
        let row = run.run(backend);
        assert_eq!((&*row["outcome"], &*row["reason"]), ("unavailable", &*reason));
        let line = format!("{backend}: unavailable: {reason}\n");
        assert!(finished.stderr.contains(&line) && finished.stdout.contains(&line), "{line}{finished:?}");
    }
    assert_eq!(run.rows("runs.csv").len(), 6);
    // The log that is named is there.
    let log = fs::read_to_string(repository.path().join("target/backends/failing/failing-cpu.log")).unwrap();
    assert_eq!(log, "first\nerror: no such header\nlast\n");
}

#[test]
fn one_that_is_named_and_cannot_run_is_a_failure() {
    let Some(repository) = mixed() else { return };
    for (backend, reason) in reasons(&repository).split_off(1) {
        let finished = repository.invoke(["bench", backend]).args(QUICK).run().expect(1);
        assert!(finished.stdout.contains(&format!("{backend}: unavailable: {reason}\n")), "{finished:?}");
        let finished = repository.invoke(["check", backend]).args(&QUICK[..4]).run().expect(1);
        assert_eq!(finished.stdout, format!("{backend}: unavailable: {reason}\n"));
    }
    let (_, reason) = reasons(&repository).swap_remove(0);
    let message = repository.invoke(["bench", "broken"]).args(QUICK).run().refusal();
    assert_eq!(message, format!("error: backend broken cannot be used: {reason}\n"));
}

#[test]
fn list_and_doctor_say_what_is_missing() {
    let Some(repository) = mixed() else { return };
    // One is built before, so that its abilities are known.
    repository.invoke(["check", "minimal-c"]).args(&QUICK[..4]).run().expect(0);
    let listed = repository.invoke(["list"]).run().expect(0).stdout;
    let root = repository.path().canonicalize().unwrap();
    let listed = listed.replace(&root.display().to_string(), "[root]");
    // What devices there are is this machine's.
    let (listed, devices) = listed.split_once("devices\n").expect("a section on devices");
    assert!(devices.starts_with("  cpu ") && devices.contains("\n  cuda"), "{devices}");
    insta::assert_snapshot!(listed);
    let doctor = repository.invoke(["doctor"]).run().expect(0).stdout;
    let backends = doctor.split_once("\nbackends\n").expect("a section on backends").1;
    assert!(
        backends.contains("  lacking\n    cpu: unavailable: building it needs moon-compiler"),
        "{doctor}"
    );
    assert!(backends.contains("  minimal-c\n    framework        plain C11\n"), "{doctor}");
    assert!(doctor.starts_with("machine\n  ") && doctor.contains("\ndata set\n  "), "{doctor}");
}

#[test]
fn a_backend_is_built_again_when_its_source_has_changed() {
    let Some(library) = minimal_c() else { return };
    let repository = Repository::new().library("minimal-c", library);
    let builds = || {
        let finished = repository.invoke(["check", "minimal-c"]).args(&QUICK[..4]).run().expect(0);
        finished.stderr.matches("building minimal-c (log: ").count()
    };
    assert_eq!([builds(), builds()], [1, 0]);
    let source = repository.path().join("backends/minimal-c/backend.toml");
    let changed = fs::read_to_string(&source).unwrap() + "\n# another comment\n";
    fs::write(&source, changed).unwrap();
    assert_eq!([builds(), builds()], [1, 0]);
}

#[test]
fn further_folders_of_backends_are_looked_into() {
    let Some(library) = minimal_c() else { return };
    let (own, other) = (Repository::new(), Repository::new().library("minimal-c", library));
    // A folder of backends, and a backend's own folder.
    for folder in ["backends", "backends/minimal-c"] {
        let path = other.path().join(folder);
        let listed = own.invoke(["list", "--backend-path"]).args([&path]).run().expect(0).stdout;
        assert!(listed.starts_with("minimal-c  made by a test\n"), "{listed}");
    }
    let same = other.path().join("backends");
    other.invoke(["list", "--backend-path"]).args([&same]).run().expect(0);
    let third = Repository::new().library("minimal-c", library);
    let message = third.invoke(["bench", "minimal-c", "--backend-path"]).args([&same]).run().refusal();
    let own_folder = third.path().canonicalize().unwrap();
    assert_eq!(
        message,
        format!(
            "error: two backends are named minimal-c: {}/backends/minimal-c and {}/minimal-c; rename one in its \
             backend.toml and its table, or name two builds of one with --base and --head\n",
            own_folder.display(),
            same.display()
        )
    );
    let empty = own.path().join("harness");
    let message = own.invoke(["list", "--backend-path"]).args([&empty]).run().refusal();
    assert_eq!(
        message,
        format!(
            "error: {} holds no backend.toml, nor does a folder in it (--backend-path)\n",
            empty.display()
        )
    );
    let message = own.invoke(["list", "--backend-path", "no/where"]).run().refusal();
    assert_eq!(
        message,
        "error: cannot look for backends in no/where (--backend-path): No such file or directory (os error 2)\n"
    );
    let finished = own.invoke(["list"]).run().expect(1);
    assert!(finished.stdout.starts_with("no backend found; "), "{}", finished.stdout);
}

#[test]
fn a_library_takes_the_place_of_the_backend_of_its_name_unless_that_is_named_too() {
    let Some(library) = minimal_c() else { return };
    let repository = Repository::new().library("hostile", &hostile());
    repository.invoke(["bench", "hostile"]).args(QUICK).args([library]).run().expect(0);
    let alone = repository.invoke(["check"]).args([hostile()]).args(&QUICK[..4]).run().expect(0);
    assert!(alone.stdout.starts_with("softmax hostile/"), "{alone:?}");
    let message = repository.invoke(["bench", "hostile"]).args(QUICK).args([hostile()]).run().refusal();
    assert!(message.contains("error: two backends are named hostile: "), "{message}");
}

#[test]
fn a_batch_of_one_may_be_refused_as_unsupported() {
    let library = c_library("variant.c", &["-DTM_TEST_REFUSE_ONE"], "librefuseone.so");
    let Some(library) = library else { return };
    let checked = invoke(["check", library.to_str().unwrap()]).args(&QUICK[..4]).run().expect(0);
    let refused = "(refused, as a backend may: unsupported: a batch of one has no variance)";
    assert!(checked.stdout.contains(refused) && checked.stdout.contains("  passed all "), "{checked:?}");
}

/// The same library twice is one backend.
#[test]
fn a_library_that_is_named_twice_runs_once() {
    let repository = Repository::new();
    repository.invoke(["bench"]).args([hostile(), hostile()]).args(QUICK).run().expect(0);
    assert_eq!(RunFolder::only(&repository.runs()).rows("runs.csv").len(), 1);
}

/// Runs lie in `reports/runs`, and the last one has a name.
#[test]
fn the_latest_run_is_reported_and_resumed() {
    let repository = Repository::new();
    let library = hostile();
    let message = repository.invoke(["report"]).run().refusal();
    assert!(message.starts_with("error: no run in ") && message.ends_with(": start one with `bench`\n"));
    let finished = repository.invoke(["bench", library.to_str().unwrap()]).args(QUICK).run().expect(0);
    let run = RunFolder::only(&repository.runs());
    let link = repository.runs().join("latest");
    assert_eq!(fs::read_link(&link).unwrap().as_os_str(), run.path.file_name().unwrap());

    let files = ["epochs.csv", "runs.csv", "summary.csv", "report.html"];
    let before = files.map(|name| run.read(name));
    for name in files {
        fs::remove_file(run.path.join(name)).unwrap();
    }
    let name = run.path.file_name().unwrap().to_str().unwrap();
    for arguments in [&["report"] as &[&str], &["report", "latest"], &["report", name]] {
        let reported = repository.invoke(arguments.iter().copied()).run().expect(0);
        let [shown, row] = [&reported, &finished].map(|told| {
            told.stdout.lines().find(|line| line.trim_start().starts_with("hostile/none@cpu")).map(str::trim)
        });
        assert!(row.is_some() && shown == row, "the same table: {shown:?}, {row:?}");
        assert_eq!(files.map(|name| run.read(name)), before, "the same files");
    }
    // It lies in another repository than this one.
    let resumed = repository.invoke(["bench", "--resume", "latest"]).args([hostile()]).run().expect(0);
    assert!(resumed.stdout.contains("hostile/none@cpu"), "{}", resumed.stdout);
}

/// The repository's own backend, built in release mode whatever the harness is.
#[test]
fn the_handwritten_backend_is_built_checked_and_timed() {
    let checked = invoke(["check", "handwritten"]).args(&QUICK[..4]).run().expect(0);
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert_eq!(lines[0], "softmax handwritten/none@cpu");
    assert!(lines[1].starts_with("  ok   protocol: "), "{}", checked.stdout);
    assert_eq!(lines.last(), Some(&&*format!("  passed all {} checks", lines.len() - 2)));
    let library = repository_root().join("target/backends/handwritten/release");
    assert!(library.join("libtrainmark_handwritten.so").is_file());

    let out = tempfile::tempdir().unwrap();
    let finished =
        invoke(["bench", "handwritten"]).args(QUICK).args(["--out"]).args([out.path()]).run().expect(0);
    assert!(!finished.stderr.contains("building"), "it was built by `check`: {}", finished.stderr);
    let row = RunFolder::only(out.path()).run("handwritten");
    assert_eq!((&*row["outcome"], &*row["conformance"]), ("ok", "passed"));
}

/// A script that goes on after its first failure ends with another one, which explains nothing.
#[test]
#[cfg(unix)]
fn the_build_of_dfdx_ends_with_its_first_failure() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    let run = |cargo: &str| {
        let path = folder.path().join("cargo");
        fs::write(&path, format!("#!/bin/sh\n{cargo}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let paths = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let output = std::process::Command::new("sh")
            .arg("build.sh")
            .current_dir(repository_root().join("backends/dfdx"))
            .env("PATH", paths)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let failed = run("echo 'error: the lock file needs to be updated' >&2; exit 101");
    assert_eq!(failed, (Some(101), "error: the lock file needs to be updated\n".to_owned()));
    let (code, told) = run("echo '{}'");
    assert_eq!((code, &*told), (Some(1), "error: `cargo metadata` lists no source of dfdx 0.13.0\n"));
    assert!(!target.exists(), "nothing was copied");
}

/// Without its manifest, a library gets the usual variables alone.
#[test]
fn the_variables_that_a_backend_names_set_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let teller = folder.path().join("teller.c");
    let text = r#"
        #include <stdio.h>
        #include <stdlib.h>
        __attribute__((constructor)) static void tell(void)
        {
            const char *named = getenv("MINE_NUM_THREADS"), *usual = getenv("OMP_NUM_THREADS");
            printf("told %s and %s\n", named ? named : "nothing", usual);
            fflush(stdout);
        }
    "#;
    fs::write(&teller, text).unwrap();
    let arguments = [teller.to_str().unwrap()];
    let Some(plugin) = c_library("plugin.c", &arguments, "libtells_threads.so") else { return };
    let manifest = manifest("minimal-c", &copy(&plugin), "sh");
    let repository = Repository::new()
        .backend("minimal-c", &format!("thread_variables = [\"MINE_NUM_THREADS\"]\n{manifest}"));
    let log_of = |repository: &Repository, backend: &str| {
        let out = tempfile::tempdir().unwrap();
        let run = repository.invoke(["bench", backend, "--threads", "2"]).args(QUICK);
        run.args(["--out", out.path().to_str().unwrap()]).run().expect(0);
        RunFolder::only(out.path()).read("logs/softmax-minimal-c-none-cpu-1.log")
    };
    assert!(log_of(&repository, "minimal-c").starts_with("told 2 and 2\n"));
    assert!(log_of(&Repository::new(), plugin.to_str().unwrap()).starts_with("told nothing and 2\n"));
}

/// Whoever lacks a tool reads which package brings it.
#[test]
fn every_backend_says_which_package_brings_a_tool_that_it_needs() {
    let root = repository_root();
    let manifests =
        ["burn", "candle", "dfdx", "handwritten", "tch"].map(|name| root.join("backends").join(name));
    for folder in manifests.into_iter().chain([root.join("harness/plugin/examples/c-reference")]) {
        let text = fs::read_to_string(folder.join("backend.toml")).unwrap();
        let needs: Vec<&str> = text.split("[[artifact.needs]]").skip(1).collect();
        assert!(needs.iter().any(|need| need.contains("tool = \"c")), "{text}");
        for need in needs.iter().filter(|need| need.contains("tool = ")) {
            let is_rust = need.contains("\"cargo\"") && need.contains("https://rustup.rs");
            let is_packaged = need.contains("Debian's g") && need.contains("macOS `xcode-select --install`");
            assert!(is_rust || is_packaged, "{}: {need}", folder.display());
        }
        let artifacts: Vec<&str> = text.split("[[artifact]]").skip(1).collect();
        let sized = |artifact: &&str| artifact.contains("\ndisk = ");
        assert!(folder.ends_with("c-reference") || artifacts.iter().all(sized), "{text}");
    }
}
