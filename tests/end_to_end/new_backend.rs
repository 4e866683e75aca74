//! `new-backend`: what it writes builds at once, and `check` leads from there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use trainmark_tests::{Checkout, Repository, invoke, minimal_c, python_packages, repository_root};

const SOFTMAX: [&str; 4] = ["--workload", "softmax", "--dataset", "synthetic"];

/// What `check` prints last of a backend that is not finished, without its label.
fn next_step(checkout: &Checkout, name: &str) -> String {
    let checked = checkout.invoke(["check", name]).args(SOFTMAX).run().expect(1);
    let last = checked.stdout.lines().find_map(|line| line.strip_prefix("  unsupported: "));
    last.unwrap_or_else(|| panic!("{}{}", checked.stdout, checked.stderr)).to_owned()
}

/// Puts `new` in the place of `old`, which is there once.
fn edit(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(old).count(), 1, "{old} in {text}");
    fs::write(file, text.replace(old, new)).unwrap();
}

#[test]
fn a_rust_backend_is_led_from_function_to_function() {
    let checkout = Checkout::new();
    let written = checkout.invoke(["new-backend", "my-own", "--lang", "rust"]).run().expect(0);
    let folder = checkout.path().join("backends/my-own");
    assert!(written.stdout.starts_with(&format!("wrote {}: ", folder.display())), "{}", written.stdout);
    assert!(written.stdout.contains("\n  cargo run -- check my-own --workload softmax\n"));
    let listed = checkout.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("my-own  written with new-backend"), "{listed}");

    let (session, look) = (folder.join("src/session.rs"), "see docs/writing-a-backend.md");
    let to_do = |call: &str, what: &str, function: &str| {
        format!("{call}: my-own does not {what} yet: fill in {function} in src/session.rs, {look}")
    };
    assert_eq!(next_step(&checkout, "my-own"), to_do("open", "build the layer flatten", "build_layer"));
    let log = fs::read_to_string(checkout.path().join("target/backends/my-own/my-own-cpu.log")).unwrap();
    assert!(!log.contains("warning"), "{log}");

    edit(
        &session,
        "        // Layer::Flatten => Ok(()),\n",
        "        Layer::Flatten | Layer::Linear { .. } => Ok(()),\n",
    );
    let step = to_do("set_parameters", "take parameters", "Session::set_parameters");
    assert_eq!(next_step(&checkout, "my-own"), step);
    edit(&session, "Err(to_do(\"take parameters\", \"Session::set_parameters\"))", "Ok(())");
    let step = to_do("get_parameters", "give parameters back", "Session::get_parameters");
    assert_eq!(next_step(&checkout, "my-own"), step);
    edit(&session, "Err(to_do(\"give parameters back\", \"Session::get_parameters\"))", "Ok(())");
    assert_eq!(next_step(&checkout, "my-own"), to_do("predict", "predict", "Session::predict"));
    edit(&session, "Err(to_do(\"predict\", \"Session::predict\"))", "Ok(())");
    assert_eq!(next_step(&checkout, "my-own"), to_do("train_step", "train", "Session::train_step"));

    // Parameters that do not come back are noticed, and what to look at is said.
    let checked = checkout.invoke(["check", "my-own"]).args(SOFTMAX).run().expect(1).stdout;
    assert!(checked.contains("  FAIL protocol: parameters come back bit for bit "), "{checked}");
    assert!(checked.contains("\n  look first at: parameters are row-major"), "{checked}");
}

#[test]
fn a_c_backend_is_led_from_function_to_function() {
    if minimal_c().is_none() {
        return;
    }
    let checkout = Checkout::new();
    // Outside of the repository, in a folder that needs quotes.
    let folder = checkout.path().with_file_name("it's mine");
    let written =
        checkout.invoke(["new-backend", "mine", "--lang", "c", "--dir", "../it's mine"]).run().expect(0);
    let quoted = format!("--backend-path '{}'", folder.display().to_string().replace('\'', r"'\''"));
    let command = format!("cargo run -- check mine --workload softmax {quoted}");
    assert!(written.stdout.contains(&command), "{}", written.stdout);
    assert!(folder.join("trainmark.h").is_file());
    assert!(fs::read_to_string(folder.join("README.md")).unwrap().contains(&command));

    let next = || {
        let checked = checkout.shell(&format!("{command} --dataset synthetic")).run().expect(1);
        let last = checked.stdout.lines().last().unwrap_or_default();
        last.strip_prefix("  unsupported: ").unwrap_or_else(|| panic!("{checked:?}")).to_owned()
    };
    let to_do = |call: &str, what: &str, function: &str| {
        format!(
            "{call}: mine does not {what} yet: fill in {function} in network.c, see docs/writing-a-backend.md"
        )
    };
    let network = folder.join("network.c");
    assert_eq!(next(), to_do("open", "build the layer flatten", "build_layer"));
    let log = fs::read_to_string(checkout.path().join("target/backends/mine/mine-cpu.log")).unwrap();
    assert_eq!(log, "", "the compiler has nothing to say");
    edit(
        &network,
        "    // case TM_FLATTEN:\n    // case TM_LINEAR:\n",
        "    case TM_FLATTEN:\n    case TM_LINEAR:\n      return TM_OK;\n",
    );
    assert_eq!(next(), to_do("set_parameters", "take parameters", "network_set_parameters"));
    edit(&network, "return to_do(message, \"take parameters\", \"network_set_parameters\")", "return TM_OK");
    assert_eq!(next(), to_do("get_parameters", "give parameters back", "network_get_parameters"));
}

#[test]
fn a_python_backend_is_led_from_function_to_function() {
    let packages = repository_root().join("harness/src/scaffold/templates/python/requirements.txt");
    if python_packages(&packages).is_none() {
        return;
    }
    let checkout = Checkout::new();
    // Outside of the repository: trainmark knows where its own sources lie.
    let folder = checkout.path().with_file_name("elsewhere");
    checkout.invoke(["new-backend", "my-own", "--lang", "python", "--dir", "../elsewhere"]).run().expect(0);
    let next = || {
        let check = checkout.invoke(["check", "my-own", "--backend-path", "../elsewhere"]).args(SOFTMAX);
        let checked = check.run().expect(1);
        let last = checked.stdout.lines().find_map(|line| line.strip_prefix("  unsupported: "));
        last.unwrap_or_else(|| panic!("{checked:?}")).to_owned()
    };
    let to_do = |call: &str, what: &str, function: &str| {
        format!(
            "{call}: my-own does not {what} yet: fill in {function} in backend.py, see docs/writing-a-backend.md"
        )
    };
    let file = folder.join("backend.py");
    assert_eq!(next(), to_do("open", "build the layer flatten", "build_layer"));
    edit(&file, "    raise to_do(f\"build the layer {layer.kind}\", \"build_layer\")\n", "");
    assert_eq!(next(), to_do("set_parameters", "take parameters", "set_parameters"));
    edit(
        &file,
        "raise to_do(\"take parameters\", \"set_parameters\")",
        "self.kept = [value.copy() for value in values]",
    );
    assert_eq!(next(), to_do("get_parameters", "give parameters back", "get_parameters"));
    let give = "for value, kept in zip(values, self.kept):\n            value[...] = kept";
    edit(&file, "raise to_do(\"give parameters back\", \"get_parameters\")", give);
    assert_eq!(next(), to_do("predict", "predict", "predict"));
    edit(&file, "raise to_do(\"predict\", \"predict\")", "");
    assert_eq!(next(), to_do("train_step", "train", "train_step"));
}

/// The header that is copied or pointed to is the repository's.
#[test]
fn a_c_backend_in_the_repository_uses_its_header() {
    let checkout = Checkout::new();
    checkout.invoke(["new-backend", "mine", "--lang", "c"]).run().expect(0);
    let folder = checkout.path().join("backends/mine");
    assert!(!folder.join("trainmark.h").exists());
    let manifest = fs::read_to_string(folder.join("backend.toml")).unwrap();
    assert!(manifest.contains("-I../../harness/plugin/include "), "{manifest}");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let checkout = Checkout::new();
    let refusal = |arguments: &[&str]| {
        let message = checkout.invoke(["new-backend"]).args(arguments).args(["--lang", "c"]).run().refusal();
        message.strip_prefix("error: ").unwrap().trim_end().to_owned()
    };
    assert_eq!(
        refusal(&["My_Backend"]),
        "\"My_Backend\" cannot be a backend's name: it is made of lower-case letters, digits and dashes; \
         my-backend would do"
    );
    assert!(refusal(&["all"]).ends_with("it stands for every backend"));
    let own = checkout.path().join("backends");
    assert_eq!(
        refusal(&["handwritten"]),
        format!(
            "there is a backend handwritten already, in {}/handwritten; choose another name",
            own.display()
        )
    );
    assert!(refusal(&["handwritten", "--dir", "../elsewhere"]).starts_with("there is a backend handwritten"));
    fs::create_dir(own.join("mine")).unwrap();
    assert_eq!(
        refusal(&["mine"]),
        format!("{}/mine exists, and nothing is overwritten; name another folder with --dir", own.display())
    );
    assert_eq!(fs::read_dir(own.join("mine")).unwrap().count(), 0);
    let message = refusal(&["mine", "--dir", "/proc/mine"]);
    assert!(message.starts_with("cannot write /proc/mine; name another folder with --dir: "), "{message}");
    let file = checkout.path().with_file_name("file");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let message = refusal(&["mine", "--dir", "../file/mine"]);
    assert!(message.starts_with("cannot "), "{message}");
}

/// Where there is no repository to build it with.
#[test]
fn without_the_plugin_crate_it_says_where_to_go() {
    let message = Repository::new().invoke(["new-backend", "mine", "--lang", "rust"]).run().refusal();
    assert!(message.ends_with("run this in trainmark's repository\n"), "{message}");
    let usage = invoke(["new-backend", "mine", "--lang", "cobol"]).run().refusal();
    assert!(usage.contains("[possible values: rust, c, python]"), "{usage}");
}

/// The complete plugin in C, built by its own `backend.toml`.
#[test]
fn the_reference_in_c_passes_the_main_workload() {
    if minimal_c().is_none() {
        return;
    }
    let checked = invoke(["check", "c-reference", "--backend-path", "harness/plugin/examples/c-reference"])
        .args(["--workload", "lenet-bn,lenet,softmax", "--dataset", "synthetic"])
        .run()
        .expect(0);
    assert_eq!(checked.stdout.matches("\n  passed all ").count(), 4, "{}", checked.stdout);
}

/// What goes into the running variance is not what the plugin in C then declares.
#[test]
fn a_convention_that_is_declared_wrongly_is_named() {
    if minimal_c().is_none() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let plugin = repository_root().join("harness/plugin");
    let folder = root.path().join("examples/c-reference");
    for (from, to) in [
        (plugin.join("include"), root.path().join("include")),
        (plugin.join("examples/c-reference"), folder.clone()),
    ] {
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    edit(&folder.join("backend.c"), "TM_UNBIASED_FROM_ONE", "TM_BIASED_FROM_ONE");
    let checked = invoke(["check", "c-reference/builtin", "--backend-path"])
        .args([&folder])
        .args(["--workload", "lenet-bn", "--dataset", "synthetic"])
        .run()
        .expect(1);
    let told = "; declared biased_from_one, computes unbiased_from_one";
    assert!(checked.stdout.contains(told), "{}", checked.stdout);
}
