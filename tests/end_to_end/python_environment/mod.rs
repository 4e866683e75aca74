//! Backends in Python: which Python serves, how its packages come, and what is said where they do not.

mod machine;
mod reasons;

use std::collections::BTreeSet;
use std::fs;

use machine::{Machine, TOML};
use trainmark_tests::repository_root;

/// Times that the environment and the library were made, by what was printed of it.
fn builds(machine: &Machine) -> usize {
    let checked = machine.check().run().expect(0);
    checked.stderr.matches("building minimal-c (").count()
}

#[test]
fn a_backend_is_built_with_its_packages_and_both_are_told() {
    let Some(machine) = Machine::new() else { return };
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    let line = listed.lines().nth(1).unwrap();
    assert!(line.starts_with("  cpu: not built yet; `bench` and `check` build it; Python 3."), "{listed}");
    assert!(line.contains(", packages to be fetched into "), "{listed}");

    assert_eq!(builds(&machine), 1);
    let environment = machine.environment();
    assert!(environment.join("complete").is_file());
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    let line = listed.lines().find(|line| line.starts_with("  python ")).unwrap();
    assert!(line.contains(&format!(" MB in {}", environment.display())), "{listed}");
    let doctor = machine.invoke(["doctor"]).run().expect(0).stdout;
    assert!(doctor.contains(line.trim()), "{doctor}");

    // What the library is made of lies at its end.
    let library = machine.repository.path().join("target/backends/minimal-c/libtrainmark_minimal_c.so");
    let bytes = fs::read(&library).unwrap();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]).into_owned();
    assert!(text.contains("backend.py") && text.contains("\"name\": \"minimal-c\""), "{text}");
    assert!(text.ends_with('}'), "the comment is the end: {text}");

    // Nothing is made twice, and a change of the source fetches nothing.
    assert_eq!(builds(&machine), 0);
    machine.write("backend.py", "def describe(): return 1\n");
    let made = fs::metadata(environment.join("complete")).unwrap().modified().unwrap();
    assert_eq!(builds(&machine), 1);
    assert_eq!(fs::metadata(environment.join("complete")).unwrap().modified().unwrap(), made);
}

#[test]
fn what_is_half_made_or_has_lost_its_python_is_made_again() {
    let Some(machine) = Machine::new() else { return };
    // What a build left that was killed.
    assert_eq!(builds(&machine), 1);
    let environment = machine.environment();
    fs::remove_file(environment.join("complete")).unwrap();
    fs::write(environment.join("left"), "").unwrap();
    machine.write("backend.py", "def describe(): return 1\n");
    assert_eq!(builds(&machine), 1);
    assert!(environment.join("complete").is_file() && !environment.join("left").exists());

    // A venv whose Python has gone.
    let python = environment.join("bin/python");
    fs::remove_file(&python).unwrap();
    std::os::unix::fs::symlink("/nonexistent/python3", &python).unwrap();
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("  cpu: out of date; "), "{listed}");
    assert_eq!(builds(&machine), 1);
    assert!(python.exists());

    // The whole cache.
    fs::remove_dir_all(machine.cache()).unwrap();
    assert_eq!(builds(&machine), 1);
    assert!(environment.join("complete").is_file());
}

#[test]
fn a_wheel_that_another_build_has_fetched_is_not_fetched_again() {
    let Some(machine) = Machine::new() else { return };
    let name = "numpy-1.0-py3-none-any.whl";
    let here = machine.cache().with_file_name("wheels");
    fs::create_dir_all(&here).unwrap();
    fs::copy(machine.wheels().join(name), here.join(name)).unwrap();
    // An index tells the hashes of what it has.
    let index = machine.wheels().with_file_name("index");
    fs::create_dir_all(index.join("numpy")).unwrap();
    let (address, requirement) = (machine.wheels().join(name), machine.requirement());
    let hash = requirement.trim().rsplit(':').next().unwrap();
    let link = format!("<a href=\"file://{}#sha256={hash}\">{name}</a>", address.display());
    fs::write(index.join("numpy/index.html"), format!("<!DOCTYPE html>\n{link}\n")).unwrap();
    let check = machine.check().env("PIP_NO_INDEX", "0").env("PIP_FIND_LINKS", "");
    check.env("PIP_INDEX_URL", format!("file://{}", index.display())).run().expect(0);
    let log = machine.repository.path().join("target/backends/minimal-c/minimal-c-cpu.log");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains(&format!("| Processing {}", here.join(name).display())), "{log}");
}

#[test]
fn a_backend_that_downloads_much_is_no_part_of_all_until_it_is_here() {
    let Some(machine) = Machine::new() else { return };
    machine.write("backend.toml", &format!("{TOML}default = false\ndownloads = \"a framework, 9.9 GB\"\n"));
    let repository = &machine.repository;
    let bench = |arguments: &[&str]| {
        let bench = machine.invoke(["bench"]).args(arguments);
        bench.args(["--workload", "softmax", "--dataset", "synthetic", "--quick"]).run()
    };
    let finished = bench(&["all"]).expect(2);
    let note = "minimal-c is no part of `all` (downloads a framework, 9.9 GB): name it to take it, as in `all minimal-c`";
    assert!(finished.stderr.contains(note), "{finished:?}");
    assert!(!repository.path().join("target").exists() && !machine.cache().exists(), "nothing is built");
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("\n  no part of `all`: `bench all --with minimal-c` takes it\n"), "{listed}");

    let finished = bench(&["all", "--with", "minimal-c"]).expect(0);
    assert!(!finished.stderr.contains("no part of"), "{finished:?}");
    assert!(
        finished.stderr.contains("to be downloaded first: minimal-c: a framework, 9.9 GB\n"),
        "{finished:?}"
    );
    // Now it is here, also where it is to be built again.
    machine.write("backend.py", "def describe(): return 1\n");
    let finished = bench(&["all"]).expect(0);
    assert!(finished.stdout.contains("minimal-c"), "{finished:?}");
    // Also where it was never built with what is in the cache.
    fs::remove_dir_all(repository.path().join("target")).unwrap();
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("not built yet") && !listed.contains("9.9 GB"), "{listed}");
    let checked = machine.check().run().expect(0);
    assert!(checked.stderr.contains("building minimal-c (log: "), "{checked:?}");
    // Other packages would be fetched unasked.
    machine.requires(&format!("# another\n{}", machine.requirement()));
    bench(&["all"]).expect(2);
}

#[test]
fn what_fits_no_workload_is_refused_before_it_is_built() {
    let Some(machine) = Machine::new() else { return };
    machine.write("backend.toml", &format!("{TOML}downloads = \"a framework, 9.9 GB\"\n"));
    let check =
        machine.invoke(["check", "minimal-c/builtin", "--workload", "softmax", "--dataset", "synthetic"]);
    let words = "error: nothing to run: no implementation that was asked for fits softmax; one without batch norm \
                 takes BACKEND or BACKEND/none\n";
    assert_eq!(check.run().refusal(), words);
    assert!(!machine.repository.path().join("target").exists() && !machine.cache().exists());
}

#[test]
fn an_environment_of_the_users_own_is_used_as_it_is() {
    let Some(machine) = Machine::new() else { return };
    assert_eq!(builds(&machine), 1);
    let own = machine.repository.path().join("own");
    fs::rename(machine.environment(), &own).unwrap();
    fs::remove_dir_all(machine.cache()).unwrap();
    machine.requires("other==2.0 --hash=sha256:00\n");
    let checked = machine.check().env("TRAINMARK_PYTHON", &own).run().expect(0);
    assert!(checked.stdout.contains("  passed all "), "{checked:?}");
    assert!(!machine.cache().exists(), "nothing is made");
    let log = machine.repository.path().join("target/backends/minimal-c/minimal-c-cpu.log");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("other is absent, where requirements.txt says 2.0"), "{log}");
    // Or by backend.toml.
    machine.write("backend.toml", &format!("{TOML}python_environment = \"../../own\"\n"));
    machine.check().run().expect(0);
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("own (python_environment)"), "{listed}");
}

#[test]
fn a_driver_that_appears_calls_for_the_packages_for_cuda() {
    let Some(machine) = Machine::new() else { return };
    // On a machine with a driver of its own, a variable would have to hide that.
    if machine.has_driver() {
        return;
    }
    machine.write("backend.toml", &format!("{TOML}downloads = \"much, 9.9 GB\"\n"));
    let zeros = "0".repeat(64);
    let for_cuda = format!("{}other==1.0 --hash=sha256:{zeros}\n", machine.requirement());
    machine.write("requirements-cuda.txt", &for_cuda);
    assert_eq!(builds(&machine), 1);
    assert_eq!(builds(&machine), 0);
    machine.program("nvidia-smi", "exit 0");
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("  cpu: out of date; "), "{listed}");
    let checked = machine.check().run().expect(1);
    let reason = "environment of minimal-c with CUDA could not be made: there is no wheel of other";
    assert!(checked.stdout.contains(reason), "{checked:?}");
    // Who wants none says so, and nothing is fetched.
    for variable in ["TRAINMARK_CUDA", "TRAINMARK_PYTHON_CUDA"] {
        machine.check().env(variable, "no").run().expect(0);
    }
    machine.without("nvidia-smi");
    let wanted = machine.check().env("TRAINMARK_CUDA", "yes").run().expect(1);
    assert!(wanted.stdout.contains("there is no wheel of other"), "{wanted:?}");
}

#[test]
fn an_environment_without_its_python_is_removed_unless_a_library_is_linked_to_it() {
    let Some(machine) = Machine::new() else { return };
    let target = machine.repository.path().join("target");
    fs::create_dir(&target).unwrap();
    let lost = |name: &str, users: &str| {
        let folder = machine.cache().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("complete"), "{}").unwrap();
        fs::write(folder.join("users"), users).unwrap();
        folder
    };
    let used = lost("3.9-used-one", &format!("/no/where\n{}\n", target.display()));
    let unused = [lost("3.9-left-two", "/no/where\n"), lost("3.9-left-three", "")];
    assert_eq!(builds(&machine), 1);
    assert!(used.exists() && !unused.iter().any(|folder| folder.exists()));

    // One that is made again at its place stays as it was where it cannot be.
    let environment = machine.cache().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let environment = environment.into_iter().find(|path| path.is_dir() && *path != used).unwrap();
    fs::write(environment.join("users"), target.display().to_string()).unwrap();
    fs::remove_file(environment.join("bin/python")).unwrap();
    machine.write("backend.py", "def describe(): return 1\n");
    machine.check().env("PIP_FIND_LINKS", "/no/where").run().expect(1);
    assert!(environment.join("users").is_file());
    assert_eq!(builds(&machine), 1);
    assert!(environment.join("complete").is_file() && environment.join("bin/python").exists());
    let users = fs::read_to_string(environment.join("users")).unwrap();
    assert_eq!(users, target.display().to_string(), "whoever is linked to it still is");
}

/// What a backend computes with is the same with CUDA as without.
#[test]
fn the_lists_with_cuda_hold_those_without() {
    for backend in ["jax", "pytorch"] {
        let read = |name: &str| {
            let path = repository_root().join("backends").join(backend).join(name);
            // One entry per package, with its hashes.
            let text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
            let entries = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
            entries.collect::<BTreeSet<_>>()
        };
        let [light, whole] = ["requirements.txt", "requirements-cuda.txt"].map(read);
        assert!(light.is_subset(&whole), "{backend}: {:?}", light.difference(&whole).collect::<Vec<_>>());
        let hashes = whole.iter().all(|entry| entry.contains("==") && entry.contains("--hash=sha256:"));
        assert!(hashes && whole.len() > light.len(), "{whole:?}");
    }
}
