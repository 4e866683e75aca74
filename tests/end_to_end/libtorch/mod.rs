//! How the backend `tch` comes by its libtorch, with Pythons and a pip that are shell
//! scripts: nothing is downloaded.

mod machine;
mod versions;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use machine::{Machine, PIP, text};

#[test]
fn the_variable_comes_first_and_must_be_right() {
    let machine = Machine::new();
    let in_python = machine.libtorch("python/torch", [2, 11, 0]);
    let machine = machine.python("python3", "pip", Some(&in_python));
    let named = machine.libtorch("named", [2, 11, 0]);
    assert_eq!(machine.found(Some(&named)), named);
    // Empty is unset.
    assert_eq!(machine.found(Some(Path::new(""))), in_python);

    let old = machine.libtorch("old", [2, 9, 1]);
    assert_eq!(
        machine.refusal(Some(("LIBTORCH", &old))),
        format!(
            "LIBTORCH={} is libtorch 2.9.1, but tch needs 2.11.0; set it to a libtorch 2.11.0, or unset it and \
             one is found or fetched",
            old.display()
        )
    );
    let message = machine.refusal(Some(("LIBTORCH", &machine.path("no/where"))));
    assert!(message.contains("no/where holds no libtorch with its headers"), "{message}");
}

#[test]
fn the_first_python_with_the_right_torch_is_taken() {
    let machine = Machine::new();
    let (old, right) = (machine.libtorch("old", [2, 10, 0]), machine.libtorch("right", [2, 11, 0]));
    let machine = machine
        .python("python3", "pip", Some(&old))
        // A version manager's stand-in.
        .program("python3.14", "echo 'command not found' >&2; exit 127")
        .python("python3.13", "pip", None)
        .python("python3.12", "-", Some(&right))
        .python("python3.11", "pip", Some(&old));
    let output = machine.run("libtorch.sh", "", None);
    assert_eq!(text(&output.stdout), format!("{}\n", right.display()));
    assert_eq!(
        text(&output.stderr),
        format!(
            "passing over the torch of python3: {} is libtorch 2.10.0, but tch needs 2.11.0\n",
            old.display()
        )
    );
}

#[test]
fn what_was_fetched_before_counts_only_when_it_is_whole() {
    let machine = Machine::new();
    let torch = machine.libtorch(".cache/trainmark/libtorch-2.11.0/torch", [2, 11, 0]);
    let message = machine.refusal(Some(("TRAINMARK_OFFLINE", Path::new("1"))));
    assert!(
        message.starts_with("libtorch 2.11.0 is not here and --offline forbids fetching it; "),
        "{message}"
    );
    fs::write(machine.cache().join("complete"), "").unwrap();
    assert_eq!(machine.found(None), torch);
}

#[test]
fn what_fetching_lacks_is_named() {
    let message = Machine::new().refusal(None);
    assert!(message.contains("pip must fetch it: there is no Python 3.9 or later and no pip; "), "{message}");
    assert!(
        message.contains("Debian's python3-pip, Homebrew's python") && message.contains("or set LIBTORCH"),
        "{message}"
    );

    let message = Machine::new().python("python3.12", "-", None).refusal(None);
    assert!(message.contains("python3.12 has neither pip nor ensurepip; "), "{message}");
    assert!(message.contains("Debian's python3-pip or python3-venv"), "{message}");

    for way in ["pip", "venv"] {
        let machine = Machine::new().python("python3", "-", None).python("python3.10", way, None);
        assert!(machine.run("build.sh", "--probe", None).status.success());
    }
    let full = Machine::new().python("python3", "pip", None).program("df", "echo; echo d 9 9 9");
    assert_eq!(
        full.refusal(None),
        format!(
            "libtorch 2.11.0 is not here, and fetching it takes 1900 MB in {}, where 0 are free; make room, or set \
             LIBTORCH or XDG_CACHE_HOME",
            full.path(".cache/trainmark").display()
        )
    );

    let alone = Machine::new().program("pip3", "echo pip 25.0");
    assert!(alone.run("build.sh", "--probe", None).status.success());
    assert!(!alone.cache().exists(), "a probe fetches nothing");
}

#[test]
fn pip_fetches_into_the_cache_what_building_needs() {
    let machine = Machine::new().python("python3", "pip", None).program("pip-of-the-test", PIP);
    machine.libtorch("wheel", [2, 11, 0]);
    // What a fetch left that was killed.
    let left = machine.path(".cache/trainmark/libtorch-2.11.0.fetching.99999999");
    fs::create_dir_all(&left).unwrap();

    let output = machine.run("libtorch.sh", "", None);
    let torch = machine.cache().join("torch");
    assert_eq!(text(&output.stdout), format!("{}\n", torch.display()), "{}", text(&output.stderr));
    let log = text(&output.stderr);
    assert!(log.starts_with("libtorch 2.11.0: fetching ") && log.contains(" MB through pip into "), "{log}");
    assert!(log.contains("pip: installed\n"), "{log}");
    assert!(machine.asked().contains("--require-hashes"));

    assert!(torch.join("lib/libtorch_cpu.so").is_file() && torch.join("include").is_dir());
    for trimmed in
        ["torch/__init__.py", "torch/lib/libtorch_cuda.so", "torch/lib/libtorch_python.so", "functorch"]
    {
        assert!(!machine.cache().join(trimmed).exists(), "{trimmed} is not needed");
    }
    assert_eq!(machine.kept(), [machine.cache()]);
    assert!(machine.path(".cache/trainmark/wheels/torch.whl").is_file());
    // The next build asks nobody.
    fs::remove_file(machine.path("asked")).unwrap();
    assert_eq!(machine.found(None), torch);
    assert!(!machine.path("asked").exists());
}

#[test]
fn a_virtual_environment_of_pip_may_lie_below_blanks() {
    // A Python that makes a virtual environment with the test's pip.
    let python = "if [ \"$1\" = -c ]; then echo \"$3 venv \"; elif [ \"${1%.py}\" != \"$1\" ]; then shift 2; exec \"$@\"; else mkdir -p \"$3/bin\"; \
                  printf '#!/bin/sh\\nexec pip-of-the-test \"$@\"\\n' >\"$3/bin/pip\"; /bin/chmod +x \"$3/bin/pip\"; fi";
    let machine = Machine::new().program("python3", python).program("pip-of-the-test", PIP);
    machine.libtorch("wheel", [2, 11, 0]);
    let cache = machine.path("a cache  of * blanks");
    let output = machine.run("libtorch.sh", "", Some(("XDG_CACHE_HOME", &cache)));
    let torch = cache.join("trainmark/libtorch-2.11.0/torch");
    assert_eq!(text(&output.stdout), format!("{}\n", torch.display()), "{}", text(&output.stderr));
    assert!(torch.join("lib/libtorch_cpu.so").is_file());
}

#[test]
fn the_torch_of_a_backend_in_python_is_taken_before_anything_is_fetched() {
    let machine = Machine::new();
    let environment = ".cache/trainmark/python/3.11-1-2";
    let packages = format!("{environment}/lib/python3.11/site-packages");
    let torch = machine.libtorch_with_cuda(&format!("{packages}/torch"));
    let offline =
        |machine: &Machine| machine.run("libtorch.sh", "", Some(("TRAINMARK_OFFLINE", Path::new("1"))));
    assert!(!offline(&machine).status.success(), "it may be half made");
    fs::write(machine.path(environment).join("complete"), "").unwrap();
    assert_eq!(machine.found(None), torch);

    // Whoever makes and removes environments is told of the library, once.
    let machine = machine.program("cargo", "exit 0");
    for _ in 0..2 {
        let output = machine.run("build.sh", "", Some(("CARGO_TARGET_DIR", Path::new("/tar get/tch"))));
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(fs::read_to_string(machine.path(environment).join("users")).unwrap(), "/tar get/tch\n");

    // In the place of CUDA's libraries there may be stubs.
    let machine = machine.with_cuda(Some(true));
    let output = offline(&machine);
    assert_eq!(text(&output.stdout), format!("{}\n", torch.display()));
    assert!(text(&output.stderr).contains(" is taken, for the CPU only: "), "{}", text(&output.stderr));
    fs::create_dir_all(machine.path(&packages).join("nvidia/cudnn")).unwrap();
    assert_eq!(text(&offline(&machine).stderr), "");
}

#[test]
fn where_there_is_a_driver_a_libtorch_with_cuda_comes_first() {
    let machine = Machine::new().with_cuda(Some(true));
    let light = machine.libtorch("light", [2, 11, 0]);
    let whole = machine.libtorch_with_cuda("whole");
    let machine = machine.python("python3", "pip", Some(&light)).python("python3.12", "pip", Some(&whole));
    let output = machine.run("libtorch.sh", "", None);
    assert_eq!(text(&output.stdout), format!("{}\n", whole.display()));
    assert_eq!(
        text(&output.stderr),
        format!("passing over the torch of python3: {} has no lib/libtorch_cuda.so\n", light.display())
    );
    // Who names one has chosen.
    let output = machine.run("libtorch.sh", "", Some(("LIBTORCH", &light)));
    assert_eq!(text(&output.stdout), format!("{}\n", light.display()));
    assert_eq!(
        text(&output.stderr),
        format!("LIBTORCH={0} has no lib/libtorch_cuda.so: it serves the CPU only\n", light.display())
    );
    // The driver's own program is a sign of it.
    let machine = machine.with_cuda(None).program("nvidia-smi", "exit 0");
    assert_eq!(machine.found(None), whole);
    assert_eq!(machine.with_cuda(Some(false)).found(None), light);
}

#[test]
fn each_kind_that_was_fetched_is_kept() {
    let machine = Machine::new();
    let caches = ["libtorch-2.11.0", "libtorch-2.11.0-cuda"].map(|name| format!(".cache/trainmark/{name}"));
    let whole = machine.libtorch_with_cuda(&format!("{}/torch", caches[1]));
    fs::write(machine.path(&caches[1]).join("complete"), "").unwrap();
    assert_eq!(machine.found(None), whole, "it serves the CPU too");
    let light = machine.libtorch(&format!("{}/torch", caches[0]), [2, 11, 0]);
    fs::write(machine.path(&caches[0]).join("complete"), "").unwrap();
    assert_eq!(machine.found(None), light);
    assert_eq!(machine.with_cuda(Some(true)).found(None), whole);
}

#[test]
fn where_cuda_cannot_be_had_the_cpu_is_served() {
    // All that libtorch's part for CUDA asks for must be there, but for the driver's.
    let ldd = "case $1 in *_cuda.so) printf '\\tlibcuda.so.1 => not found\\n\\tlibcudnn.so.9 => not found\\n' ;; esac";
    let machine = Machine::new().with_cuda(Some(true)).program("ldd", ldd);
    let torch = machine.libtorch_with_cuda("torch");
    let machine = machine.python("python3", "pip", Some(&torch));
    let output = machine.run("libtorch.sh", "", Some(("TRAINMARK_OFFLINE", Path::new("1"))));
    assert_eq!(text(&output.stdout), format!("{}\n", torch.display()));
    let lines: Vec<_> = text(&output.stderr).lines().collect();
    let [passed, taken] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        passed,
        format!("passing over the torch of python3: {} lacks libcudnn.so.9 for CUDA", torch.display())
    );
    assert!(
        taken.starts_with(&format!(
            "{} is taken, for the CPU only: libtorch 2.11.0 with CUDA is not here and --offline",
            torch.display()
        )),
        "{taken}"
    );

    // A fetch that fails is no reason to go without.
    let machine = machine.program("pip-of-the-test", "exit 1").program("df", ROOMY);
    let output = machine.run("libtorch.sh", "", None);
    assert_eq!(text(&output.stdout), format!("{}\n", torch.display()));
    let log = text(&output.stderr);
    assert!(log.contains("error: libtorch 2.11.0 with CUDA could not be fetched: pip failed; "), "{log}");
    assert!(log.ends_with(&format!("\n{} is taken, for the CPU only\n", torch.display())), "{log}");
    // Nor is there anything to take where there is nothing.
    let message = Machine::new().with_cuda(Some(true)).refusal(None);
    assert!(
        message.starts_with("libtorch 2.11.0 with CUDA is not here, and pip must fetch it: "),
        "{message}"
    );
}

/// A disk with room for all that is fetched.
const ROOMY: &str = "echo header; echo 'disk 99999999 0 99999999 0% /'";

#[test]
fn pip_fetches_what_cuda_needs_where_it_is_wanted() {
    let machine = Machine::new()
        .with_cuda(Some(true))
        .python("python3", "pip", None)
        .program("pip-of-the-test", PIP)
        .program("df", ROOMY);
    machine.libtorch("wheel", [2, 11, 0]);
    let output = machine.run("libtorch.sh", "", None);
    let torch = machine.path(".cache/trainmark/libtorch-2.11.0-cuda/torch");
    assert_eq!(text(&output.stdout), format!("{}\n", torch.display()), "{}", text(&output.stderr));
    assert!(text(&output.stderr).starts_with("libtorch 2.11.0 with CUDA: fetching "));
    let list = machine.backend.join("requirements-cuda.txt");
    assert!(machine.asked().contains(&format!("--requirement {}", list.display())), "{}", machine.asked());
    assert!(torch.join("lib/libtorch_cuda.so").is_file());
    assert!(!torch.join("lib/libtorch_python.so").exists() && !machine.cache().exists());

    let machine = Machine::new()
        .with_cuda(Some(true))
        .python("python3", "pip", None)
        .program("df", "echo; echo d 9 9 9");
    let message = text(&machine.run("libtorch.sh", "", None).stderr).to_owned();
    assert!(
        message.contains("error: libtorch 2.11.0 with CUDA is not here, and fetching it takes 7536 MB in "),
        "{message}"
    );
}

#[test]
fn a_fetch_that_fails_says_why_and_leaves_nothing() {
    let failing = "echo 'ERROR: No matching distribution found for torch==2.11.0' >&2; exit 1";
    let machine = Machine::new().python("python3", "pip", None).program("pip-of-the-test", failing);
    let output = machine.run("build.sh", "", None);
    assert!(!output.status.success());
    let log = text(&output.stderr);
    let errors: Vec<_> = log.lines().filter(|line| line.to_lowercase().starts_with("error")).collect();
    let [error] = errors[..] else { panic!("{log}") };
    assert!(
        error.starts_with(
            "error: libtorch 2.11.0 could not be fetched: No matching distribution found for torch==2.11.0; "
        ),
        "{error}"
    );
    assert!(machine.kept().is_empty());

    // A network that goes in the middle is an exception of pip's own; the next build asks again.
    let lost = r#"
head -c 3000000 /dev/zero >"$TMPDIR/part"
sleep 2.5
echo 'WARNING: Retrying (Retry(total=4, connect=None))' >&2
echo 'ERROR: Exception:' >&2
echo 'Traceback (most recent call last):' >&2
echo '  File "urllib3/response.py", line 1, in _error_catcher' >&2
echo 'pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host=X): Read timed out.' >&2
exit 2"#;
    let machine = Machine::new().python("python3", "pip", None).program("pip-of-the-test", lost);
    let output = machine.run("build.sh", "", None);
    let log = text(&output.stderr);
    assert!(log.contains("\nlibtorch 2.11.0: 2 of "), "{log}");
    assert!(
        log.lines().last().unwrap().starts_with(
            "error: libtorch 2.11.0 could not be fetched: ReadTimeoutError: HTTPSConnectionPool(host=X): Read timed \
             out.; try again with a network that reaches the package index, or set LIBTORCH"
        ),
        "{log}"
    );
    assert!(machine.kept().is_empty());
    let cut =
        "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. Odd.' >&2; exit 1";
    let machine = machine.program("pip-of-the-test", cut);
    let log = text(&machine.run("build.sh", "", None).stderr).to_owned();
    let told =
        "could not be fetched: the connection broke off, or brought another file (its sum is wrong); try";
    assert!(log.lines().last().unwrap().contains(told), "{log}");
    let machine = machine.program("pip-of-the-test", PIP);
    machine.libtorch("wheel", [2, 11, 0]);
    assert_eq!(machine.found(None), machine.cache().join("torch"));

    // Neither is a libtorch kept that turns out to be another.
    let machine = Machine::new().python("python3", "pip", None).program("pip-of-the-test", PIP);
    machine.libtorch("wheel", [2, 12, 0]);
    let output = machine.run("build.sh", "", None);
    let error = text(&output.stderr).lines().last().unwrap();
    assert!(error.starts_with("error: the libtorch that was fetched is libtorch 2.12.0, but"), "{error}");
    assert!(machine.kept().is_empty());
}

#[test]
fn two_fetches_at_once_do_no_harm() {
    // Each of the two has a wheel of its own.
    let own =
        "if [ \"$1\" = install ]; then mkdir \"$HOME/first\" 2>/dev/null && turn=1 || turn=2; sleep 0.5; fi";
    let pip = format!("{own}\n{}", PIP.replace("$HOME/wheel", "$HOME/wheel.$turn"));
    let machine = Machine::new().python("python3", "pip", None).program("pip-of-the-test", &pip);
    machine.libtorch("wheel.1", [2, 11, 0]);
    machine.libtorch("wheel.2", [2, 11, 0]);
    let start =
        || machine.command("libtorch.sh", "").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for child in [start(), start()] {
        let output = child.wait_with_output().unwrap();
        let torch = machine.cache().join("torch");
        assert_eq!(text(&output.stdout), format!("{}\n", torch.display()), "{}", text(&output.stderr));
    }
    let mut kept: Vec<_> =
        fs::read_dir(machine.cache()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["complete", "torch"]);
    assert_eq!(machine.kept(), [machine.cache()]);
}
