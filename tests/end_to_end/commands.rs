//! What each command says.

use std::io::Write;
use std::process::{Command, Stdio};

use trainmark_tests::{
    Finished, Repository, RunFolder, bench, hostile, invoke, invoke_program, repository_root, shell, skip,
};

fn printed(arguments: &[&str]) -> String {
    let Finished { stdout, stderr, .. } = invoke(arguments).run().expect(0);
    assert_eq!(stderr, "");
    assert!(!stdout.contains('\x1b'), "no colours where it is no terminal: {stdout}");
    stdout
}

#[test]
fn every_command_has_help() {
    insta::assert_snapshot!("help", printed(&["--help"]));
    for command in [
        "bench",
        "operations",
        "list",
        "check",
        "inspect",
        "data",
        "report",
        "collect",
        "compare",
        "history",
        "merge",
        "pack",
        "verify",
        "site",
        "new-backend",
        "new-version",
        "doctor",
        "completions",
    ] {
        insta::assert_snapshot!(format!("help-{command}"), printed(&[command, "--help"]));
        assert_eq!(printed(&["help", command]), printed(&[command, "--help"]));
    }
}

/// A report that is not there must not look like one: only a reader who has gone is no error.
#[test]
fn what_cannot_be_printed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    bench(folder.path(), [hostile()]).run().expect(0);
    let run = RunFolder::only(folder.path()).path;
    let run = run.to_str().unwrap();
    for (command, code) in [
        ("--help", 2),
        ("list --help", 2),
        ("--version", 2),
        ("list", 2),
        ("doctor", 2),
        ("inspect", 2),
        ("completions bash", 2),
        ("operations --list", 2),
        ("data --data-dir /nowhere", 1),
        (&*format!("report {run} --format markdown"), 2),
        (&*format!("compare {run} {run}"), 2),
        (&*format!("check {} --workload softmax --dataset synthetic", hostile().display()), 2),
        (
            &*format!(
                "bench {} --workload softmax --dataset synthetic --quick --out {out}/b",
                hostile().display()
            ),
            2,
        ),
    ] {
        let told = shell(&format!("cargo run -- {command} >/dev/full")).run().expect(code).stderr;
        let expected = "error: cannot write to standard output: No space left on device (os error 28)\n";
        assert!(told.ends_with(expected), "{command}: {told}");
        assert_eq!(told.matches("error: ").count(), 1, "{command}: {told}");
    }
    assert!(
        RunFolder::only(&folder.path().join("b")).path.join("report.html").is_file(),
        "but for the words"
    );
    for command in ["--help", "list", "inspect", "completions bash"] {
        let line = format!("cargo run -- {command} | true; exit ${{PIPESTATUS[0]}}");
        assert_eq!(shell(&line).run().expect(0).stderr, "", "{command}");
    }
}

/// What a script would do without is long, and some of it costs money.
#[test]
fn every_script_has_help_and_refuses_what_it_does_not_know() {
    let files = std::fs::read_dir(repository_root().join("scripts")).unwrap();
    let scripts = files.map(|file| file.unwrap().path()).filter(|path| {
        path.extension().is_some_and(|extension| extension == "sh") && !path.ends_with("help.sh")
    });
    let scripts: Vec<_> = scripts.collect();
    assert!(scripts.len() >= 7, "{scripts:?}");
    for script in scripts {
        let name = script.file_name().unwrap().to_str().unwrap();
        for option in ["-h", "--help"] {
            let Finished { stdout, stderr, .. } = invoke_program(&script, [option]).run().expect(0);
            assert!(stdout.contains(&format!("\nUsage: scripts/{name}")) && stderr.is_empty(), "{stdout}");
        }
        let told = invoke_program(&script, ["--nosuch"]).run().refusal();
        assert!(told.starts_with("error: --nosuch is not known; see "), "{told}");
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(printed(&["--version"]), format!("trainmark {}\n", env!("CARGO_PKG_VERSION")));
}

/// Trained parameters by the layers' own sizes: weights and biases, and with
/// batch norm γ and β.
fn trained(norm: bool) -> usize {
    let convolution = |inputs: usize, outputs: usize| outputs * (inputs * 5 * 5 + 1);
    let linear = |inputs: usize, outputs: usize| outputs * (inputs + 1);
    let network =
        convolution(1, 6) + convolution(6, 16) + linear(16 * 4 * 4, 120) + linear(120, 84) + linear(84, 10);
    network + if norm { 2 * (6 + 16 + 120 + 84) } else { 0 }
}

#[test]
fn inspect_shows_every_layer() {
    assert_eq!((trained(false), trained(true)), (44_426, 44_878));
    let text = printed(&["inspect", "lenet-bn"]);
    insta::assert_snapshot!("inspect-lenet-bn", text);
    assert!(text.contains("parameters: 44,878 trained, 452 running statistics\n"), "{text}");
    assert_eq!(table_sum(&text), 44_878);
    let text = printed(&["inspect", "lenet"]);
    assert!(text.contains("parameters: 44,426 trained"), "{text}");
    assert_eq!(table_sum(&text), 44_426);
    insta::assert_snapshot!("inspect", printed(&["inspect"]));
}

/// Sum of the column of parameters.
fn table_sum(text: &str) -> usize {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(" #"));
    let header = lines.next().expect("a header");
    let start = header[..header.find("parameters").expect("a column of parameters")].chars().count();
    let values = lines.take_while(|line| !line.is_empty()).map(|line| {
        let value: String = line.chars().skip(start).filter(char::is_ascii_digit).collect();
        if value.is_empty() { 0 } else { value.parse::<usize>().unwrap() }
    });
    values.sum()
}

#[test]
fn completions_are_a_script_that_the_shell_takes() {
    let script = printed(&["completions", "bash"]);
    assert!(
        ["_trainmark()", "--memory-limit", "new-backend", "--lang"].iter().all(|word| script.contains(word)),
        "{script}"
    );
    assert!(!script.contains("worker"), "the hidden command is not offered");
    let shell = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn();
    let Ok(mut shell) = shell else {
        skip("bash", "bash cannot be run");
        return;
    };
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(printed(&["completions", shell]).contains("trainmark"));
    }
}

#[test]
fn data_says_where_it_looks_and_what_to_do() {
    let repository = Repository::new();
    let home = repository.path().join("home");
    let status = repository.invoke(["data"]).env("HOME", &home).run().expect(1);
    let text = status.stdout.replace(&home.display().to_string(), "[home]");
    // Offered where there is apt.
    let text = text.replace("`apt-get install dataset-fashion-mnist` installs it, ", "");
    insta::assert_snapshot!("data-status", text);
    let elsewhere = repository.invoke(["data"]).env("TRAINMARK_DATA", "/no/where").run().expect(1);
    assert!(elsewhere.stdout.starts_with("/no/where (TRAINMARK_DATA): none of the four files\n"));
}

/// A folder of the four files as a package, torchvision or a user may keep them: unpacked, and
/// under names that begin otherwise.
#[test]
fn data_is_known_by_its_content_and_another_data_set_is_left_alone() {
    let Some(data) = std::env::var_os("TRAINMARK_DATA") else {
        skip("data", "TRAINMARK_DATA does not name the folder of Fashion-MNIST");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("share/datasets/fashion-mnist");
    std::fs::create_dir_all(&raw).unwrap();
    let unpack = "for file in *-ubyte.gz; do gzip -dc $file >\"$0/$(basename $file .gz)\"; done";
    let unpacked = Command::new("sh").args(["-c", unpack]).arg(&raw).current_dir(data).status().unwrap();
    assert!(unpacked.success());
    let installed = || invoke(["data"]).env("XDG_DATA_DIRS", folder.path().join("share"));
    let found = installed().run().expect(0);
    assert!(found.stdout.contains("fashion-mnist (package): complete\n"), "{}", found.stdout);

    // Images of another data set, with the same names and lengths.
    let images = raw.join("t10k-images-idx3-ubyte");
    let mut bytes = std::fs::read(&images).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&images, &bytes).unwrap();
    let other = invoke(["data", "fetch", "--data-dir"]).args([&raw]).run().refusal();
    assert!(other.contains("t10k-images-idx3-ubyte: is another file: "), "{other}");
    assert!(other.ends_with("nothing is overwritten\n"), "{other}");
    assert!(!installed().run().expect(1).stdout.contains("delete"));
    assert_eq!(std::fs::read(&images).unwrap(), bytes);
}

#[test]
fn data_that_is_there_is_complete() {
    let Some(data) = std::env::var_os("TRAINMARK_DATA") else {
        skip("data", "TRAINMARK_DATA does not name the folder of Fashion-MNIST");
        return;
    };
    let status = invoke(["data"]).env("TRAINMARK_DATA", data).run().expect(0);
    assert!(
        status.stdout.lines().next().unwrap().ends_with(" (TRAINMARK_DATA): complete"),
        "{}",
        status.stdout
    );
}

#[test]
fn doctor_describes_the_machine() {
    let text = printed(&["doctor"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "machine");
    assert!(lines[1].contains("(kernel "), "{text}");
    assert!(lines[2].contains(" threads; "), "{text}");
    assert!(lines[3].starts_with("  peak: ") && lines[3].contains(" GFLOP/s in float32 on "), "{text}");
    assert!(lines[4].ends_with(" of memory"), "{text}");
    assert!(lines.contains(&"data set") && lines.contains(&"backends"), "{text}");
    assert!(lines.contains(&"  handwritten"), "{text}");
}

/// Whoever cites trainmark names the version that they ran.
#[test]
fn the_citation_is_of_this_version() {
    let citation = std::fs::read_to_string(repository_root().join("CITATION.cff")).unwrap();
    let version = format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(citation.contains(&version), "CITATION.cff lacks {version:?}");
}
