//! Workloads from files: trained as the built-in ones are, refused with what is wrong, and never
//! held against another definition.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use trainmark_tests::{
    Finished, Invocation, Repository, RunFolder, handwritten, invoke, minimal_c, repository_root,
};

const MINE: &str = r#"name = "mine"
summary = "softmax regression at another rate"
dataset = "synthetic"
samples = 6000
input = "1×28×28"
layers = ["flatten", "linear 10"]
learning_rate = 0.2
batch_size = 100
epochs = 2
targets = { train_accuracy = 0.5 }
"#;

fn file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("mine.toml");
    fs::write(&path, text).unwrap();
    path
}

/// `bench` of one library, one seed, into a folder in `out`.
fn bench(out: &Path, library: &Path, workload: &Path) -> Invocation {
    invoke(["bench"])
        .args([library])
        .args(["--seeds", "1", "--no-audit", "--memory-limit", "8GiB", "--out"])
        .args([out])
        .args(["--workload"])
        .args([workload])
}

/// A finished benchmark of a workload's text.
fn benched(out: &Path, library: &Path, text: &str) -> RunFolder {
    fs::create_dir_all(out).unwrap();
    bench(&out.join("runs"), library, &file(out, text)).run().expect(0);
    RunFolder::only(&out.join("runs"))
}

fn workloads(folder: &RunFolder) -> Vec<Value> {
    folder.events()[0]["plan"]["workloads"].as_array().unwrap().clone()
}

#[test]
fn a_workload_of_ones_own_is_trained_recorded_and_reported() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let folder = benched(out.path(), library, MINE);
    folder.assert_complete(1, 2);
    let row = &folder.rows("summary.csv")[0];
    assert_eq!((&*row["workload"], &*row["dataset"]), ("mine", "synthetic"));
    let info = &workloads(&folder)[0];
    assert_eq!((&info["samples"], &info["batch_size"]), (&6000.into(), &100.into()));
    assert_eq!(info["definition"].as_str().unwrap().len(), 64);
    let ended = folder.events().into_iter().find(|event| event["event"] == "ended").unwrap();
    let checks = ended["conformance"]["checks"].as_array().unwrap().clone();
    let curve = checks.iter().find(|check| check["name"] == "learning curve").unwrap();
    assert_eq!(curve["detail"], "not judged: no band for mine");
    assert!(folder.read("report.html").contains("softmax regression at another rate"));

    // It is continued without the file, whole as the request has it.
    fs::remove_file(out.path().join("mine.toml")).unwrap();
    invoke(["bench", "--offline", "--resume"]).args([&folder.path]).run().expect(0);
    let request = fs::read_to_string(folder.path.join("request.json")).unwrap();
    fs::write(
        folder.path.join("request.json"),
        request.replace("learning_rate = 0.2", "learning_rate = 0.3"),
    )
    .unwrap();
    let message = invoke(["bench", "--resume"]).args([&folder.path]).run().refusal();
    assert_eq!(
        message,
        "error: cannot resume: mine is another training now than in the run: learning rate 0.2 and 0.3; start a new run\n"
    );
}

#[test]
fn two_definitions_of_one_name_are_not_held_against_each_other() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let one = benched(&out.path().join("one"), library, MINE);
    // What nothing in a record but the definition tells of.
    let other = benched(&out.path().join("other"), library, &format!("{MINE}[tolerances]\nloss = 0.5\n"));
    let [first, second] =
        [&one, &other].map(|folder| workloads(folder)[0]["definition"].as_str().unwrap()[..12].to_owned());
    let compared = invoke(["compare"]).args([&one.path, &other.path]).run().refusal();
    let what = format!("definition {first}… and {second}…");
    assert!(compared.contains(&format!("mine is another training in B than in A: {what}")), "{compared}");
    let merged =
        invoke(["merge"]).args([out.path().join("both")]).args([&one.path, &other.path]).run().refusal();
    assert!(merged.contains(&format!("differ in mine: {what}")), "{merged}");

    // Nor in one benchmark.
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(name).join("mine.toml"));
    for (path, text) in paths.iter().zip([MINE, &MINE.replace("0.2", "0.3")]) {
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let both = format!("{},{}", paths[0].display(), paths[1].display());
    let message = bench(folder.path(), library, Path::new(&both)).run().refusal();
    assert_eq!(
        message,
        format!(
            "error: {} and {} both are the workload `mine`, and define it differently: give one another name\n",
            paths[0].display(),
            paths[1].display()
        )
    );
}

#[test]
fn a_file_with_a_built_in_name_is_called_what_it_is_and_has_no_band() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let folder = benched(out.path(), library, &MINE.replace("\"mine\"", "\"softmax\""));
    let name = "softmax (learning rate 0.2, batch size 100, 6000 samples)";
    assert_eq!(workloads(&folder)[0]["name"], name);
    assert_eq!(folder.rows("runs.csv")[0]["workload"], name);
    // A copy of a built-in one is that one.
    let copy = invoke(["inspect", "softmax", "--toml"]).run().expect(0).stdout;
    let path = file(out.path(), &copy);
    let shown = invoke(["inspect"]).args([&path]).run().expect(0).stdout;
    assert_eq!(shown, invoke(["inspect", "softmax"]).run().expect(0).stdout);
    let folder = benched(&out.path().join("copy"), library, &copy);
    assert_eq!(workloads(&folder)[0]["name"], "softmax");
}

fn refused(text: &str) -> String {
    let Some(library) = minimal_c() else { return String::new() };
    let out = tempfile::tempdir().unwrap();
    let path = file(out.path(), text);
    let runs = out.path().join("runs");
    let message = bench(&runs, library, &path).run().refusal();
    assert!(!runs.join("latest").exists(), "nothing was begun");
    message.replace(&path.display().to_string(), "mine.toml")
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_begun() {
    if minimal_c().is_none() {
        return;
    }
    let changes = [
        ("learning_rate", "lerning_rate"),
        ("\"flatten\", ", ""),
        ("1×28×28", "3×300×300"),
        ("linear 10", "linear 9"),
        ("samples = 6000", "samples = 70000"),
        ("samples = 6000", "samples = 50"),
        ("\"linear 10\"", "\"linear 2000000\", \"linear 2000\", \"linear 10\""),
    ];
    let mut messages = String::new();
    for (from, to) in changes {
        messages += &refused(&MINE.replace(from, to));
    }
    insta::assert_snapshot!("workloads-refused", messages);
    let nowhere = invoke(["inspect", "./nowhere.toml"]).run().refusal();
    assert_eq!(
        nowhere,
        "error: cannot read the workload ./nowhere.toml: No such file or directory (os error 2)\n"
    );
}

/// However long a file is and whatever it holds, the answer is a line, at once.
#[test]
fn nonsense_is_answered_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = 1_u32;
    let bytes = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    });
    let bytes: Vec<u8> = bytes.take(1 << 20).collect();
    let text =
        |length: usize| bytes[..length].iter().map(|byte| char::from(32 + byte % 95)).collect::<String>();
    for nonsense in [
        bytes.clone(),
        bytes[..1 << 18].to_vec(),
        text(1 << 20).into(),
        text(1 << 18).into(),
        "[".repeat(1 << 18).into(),
    ] {
        let path = folder.path().join("nonsense.toml");
        fs::write(&path, nonsense).unwrap();
        let start = Instant::now();
        let message = invoke(["inspect"]).args([&path]).run().refusal();
        assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
        assert!(
            message.starts_with("error: ") && message.lines().count() == 1 && message.len() < 600,
            "{message}"
        );
    }
}

fn checked(text: &str) -> Finished {
    let repository = Repository::new();
    let path = file(repository.path(), text);
    repository.invoke(["check"]).args([handwritten()]).args(["--workload"]).args([path]).run()
}

#[test]
fn a_network_of_a_single_layer_and_one_of_sixty_are_answered() {
    let deep = format!("\"flatten\", {}\"linear 10\"", "\"linear 20\", \"tanh\", ".repeat(29));
    let finished = checked(&MINE.replace("\"flatten\", \"linear 10\"", &deep)).expect(0);
    assert!(finished.stdout.contains("passed all"), "{}", finished.stdout);
    let message = checked(&MINE.replace("\"flatten\", ", "")).refusal();
    assert!(message.contains("layer 0 (linear): it takes a vector"), "{message}");
    let message = checked(&MINE.replace(", \"linear 10\"", "")).refusal();
    assert_eq!(
        message,
        "error: workload mine: none of its layers has parameters, so that there is nothing to train\n"
    );
}

/// What dropout leaves out is seen in the check; the audit trains without it. A backend that lacks
/// it is a row.
#[test]
fn a_network_with_dropout_is_checked_trained_and_audited() {
    let Some(minimal) = minimal_c() else { return };
    let text = MINE.replace("\"linear 10\"", "\"linear 32\", \"relu\", \"dropout 0.5\", \"linear 10\"");
    let finished = checked(&text).expect(0);
    let seen = finished.stdout.lines().filter(|line| line.starts_with("  ok   dropout 0.5: ")).count();
    assert!(seen == 6 && finished.stdout.contains("passed all 29"), "{}", finished.stdout);

    let repository = Repository::new();
    let path = file(repository.path(), &text);
    let runs = repository.path().join("runs");
    let bench = repository.invoke(["bench"]).args([handwritten()]).args([minimal]).args([
        "--seeds",
        "1",
        "--workload",
    ]);
    bench.args([path]).args(["--out"]).args([&runs]).run().expect(0);
    let folder = RunFolder::only(&runs);
    let outcome_of = |backend: &str| {
        let row = folder.rows("runs.csv").into_iter().find(|row| row["backend"] == backend).unwrap();
        row["outcome"].to_owned()
    };
    assert_eq!([outcome_of("handwritten"), outcome_of("minimal-c")], ["ok", "unsupported"]);
    let audited = folder.events().into_iter().find(|event| event["event"] == "audited").unwrap();
    let checks = audited["checks"].as_array().unwrap();
    assert!(!checks.is_empty() && checks.iter().all(|check| check["passed"] == true), "{checks:?}");
}

const SWEEP: [&str; 8] = [
    "--workload",
    "softmax",
    "--dataset",
    "synthetic",
    "--learning-rate",
    "0.1,0.2",
    "--batch-size",
    "100,256",
];

#[test]
fn lists_of_values_are_cells_of_the_same_rounds() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--samples", "3000", "--quick", "--no-audit", "--out"];
    invoke(["bench"]).args([library]).args(SWEEP).args(arguments).args([out.path()]).run().expect(0);
    let folder = RunFolder::only(out.path());
    let runs = folder.rows("runs.csv");
    assert!(runs.len() == 4 && runs.iter().all(|row| row["outcome"] == "ok"), "{runs:?}");
    assert_eq!(folder.count("round"), 1);
    let names: Vec<String> = workloads(&folder).iter().map(|info| info["name"].to_string()).collect();
    let expected = [
        "\"softmax (batch size 100, 3000 samples)\"",
        "\"softmax (3000 samples)\"",
        "\"softmax (learning rate 0.2, batch size 100, 3000 samples)\"",
        "\"softmax (learning rate 0.2, 3000 samples)\"",
    ];
    assert_eq!(names, expected);
    let accuracy = |row: &trainmark_tests::Row| row["train_loss"].to_string();
    let losses: std::collections::HashSet<String> = folder.rows("epochs.csv").iter().map(accuracy).collect();
    assert_eq!(losses.len(), 4, "each is trained in its own way");
    invoke(["check"]).args([library]).args(SWEEP).run().expect(0);
}

/// Several numbers of threads are cells that are held against each other in nothing but their speed.
#[test]
fn each_number_of_threads_is_a_cell() {
    let out = tempfile::tempdir().unwrap();
    let repository = Repository::new().library("handwritten", &handwritten());
    let bench = |name: &str, threads: &str| {
        let place = out.path().join(name);
        let of_threads =
            ["--threads", threads, "--epochs", "2", "--seeds", "3", "--no-audit", "--samples", "2560"];
        let arguments = ["--dataset", "synthetic", "--workload", "lenet", "--budget", "10m", "--out"];
        let bench = repository.invoke(["bench", "handwritten"]).args(of_threads).args(arguments);
        let finished = bench.args([&place]).run().expect(0);
        (RunFolder::only(&place), finished)
    };
    let (folder, finished) = bench("both", "1,2");
    let runs = folder.rows("runs.csv");
    let of = |threads: &str| runs.iter().filter(|row| row["threads"] == threads).count();
    assert_eq!((of("1"), of("2"), folder.count("round")), (3, 3, 3));
    for name in
        ["(2560 samples) handwritten/none@cpu, 1 thread", "(2560 samples) handwritten/none@cpu, 2 threads"]
    {
        assert!(finished.stderr.contains(name), "{}", finished.stderr);
    }
    assert!(finished.stdout.contains("(2560 samples) on synthetic, cpu, 2 threads"), "{}", finished.stdout);
    let logs = fs::read_dir(folder.path.join("logs")).unwrap();
    let logs: Vec<String> = logs.map(|log| log.unwrap().file_name().to_string_lossy().into_owned()).collect();
    for part in ["-handwritten-none-cpu-1-", "-handwritten-none-cpu-2-"] {
        assert!(logs.iter().any(|log| log.contains(part)), "{logs:?}");
    }
    let path = folder.path.display().to_string();
    let json = invoke(["report", &path, "--format", "json"]).run().expect(0).stdout;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["comparisons"].as_array().unwrap().len(), 0, "they do not compete");
    let quantities: Vec<&str> =
        report["sweeps"].as_array().unwrap().iter().map(|one| one["quantity"].as_str().unwrap()).collect();
    assert_eq!(quantities, ["speed_up", "train_seconds"]);
    let points = report["sweeps"][0]["lines"][0]["points"].as_array().unwrap();
    assert_eq!((&points[0]["at"], &points[0]["told"]), (&1.0.into(), &"1.00×".into()));
    assert!(points[1]["value"]["median"].as_f64().unwrap() > 0.0);

    // Held against a run of one number, each cell finds its own.
    let (one, _) = bench("one", "1");
    let compared =
        invoke(["compare", &path, &one.path.display().to_string(), "--format", "json"]).run().expect(0);
    let compared: Value = serde_json::from_str(&compared.stdout).unwrap();
    let cells = compared["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 1);
    assert_eq!(cells[0]["cell"]["threads"], 1);
    let merged = out.path().join("merged");
    let both = [format!("laptop={path}"), format!("server={}", one.path.display())];
    invoke(["merge", &merged.display().to_string()]).args(both).run().expect(0);
}

#[test]
fn a_sweep_of_many_cells_is_asked_back() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let rates = (1..=101).map(|rate| rate.to_string()).collect::<Vec<_>>().join(",");
    let sweep = |more: &[&str]| {
        invoke(["bench"])
            .args([library])
            .args([
                "--workload",
                "softmax",
                "--dataset",
                "synthetic",
                "--quick",
                "--learning-rate",
                &rates,
                "--out",
            ])
            .args([out.path()])
            .args(more.iter().copied())
    };
    assert_eq!(
        sweep(&[]).run().refusal(),
        "error: this is a sweep of 101 cells at the least (101 workloads, 1 backend): their checks alone take about \
         8 min 25 s, beside an epoch of each and the time budget; with --yes it is begun\n"
    );
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing was begun");
    let check = ["--workload", "softmax", "--dataset", "synthetic", "--learning-rate", &rates];
    assert_eq!(
        invoke(["check"]).args([library]).args(check).run().refusal(),
        "error: this is a sweep of 101 cells at the least (101 workloads, 1 backend): their checks take about \
         8 min 25 s; with --yes it is begun\n"
    );
    for (option, value, expected) in [
        ("--workload", "softmax,", "an empty word names no workload; `inspect` lists those"),
        ("--learning-rate", "0", "`0` is no learning rate; write a number above 0, such as 0.1"),
        ("--learning-rate", "0.1,fast", "`fast` is no learning rate; write a number above 0, such as 0.1"),
        ("--learning-rate", "0.1,1e39", "1e39 is infinite in float32, in which backends compute"),
        ("--batch-size", "0", "0 is not in 1..=1048576"),
        ("--samples", "0", "0 is not in 1..=4294967295"),
    ] {
        let message = invoke(["bench"]).args([library]).args([option, value]).run().refusal();
        assert!(message.contains(expected), "{message}");
    }
}

/// The page's example, and the mistakes that it shows.
#[test]
fn the_page_is_right() {
    let page = fs::read_to_string(repository_root().join("docs/workloads.md")).unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shown = |text: &str| {
        file(folder.path(), text);
        invoke(["inspect", "./mine.toml"]).current_dir(folder.path()).run()
    };
    let written = shown(example).expect(0).stdout;
    assert!(written.starts_with("two-layers: a fully connected network of two layers\n"), "{written}");
    for (from, to) in [("linear 64", "liner 64"), ("    \"flatten\",\n", "")] {
        let message = shown(&example.replacen(from, to, 1)).refusal();
        let message = message.trim_start_matches("error: ./").split(" (there are").next().unwrap();
        let message = message.split(" (docs/").next().unwrap();
        assert!(page.contains(&format!("    {message}\n")), "{message}");
    }
    for key in [
        "loss",
        "gradients",
        "running_statistics",
        "logits",
        "independence",
        "trajectory",
        "epoch",
        "audit",
        "audit_loss",
        "logit_margin",
    ] {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}
