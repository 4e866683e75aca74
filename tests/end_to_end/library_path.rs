//! `LD_LIBRARY_PATH`: workers get the driver's folders of it and no others, and a plugin that
//! needed another one says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trainmark_tests::{Repository, RunFolder, bench, c_library, hostile, invoke, manifest, wait_until};

const VARIABLE: &str = "LD_LIBRARY_PATH";
const CHECK: [&str; 4] = ["--workload", "softmax", "--dataset", "synthetic"];

/// A plugin that needs a library in another folder, linked with these arguments more, and that
/// folder; `None` without a C compiler.
fn plugin_that_needs_a_helper(name: &str, more: impl Fn(&Path) -> String) -> Option<(PathBuf, PathBuf)> {
    let helper = c_library("helper.c", &[], "libtrainmark_helper.so")?;
    let folder = helper.parent().unwrap().canonicalize().unwrap();
    let linked = [format!("-L{}", folder.display()), more(&folder)];
    // It calls nothing of it: a linker that leaves out what is not called must not.
    let arguments = ["-Wl,--no-as-needed", &linked[0], "-ltrainmark_helper", &linked[1]];
    Some((c_library("plugin.c", &arguments, name)?, folder))
}

fn reason(plugin: &Path) -> String {
    format!(
        "cannot load {}: libtrainmark_helper.so: cannot open shared object file: No such file or directory",
        plugin.display()
    )
}

fn explained(plugin: &Path, folder: &Path) -> String {
    format!(
        "{}; libtrainmark_helper.so lies in {folder}, which LD_LIBRARY_PATH names but workers do not get (a \
         foreign libtorch or CUDA there would win over the plugin's own): link the plugin with \
         -Wl,-rpath,{folder}, or with -Wl,-rpath,'$ORIGIN' and put the library beside it",
        reason(plugin),
        folder = folder.display()
    )
}

#[test]
fn a_library_that_only_the_variable_finds_is_told_with_its_folder() {
    let none = |_: &Path| "-lm".to_owned();
    let Some((plugin, folder)) = plugin_that_needs_a_helper("libneeds_helper.so", none) else { return };
    let check = || invoke(["check", plugin.to_str().unwrap()]).args(CHECK);
    let row = |reason: &str| format!("{}: unavailable: {reason}\n", plugin.display());
    assert_eq!(check().run().expect(1).stdout, row(&reason(&plugin)), "nobody knows where it lies");
    let told = explained(&plugin, &folder);
    assert_eq!(check().env(VARIABLE, &folder).run().expect(1).stdout, row(&told));

    let out = tempfile::tempdir().unwrap();
    bench(out.path(), [&plugin, &hostile()]).env(VARIABLE, &folder).run().expect(0);
    assert_eq!(RunFolder::only(out.path()).run(plugin.to_str().unwrap())["reason"], told);
}

/// One that is built on demand: deleting it would not help, and is not advised.
#[test]
fn list_tells_it_of_a_backend_that_was_built() {
    let none = |_: &Path| "-lm".to_owned();
    let Some((plugin, folder)) = plugin_that_needs_a_helper("libbuilt_needs_helper.so", none) else { return };
    let copy = format!(r#"cp "{}" "$CARGO_TARGET_DIR"/made.so"#, plugin.display());
    let repository = Repository::new().backend("minimal-c", &manifest("minimal-c", &copy, "sh"));
    let built = repository.path().canonicalize().unwrap().join("target/backends/minimal-c/made.so");
    let told = explained(&built, &folder);
    let check = repository.invoke(["check", "minimal-c"]).args(CHECK).env(VARIABLE, &folder);
    assert_eq!(check.run().expect(1).stdout, format!("minimal-c: unavailable: {told}\n"));
    let listed = repository.invoke(["list"]).env(VARIABLE, &folder).run().expect(0).stdout;
    assert!(listed.contains(&format!("\n  unavailable: {told}\n")), "{listed}");
}

/// Both remedies that the reason names.
#[test]
fn a_plugin_that_is_linked_as_the_reason_says_is_loaded() {
    for (name, path) in [("libhas_folder.so", None), ("libhas_origin.so", Some("$ORIGIN"))] {
        let rpath = |folder: &Path| format!("-Wl,-rpath,{}", path.unwrap_or(folder.to_str().unwrap()));
        let Some((plugin, _)) = plugin_that_needs_a_helper(name, rpath) else { return };
        invoke(["check", plugin.to_str().unwrap()]).args(CHECK).run().expect(0);
    }
}

/// The variable of the worker of a `check` that was started with this one.
#[cfg(target_os = "linux")]
fn of_worker(value: &str) -> Option<String> {
    let check = invoke(["check", hostile().to_str().unwrap()]).args(CHECK).env(VARIABLE, value);
    let running = check.hostile("slow").start();
    let harness = running.id();
    let mut found = None;
    let is_found = wait_until(Duration::from_secs(60), || {
        // Between fork and exec a worker is still a copy of the harness, with its environment.
        let is_worker = |id: u32| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"worker")
        };
        let worker = running.marker.processes().into_iter().find(|(id, _)| *id != harness && is_worker(*id));
        let environment = worker.and_then(|(id, _)| fs::read(format!("/proc/{id}/environ")).ok());
        found = environment.filter(|text| !text.is_empty());
        found.is_some()
    });
    assert!(is_found, "no worker was seen");
    running.finish().expect(0);
    let text = String::from_utf8(found.unwrap()).unwrap();
    let prefix = format!("{VARIABLE}=");
    text.split('\0').find_map(|one| Some(one.strip_prefix(&prefix)?.to_owned()))
}

#[cfg(target_os = "linux")]
#[test]
fn workers_get_the_drivers_folder_and_no_toolkits() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str, files: &[&str]| {
        let folder = root.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
        folder.to_str().unwrap().to_owned()
    };
    let toolkit = folder("toolkit", &["libcuda.so.1", "libcudart.so.13"]);
    let stubs = folder("toolkit/stubs", &["libcuda.so.1"]);
    let driver = folder("driver", &["libcuda.so.1"]);
    assert_eq!(of_worker(&format!("{toolkit}:{driver}:{stubs}")), Some(driver));
    // A machine's own driver may be added.
    let rest = of_worker(&format!("{toolkit}:{stubs}")).unwrap_or_default();
    assert!(!rest.contains(&toolkit), "{rest}");
}
