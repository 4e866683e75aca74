//! Graphics adapters that a backend finds by itself, such as `wgpu:0`.

use trainmark_tests::{Repository, RunFolder, bench, hostile, manifest};

const SOFTWARE: &str = "cpu,wgpu:0~llvmpipe (LLVM 15.0.6),wgpu:1=no more adapters";

#[test]
fn a_software_renderer_is_labelled_and_no_graphics_processor() {
    let out = tempfile::tempdir().unwrap();
    let invocation = bench(out.path(), [hostile()]).args(["--device", "wgpu"]);
    let finished = invocation.env("TRAINMARK_HOSTILE_DEVICES", SOFTWARE).run().expect(0);
    let folder = RunFolder::only(out.path());
    let rows = folder.rows("summary.csv");
    let devices: Vec<&str> = rows.iter().map(|row| &*row["device"]).collect();
    assert_eq!(devices, ["wgpu:0"]);
    let started: serde_json::Value =
        serde_json::from_str(folder.read("events.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(
        started["environment"]["adapters"],
        serde_json::json!([{
            "backend": "hostile",
            "device": "wgpu:0",
            "name": "llvmpipe (LLVM 15.0.6)",
            "is_software": true,
        }])
    );
    let report = folder.read("report.html");
    for text in [
        "softmax on wgpu:0 (software renderer)",
        "hostile@wgpu:0 is llvmpipe (LLVM 15.0.6), a software renderer: the processor computes",
        "Only software renderers were timed, which compute on the processor",
    ] {
        assert!(report.contains(text), "{text}");
    }
    assert!(finished.stdout.contains("Only software renderers were timed"), "{}", finished.stdout);
    let unavailable = folder.rows("runs.csv").into_iter().find(|row| row["device"] == "wgpu:1").unwrap();
    assert_eq!((&*unavailable["outcome"], &*unavailable["reason"]), ("unavailable", "no more adapters"));
}

/// Whatever it lacks, a loader, a driver or an adapter that computes right, the row is the reason.
#[test]
fn a_machine_without_an_adapter_of_use_is_a_row_with_the_reason() {
    for reason in ["Vulkan lists no adapter: install a driver", "llvmpipe (LLVM 15.0.6): it computes wrongly"]
    {
        let out = tempfile::tempdir().unwrap();
        let devices = format!("cpu,wgpu:0={reason}");
        let invocation = bench(out.path(), [hostile()]).args(["--device", "cpu,wgpu"]);
        let finished = invocation.env("TRAINMARK_HOSTILE_DEVICES", devices).run().expect(0);
        assert!(
            finished.stderr.contains(&format!("hostile@wgpu:0: unavailable: {reason}\n")),
            "{finished:?}"
        );
        let rows = RunFolder::only(out.path()).rows("runs.csv");
        let of_wgpu = rows.iter().find(|row| row["device"] == "wgpu:0").unwrap();
        assert_eq!((&*of_wgpu["outcome"], &*of_wgpu["reason"]), ("unavailable", reason));
        assert!(rows.iter().any(|row| row["device"] == "cpu" && row["outcome"] == "ok"));
    }
}

#[test]
fn one_of_several_adapters_is_asked_for_by_its_name() {
    let copy = format!(r#"cp "{}" "$CARGO_TARGET_DIR"/made.so"#, hostile().display());
    let text = manifest("hostile", &copy, "sh").replace(r#"["cpu"]"#, r#"["cpu", "wgpu"]"#);
    let repository = Repository::new().backend("hostile", &text);
    let devices = "cpu,wgpu:0~Example GPU,wgpu:1~Other GPU";
    let checked = repository
        .invoke(["check", "hostile@wgpu:1", "--workload", "softmax", "--dataset", "synthetic"])
        .env("TRAINMARK_HOSTILE_DEVICES", devices)
        .run()
        .expect(0);
    assert!(checked.stdout.contains("wgpu:1"), "{}", checked.stdout);
    assert!(!checked.stdout.contains("wgpu:0"), "{}", checked.stdout);
    let listed = repository.invoke(["list"]).env("TRAINMARK_HOSTILE_DEVICES", devices).run().expect(0).stdout;
    assert!(listed.contains("wgpu:0     available, Example GPU\n"), "{listed}");
}

/// So that what takes long to build for a few is not built for all.
#[test]
fn a_library_that_is_no_default_is_built_where_its_device_is_named() {
    let copy = |to: &str| format!(r#"cp "{}" "$CARGO_TARGET_DIR"/{to}.so"#, hostile().display());
    let of_cpu = manifest("hostile", &copy("made"), "sh");
    let (_, artifact) = of_cpu.split_once("[[artifact]]").unwrap();
    let of_wgpu = artifact.replace("made", "other").replace(r#"["cpu"]"#, "[\"wgpu\"]\ndefault = false");
    let repository = Repository::new().backend("hostile", &format!("{of_cpu}[[artifact]]{of_wgpu}"));
    let checked = |backend: &str| {
        repository
            .invoke(["check", backend, "--workload", "softmax", "--dataset", "synthetic"])
            .env("TRAINMARK_HOSTILE_DEVICES", "cpu,wgpu:0~Example GPU")
            .run()
            .expect(0)
            .stdout
    };
    let other = repository.path().join("target/backends/hostile/other.so");
    checked("hostile@cpu");
    checked("hostile");
    assert!(!other.exists());
    let listed = repository.invoke(["list"]).run().expect(0).stdout;
    let unbuilt = "\n  wgpu: not built yet; where wgpu is named, `bench` and `check` build it\n";
    assert!(listed.contains(unbuilt), "{listed}");
    let stdout = checked("hostile@wgpu:0");
    assert!(stdout.contains("wgpu:0"), "{stdout}");
    assert!(other.exists());
}
