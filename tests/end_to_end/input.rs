//! What a user may get wrong: refused with exit code 2 before anything is begun,
//! naming what it was and what there is instead.

use std::fs;
use std::path::Path;

use trainmark_tests::{Repository, bench, hostile, invoke, manifest, minimal_c, shell, skip};

/// A repository with a backend that exists, though nothing of it is built.
fn repository() -> Repository {
    Repository::new().backend("candle", &manifest("candle", "true", "sh"))
}

/// The message of clap, without usage and hints.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

#[test]
fn unknown_names_come_with_the_nearest() {
    let repository = repository();
    for (arguments, expected) in [
        (
            &["bench", "candel"] as &[&str],
            "error: no backend candel; did you mean candle? (there are: candle)\n",
        ),
        (&["check", "zzz"], "error: no backend zzz (there are: candle)\n"),
        (
            &["bench", "candle", "--workload", "lenet-nb"],
            "error: no workload `lenet-nb`; did you mean `lenet-bn`? there are: lenet-bn, lenet, softmax, d2l-lenet-bn, d2l-lenet, lenet-bn-after, lenet-bn-conv, lenet-bn-linear, lenet-bn-no-bias, lenet-dropout, mlp, mlp-bn, mlp-bn-after, mlp-dropout, lenet-bn-adam, lenet-adam, vgg-bn, vgg, resnet-bn, resnet\n",
        ),
        (
            &["inspect", "sofmax"],
            "error: no workload `sofmax`; did you mean `softmax`? there are: lenet-bn, lenet, softmax, d2l-lenet-bn, d2l-lenet, lenet-bn-after, lenet-bn-conv, lenet-bn-linear, lenet-bn-no-bias, lenet-dropout, mlp, mlp-bn, mlp-bn-after, mlp-dropout, lenet-bn-adam, lenet-adam, vgg-bn, vgg, resnet-bn, resnet\n",
        ),
        (
            &["bench", "candle/"],
            "error: cannot read `candle/`: write backend, or with what is wanted of it \
             backend@version/implementation@device\n",
        ),
        (
            &["bench", "candle@"],
            "error: cannot read `candle@`: write backend, or with what is wanted of it \
             backend@version/implementation@device\n",
        ),
    ] {
        assert_eq!(repository.invoke(arguments.iter().copied()).run().refusal(), expected);
    }
    assert!(!repository.runs().exists(), "nothing was begun");
}

#[test]
fn wishes_that_nothing_meets_are_refused() {
    let Some(library) = minimal_c().and_then(Path::to_str) else { return };
    let out = tempfile::tempdir().unwrap();
    let on_a_device = format!("{library}@tpu:7");
    let unknown_way = format!("{library}/bultin");
    let builtin = format!("{library}/builtin");
    for (arguments, expected) in [
        (&[&*on_a_device] as &[&str], "error: no selected backend has the device tpu:7 (there are: cpu)\n"),
        (
            &[library, "--device", "cpu,cpu:1"],
            "error: no selected backend has the device cpu:1; did you mean cpu? (there are: cpu)\n",
        ),
        (
            &[library, "--implementation", "bultin"],
            "error: no selected backend has the implementation bultin; did you mean builtin? (there are: builtin)\n",
        ),
        (
            &[&unknown_way, "--workload", "lenet-bn"],
            "softmax is left out of minimal-c/bultin: it has no batch norm, and takes BACKEND or BACKEND/none\n\
             error: minimal-c has no implementation bultin; did you mean builtin? (there are: builtin)\n",
        ),
        (
            &[&builtin],
            "error: nothing to run: no implementation that was asked for fits softmax; one without batch norm takes BACKEND or BACKEND/none\n",
        ),
    ] {
        assert_eq!(bench(out.path(), arguments).run().refusal(), expected, "{arguments:?}");
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing was begun");
    // A device that there is can be asked for.
    bench(out.path(), [format!("{library}@cpu")]).run().expect(0);
}

#[test]
fn absurd_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (option, value, expected) in [
        ("--epochs", "0", "error: --epochs 0 is not within 1 to 1000"),
        ("--epochs", "4000000000", "error: --epochs 4000000000 is not within 1 to 1000"),
        ("--epochs", "-1", "error: unexpected argument '-1' found"),
        ("--epochs", "five", "error: invalid value 'five' for '--epochs <N>': invalid digit found in string"),
        (
            "--epochs",
            "5000000000",
            "error: invalid value '5000000000' for '--epochs <N>': 5000000000 is not in 0..=4294967295",
        ),
        ("--seeds", "0", "error: --seeds 0 is not within 1 to 1000"),
        ("--seeds", "1001", "error: --seeds 1001 is not within 1 to 1000"),
        ("--threads", "0", "error: --threads 0 is not within 1 to 1024"),
        ("--threads", "1000000", "error: --threads 1000000 is not within 1 to 1024"),
        (
            "--budget",
            "0",
            "error: invalid value '0' for '--budget <TIME>': `0` is no duration; write for example 90s, 15m or 1h",
        ),
        (
            "--budget",
            "soon",
            "error: invalid value 'soon' for '--budget <TIME>': `soon` is no duration; write for example 90s, 15m \
             or 1h",
        ),
        (
            "--timeout",
            "0s",
            "error: invalid value '0s' for '--timeout <TIME>': `0s` is no duration; write for example 90s, 15m or 1h",
        ),
        (
            "--timeout",
            "1e99h",
            "error: invalid value '1e99h' for '--timeout <TIME>': `1e99h` is no duration; write for example 90s, \
             15m or 1h",
        ),
        (
            "--memory-limit",
            "0",
            "error: invalid value '0' for '--memory-limit <SIZE>': `0` is no size; write for example 512MiB or 8GiB",
        ),
        (
            "--memory-limit",
            "all",
            "error: invalid value 'all' for '--memory-limit <SIZE>': `all` is no size; write for example 512MiB or \
             8GiB",
        ),
        ("--implementation", "", "error: --implementation is empty: write primitive or builtin"),
        (
            "--dataset",
            "fasion-mnist",
            "error: invalid value 'fasion-mnist' for '--dataset <NAME>': `fasion-mnist` is no data set; did you mean \
             fashion-mnist? (there are: auto, fashion-mnist, mnist, kmnist, emnist-balanced, emnist-digits, \
             emnist-letters, emnist-byclass, cifar10, synthetic, idx:DIR)",
        ),
    ] {
        let arguments = ["bench", "handwritten", "--out", folder.path().to_str().unwrap(), option, value];
        assert_eq!(first_line(&invoke(arguments).run().refusal()), expected);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn commands_that_lack_or_contradict_something_are_refused() {
    for (arguments, expected) in [
        (&["bench"] as &[&str], "error: the following required arguments were not provided:"),
        (&["check"], "error: the following required arguments were not provided:"),
        (&["bnech"], "error: unrecognized subcommand 'bnech'"),
        (&["bench", "all", "--fast"], "error: unexpected argument '--fast' found"),
        (&["data", "steal"], "error: invalid value 'steal' for '[ACTION]'"),
        (&["completions", "tcl"], "error: invalid value 'tcl' for '<SHELL>'"),
        (&["worker"], "error: `worker` is started by other commands only, such as `bench`: "),
    ] {
        let message = invoke(arguments).run().refusal();
        assert!(message.starts_with(expected), "{message}");
    }
    // Without a command there is help.
    assert!(invoke::<&str>([]).run().refusal().contains("Usage: trainmark <COMMAND>"));
}

/// Limits that are too low for any work are rows, since a machine may be slow.
#[test]
fn limits_that_are_too_low_are_named_in_the_row() {
    let out = tempfile::tempdir().unwrap();
    let finished = bench(out.path(), [hostile()]).args(["--memory-limit", "1MiB"]).run().expect(1);
    assert!(finished.stdout.contains("used more than its 1.0 MiB of memory during"), "{}", finished.stdout);
    let finished = bench(out.path(), [hostile()]).args(["--timeout", "1ms"]).run().expect(1);
    assert!(
        finished.stdout.contains("took longer than 0.001 s and was stopped (--timeout)"),
        "{}",
        finished.stdout
    );
}

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// The beginning of a gzip file.
const TORN_GZIP: [u8; 12] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1];

#[test]
fn a_data_folder_that_cannot_serve_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().to_str().unwrap();
    let out = tempfile::tempdir().unwrap();
    let refusal = |dataset: &str| {
        let run = invoke(["bench"]).args([hostile()]).args([
            "--workload",
            "softmax",
            "--quick",
            "--data-dir",
            shown,
        ]);
        run.args(["--dataset", dataset, "--out"]).args([out.path()]).run().refusal()
    };
    let missing = |files: &str| {
        format!(
            "error: {shown} (--data-dir) lacks {files}; run `trainmark data fetch --data-dir {shown}` to download \
             them there, or drop --data-dir\n"
        )
    };
    // A folder that was named is never passed over, not even by `auto`.
    for dataset in ["fashion-mnist", "auto"] {
        assert_eq!(refusal(dataset), missing(&FILES.join(", ")));
    }
    assert_eq!(
        refusal("synthetic"),
        "error: --dataset synthetic reads no files: drop --data-dir, or use --dataset fashion-mnist\n"
    );
    fs::write(folder.path().join(FILES[0]), TORN_GZIP).unwrap();
    let message = refusal("fashion-mnist");
    assert!(
        message.starts_with(&format!("error: {shown}/{}: expected gzip of 47040016 bytes", FILES[0])),
        "{message}"
    );
    let remedy =
        "; name another folder with --data-dir DIR, or move the file away and run `trainmark data fetch`\n";
    assert!(message.ends_with(remedy), "{message}");

    // The right length, but other bytes.
    let mut labels = TORN_GZIP.to_vec();
    labels.resize(5148, 7);
    fs::remove_file(folder.path().join(FILES[0])).unwrap();
    fs::write(folder.path().join(FILES[3]), labels).unwrap();
    let message = refusal("fashion-mnist");
    assert!(
        message.starts_with(&format!("error: {shown}/{}: expected gzip of 10008", FILES[3])),
        "{message}"
    );
    let message = invoke(["data", "--data-dir", shown]).run().expect(1).stdout;
    assert!(message.contains(FILES[3]) && message.contains("gzip"), "{message}");
}

#[test]
fn data_that_is_nowhere_is_an_error_where_it_was_asked_for() {
    let arguments = ["--workload", "softmax", "--quick", "--offline", "--dataset", "fashion-mnist"];
    let message = invoke(["bench"]).args([hostile()]).args(arguments).run().refusal();
    assert!(message.starts_with("error: fashion-mnist is not on this machine ("), "{message}");
    assert!(
        message.ends_with(
            "(cache): none of the four files) and --offline forbids downloading it; give its files with \
             --data-dir DIR, or use --dataset synthetic\n"
        ),
        "{message}"
    );
    assert_eq!(message.matches("is not on this machine").count(), 1, "{message}");
    let message = invoke(["data", "fetch"]).run().refusal();
    assert!(message.contains("error: cannot download train-images-idx3-ubyte.gz: "), "{message}");
    assert!(message.contains("(TRAINMARK_DATA_URL)"), "{message}");
}

#[test]
fn standard_error_that_takes_nothing_ends_no_command() {
    if !Path::new("/dev/full").exists() {
        return skip("/dev/full", "this system has none");
    }
    let folder = tempfile::tempdir().unwrap();
    let command = "cargo run -- data fetch --data-dir \"$FOLDER\" 2>/dev/full";
    shell(command).env("FOLDER", folder.path()).run().expect(2);
}
