use super::*;
use crate::example;

/// The page without the embedded CSV, which is tested by itself.
fn page(record: &Record) -> String {
    render(record, Some(&example::run_operations())).unwrap()
}

/// What the script draws in the places of a figure whose caption begins like this, in order.
fn drawn(html: &str, caption: &str) -> Vec<serde_json::Value> {
    let figures = html.split("<figure ").filter(|figure| figure.contains(&format!("<figcaption>{caption}")));
    let drawn = figures.filter_map(|figure| figure.split_once("data-drawn='")?.1.split('\'').next());
    drawn.map(|json| serde_json::from_str(json).unwrap()).collect()
}

/// The lines of the groups' curves.
fn lines(html: &str) -> serde_json::Value {
    let (_, rest) = html.split_once("id=\"lines\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The row of a cell.
fn row<'c>(chart: &'c serde_json::Value, name: &str) -> &'c serde_json::Value {
    chart["rows"].as_array().unwrap().iter().find(|row| row["label"] == name).unwrap()
}

#[test]
fn the_example_has_everything_in_order() {
    let html = page(&example::record());
    let places = [
        "<h1>20260131T130500-example</h1>",
        "load average 3.1 on 2 processors",
        "tch builtin is the fastest: 2.25 s [1.96, 2.58]",
        "lenet-bn reaches training accuracy 0.88 in 9 of 9 runs within 5 epochs, lenet in 0 of 6 runs.",
        "Training loss against epochs",
        "Training seconds per epoch</figcaption>",
        "Seconds per epoch against <span class=\"baseline\">tch builtin</span>",
        "0.938 s + 4 × 2.25 s = ",
        "id=\"cells-table\"",
        "id=\"runs-table\"",
        "differ by at most",
        "<h2 id=\"operations-title\">",
        "[95% interval of the median]",
        "tch, linear1: failed: was killed by SIGSEGV",
        "convolution 1→6 k5 of 1×28×28",
        "candle: measured with another library",
        "lenet-bn crashy&#x2f;primitive@cpu, seed 1: failed after 1 epoch",
        "no CUDA driver: install one",
        "worst: conv1.weight",
        "Example CPU at 3 GHz",
        "96.0 GFLOP&#x2f;s in float32 on 2 threads",
        "One training is one sample",
        "an epoch of lenet-bn, 101 GFLOP in convolutions and linear layers, takes 1.06 s",
        "cargo run -- bench all --seeds 3 --epochs 5",
        "id=\"data\"",
    ];
    let mut from = 0;
    for place in places {
        let found = html[from..].to_lowercase().find(&place.to_lowercase());
        from += found.unwrap_or_else(|| panic!("`{place}` is missing or out of order"));
    }
}

#[test]
fn a_page_while_the_benchmark_runs_warns_of_nothing_that_is_still_to_come() {
    let mut record = example::record_of_one_run();
    record.outcome = None;
    record.started.plan.audit = Some(true);
    let rest = words::Rest { runs: 17, audits: 6, seconds: 60.0 };
    let progress = words::Progress { unix_time: 0.0, done: 1, rest: Some(rest) };
    let html = render_so_far(&record, None, Some(&progress)).unwrap();
    for told in
        ["<title>1 of 18 runs · ", "<progress value=\"1\" max=\"18\"", "id=\"reload\"", "about 1 min 00 s"]
    {
        assert!(html.contains(told), "{told}");
    }
    let doubts = ["planned runs ended", "no run was audited"];
    assert!(doubts.iter().all(|doubt| !html.contains(doubt)));
    let html = page(&record);
    assert!(doubts.iter().all(|doubt| html.contains(doubt)) && !html.contains("id=\"reload\""));
}

#[test]
fn hostile_text_is_text_everywhere() {
    let mut record = example::record();
    let evil = example::HOSTILE;
    record.started.run_id = evil.to_owned();
    record.started.command = evil.to_owned();
    record.started.warnings = vec![evil.to_owned()];
    record.started.environment.cpu = evil.to_owned();
    record.started.plan.workloads[0].summary = evil.to_owned();
    record.started.plan.workloads[0].layers = vec![evil.to_owned()];
    record.started.unavailable[0].reason = evil.to_owned();
    for run in &mut record.runs {
        run.cell.backend = evil.to_owned();
        run.end.framework = Some(evil.to_owned());
        run.end.log = Some(evil.to_owned());
        run.end.log_tail = Some(evil.to_owned());
        let check = &mut run.end.conformance.as_mut().unwrap().checks[0];
        check.name = evil.to_owned();
        check.detail = evil.to_owned();
    }
    for cell in &mut record.started.plan.cells {
        cell.backend = evil.to_owned();
    }
    let mut of_run = example::run_operations();
    of_run.left_out.push(evil.to_owned());
    let operations = of_run.operations.as_mut().unwrap();
    operations.environment.cpu = evil.to_owned();
    operations.operations[0].summary = evil.to_owned();
    for cell in &mut operations.cells {
        cell.backend = evil.to_owned();
    }
    let html = render(&record, Some(&of_run)).unwrap();
    assert!(!html.contains("<script>alert") && !html.contains("<img"), "hostile markup came through");
    assert_eq!(html.matches("<script").count(), 3);
    assert_eq!(html.matches("</script").count(), 3);
    assert!(html.contains("&lt;script&gt;alert(1)"), "the text is shown");
}

#[test]
fn the_embedded_data_are_the_csv_files() {
    let record = example::record();
    let html = page(&record);
    let (_, rest) = html.split_once("id=\"data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    let files: std::collections::BTreeMap<String, String> = serde_json::from_str(json).unwrap();
    for (name, text) in csv::files(&record, Some(&example::run_operations())).unwrap() {
        assert_eq!(files[name], text);
    }
}

#[test]
fn a_page_beside_the_csv_files_leads_to_them() {
    let record = example::record();
    let of_run = example::run_operations();
    let names: Vec<_> =
        csv::files(&record, Some(&of_run)).unwrap().into_iter().map(|(name, _)| name).collect();
    let html = render_beside_tables(&record, Some(&of_run), names.clone()).unwrap();
    for name in names {
        assert!(html.contains(&format!("<a href=\"{name}\">")), "{name}");
    }
    assert!(!html.contains("id=\"data\""));
    let alone = page(&record);
    assert!(!alone.contains("href=\"summary.csv\"") && alone.len() > html.len());
}

#[test]
fn nothing_is_fetched() {
    let html = page(&example::record());
    for address in ["http://", "https://", "src=", "url(", "@import", "<link"] {
        let found = html.matches(address).count();
        // The example's hostile text has one, escaped, per place where it stands.
        let told = if address == "src=" { html.matches("img src=x onerror").count() } else { 0 };
        assert_eq!(found, told, "{address}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn both_themes_and_print_are_there() {
    let html = page(&example::record());
    for part in ["prefers-color-scheme: dark", "[data-theme=\"dark\"]", "@media print", "id=\"theme\""] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn identifiers_are_unique_and_references_exist() {
    let html = page(&example::record());
    let values = |attribute: &str| -> Vec<String> {
        let opening = format!(" {attribute}=\"");
        let parts = html.split(&opening).skip(1);
        parts.flat_map(|rest| rest.split('"').next().unwrap().split(' ').map(str::to_owned)).collect()
    };
    let ids = values("id");
    let unique: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id is there twice");
    for reference in values("aria-labelledby") {
        assert!(ids.contains(&reference), "no element has the id {reference}");
    }
    for reference in values("href") {
        assert!(ids.contains(&reference.trim_start_matches('#').to_owned()), "no section {reference}");
    }
}

#[test]
fn headings_never_skip_a_level() {
    let html = page(&example::record());
    let levels: Vec<u32> =
        html.match_indices("<h").filter_map(|(at, _)| html[at + 2..].chars().next()?.to_digit(10)).collect();
    assert_eq!(levels[0], 1);
    assert_eq!(levels.iter().filter(|&&level| level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn a_cell_shows_how_much_of_the_peak_it_reaches() {
    let mut record = example::record();
    let html = page(&record);
    for shown in [">Of the peak</th>", ">13 %</td></tr>", ">no ok run</td></tr>"] {
        assert!(html.contains(shown), "{shown}");
    }
    record.started.environment.peak = None;
    let html = page(&record);
    assert!(!html.contains("Of the peak") && !html.contains(" %</td></tr>"));
    assert!(html.contains("<dt>Peak</dt><dd>not measured</dd>") && !html.contains("At that rate"));
}

#[test]
fn a_graphics_processor_stands_with_what_a_run_took_of_it() {
    let html = page(&example::record_on_gpu());
    for shown in [
        ">Peak device memory</th>",
        ">600 MiB</td>",
        ">1234 J</td>",
        ">41 °C</td>",
        ">software thermal slowdown</td>",
        "<dt>Graphics processors</dt><dd>cuda:0: Example GPU, 16.0 GiB, compute capability 9.0, driver",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    let mut record = example::record();
    assert!(!page(&record).contains("Peak device memory"));
    record.started.environment.no_gpu = Some("no NVIDIA driver".to_owned());
    assert!(page(&record).contains("<dt>Graphics processors</dt><dd>none: no NVIDIA driver</dd>"));
}

#[test]
fn no_run_gives_words_instead_of_charts() {
    let mut record = example::record_of_one_run();
    record.runs.clear();
    let html = page(&record);
    assert!(!html.contains("<figure data-chart") && !html.contains("data-drawn="));
    for words in
        ["so there is no curve", "so there is no time", "No run began", "No run trained all its epochs"]
    {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn one_seed_needs_more_and_has_no_whisker() {
    let html = page(&example::record_of_one_run());
    let chart = drawn(&html, "Training seconds per epoch").remove(0);
    assert_eq!(chart["rows"][0]["after"], ", needs more seeds");
    assert!(!chart.to_string().contains("whisker"), "{chart}");
    assert!(html.contains("No interval of a cell by itself: that needs three seeds."));
    let mut record = example::record();
    let chart = drawn(&page(&record), "Training seconds per epoch").remove(0);
    assert!(!chart.to_string().contains("needs more seeds") && chart.to_string().contains("whisker"));
    record.runs.retain(|run| run.seed < 3);
    let chart = drawn(&page(&record), "Training seconds per epoch").remove(0);
    assert!(!chart.to_string().contains("needs more seeds"), "two seeds can be compared: {chart}");
}

#[test]
fn bars_begin_at_zero_however_close_the_times_are() {
    let chart = drawn(&page(&example::record()), "Training seconds per epoch").remove(0);
    for (name, median) in [("tch builtin", 2.25), ("handwritten primitive", 8.25)] {
        assert_eq!(row(&chart, name)["marks"][0], serde_json::json!({ "bar": [0.0, median, 0] }));
    }
    let failed = row(&chart, "crashy primitive");
    assert_eq!((&failed["value"], &failed["marks"]), (&"no time (3 failed)".into(), &serde_json::json!([])));
}

#[test]
fn the_whisker_of_a_target_spans_the_runs_that_reached_it() {
    let mut record = example::record();
    let cell = record.started.plan.cells[2].clone();
    let run = record.runs.iter_mut().find(|run| run.cell == cell && run.seed == 1).unwrap();
    run.epochs.iter_mut().for_each(|epoch| epoch.train_accuracy = Some(0.5));
    let html = page(&record);
    let chart = drawn(&html, "Time to").remove(0);
    let row = row(&chart, "tch builtin");
    // 9.75 and 10.125 s of training, from the second and third seed, after 0.1875 s of loading and opening.
    assert!(row["value"].as_str().unwrap().ends_with("(2 of 3)"), "{row}");
    let last = row["marks"].as_array().unwrap().last().unwrap();
    assert_eq!(*last, serde_json::json!({ "whisker": [9.9375, 10.3125] }));
}

#[test]
fn every_baseline_of_a_group_is_in_the_page() {
    let html = page(&example::record());
    let relative = &drawn(&html, "Seconds per epoch against")[0]["against"];
    for (baseline, subject, verdict) in [("2", "0", "slower"), ("0", "2", "faster")] {
        assert_eq!(relative[baseline][subject][3], verdict, "{relative}");
    }
    assert!(relative["2"]["2"].is_null() && relative["3"].is_null(), "itself, and one without a time");
    let product = relative["2"]["0"][0].as_f64().unwrap() * relative["0"]["2"][0].as_f64().unwrap();
    assert!((product - 1.0).abs() < 1e-4);
    assert_eq!(lines(&html)[0]["series"].as_array().unwrap().len(), 3, "the crashed cell has no curve");
}

#[test]
fn columns_that_say_the_same_everywhere_are_in_the_caption() {
    let html = page(&example::record());
    let (_, table) = html.split_once("<caption id=\"cells-table-caption\">").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    assert!(table.contains("; device cpu; threads 2</caption>"));
    assert!(!table.contains(">Device</th>") && table.contains(">Workload</th>"));
    assert!(table.contains("class=\"number extra\">Train loss</th>"));
}

#[test]
fn an_empty_plan_gives_a_page() {
    let mut record = example::record_of_one_run();
    record.runs.clear();
    record.started.plan.cells.clear();
    record.started.plan.workloads.clear();
    assert!(page(&record).contains("Nothing to compare"));
}

#[test]
fn one_epoch_of_one_seed_is_a_point() {
    let mut record = example::record_of_one_run();
    record.runs[0].epochs.truncate(1);
    let html = page(&record);
    let line = &lines(&html)[0]["series"][0];
    assert_eq!((&line["epochs"], &line["loss"].as_array().unwrap().len()), (&serde_json::json!([1]), &1));
    assert!(html.contains("first epochs, their warm-up included"));
}

#[test]
fn values_that_are_not_finite_leave_gaps_and_words() {
    let mut record = example::record_of_one_run();
    for epoch in example::epochs_of(&mut record) {
        epoch.train_loss = Some(f64::NAN);
        epoch.test_accuracy = None;
    }
    record.runs[0].epochs[2].train_accuracy = Some(f64::INFINITY);
    record.runs[0].end.first_batch_norm.as_mut().unwrap().gamma[1] = f32::NAN;
    let html = page(&record);
    assert_eq!(html.matches("No finite value was recorded").count(), 4);
    assert!(!html.contains("NaN") && !html.contains("\"inf"), "a number that is none was drawn");
    assert!(html.contains("not finite"));
}

/// As a forged message may say.
#[test]
fn an_epoch_of_a_high_number_is_one_epoch() {
    let mut record = example::record_of_one_run();
    record.runs[0].epochs[0].number = u32::MAX;
    let start = std::time::Instant::now();
    assert!(page(&record).contains("data-y=\"loss\""));
    assert!(start.elapsed().as_secs() < 10);
}

#[test]
fn operations_are_a_table_with_words_for_what_is_no_time() {
    let html = page(&example::record());
    let (_, section) = html.split_once("<section id=\"operations\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("<tr>")).collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn a_sweep_is_drawn_and_stands_in_tables() {
    let html = page(&example::record_of_a_sweep());
    let (_, section) = html.split_once("<section id=\"sweep\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    insta::assert_snapshot!(section);
    assert!(html.contains("<a href=\"#sweep\">") && !page(&example::record()).contains("#sweep"));
}

#[test]
fn a_run_without_operations_has_no_section_of_them() {
    let html = render(&example::record(), None).unwrap();
    for part in ["\"operations\"", "#operations", "operations.csv"] {
        assert!(!html.contains(part), "neither a section nor a link nor data: {part}");
    }
    let left_out = vec![example::HOSTILE.to_owned()];
    let of_run = RunOperations { operations: None, left_out };
    let html = render(&example::record(), Some(&of_run)).unwrap();
    assert!(html.contains("<h3>Left out</h3>") && !html.contains("operations.csv"));
    assert!(!html.contains("<script>alert") && !html.contains("<img"));
}

/// With `TRAINMARK_PAGES=DIR` the page stays there, to be looked at in a browser.
#[test]
fn the_page_is_written_beside_its_data() {
    let kept = std::env::var_os("TRAINMARK_PAGES").map(std::path::PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let folder = kept.as_deref().unwrap_or(temporary.path());
    crate::operations::write(folder, &example::operations()).unwrap();
    crate::write_all(folder, &example::record()).unwrap();
    let sweep = folder.join("sweep");
    std::fs::create_dir_all(&sweep).unwrap();
    crate::write_all(&sweep, &example::record_of_a_sweep()).unwrap();
    for name in ["epochs.csv", "runs.csv", "summary.csv", "operations.csv", "report.html"] {
        assert!(folder.join(name).metadata().unwrap().len() > 1000, "{name}");
    }
    let left = std::fs::read_dir(folder).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "tmp")
    });
    assert_eq!(left.count(), 0, "a temporary file was left behind");
}

#[test]
fn that_a_benchmark_was_continued_stands_beside_its_command() {
    let mut record = example::record();
    let page = |record: &Record| render(record, None).unwrap();
    assert!(!page(&record).contains("It was continued"));
    record.resumed = vec![1.0, 2.0];
    assert!(page(&record).contains("It was continued 2 times by `bench --resume`"));
    assert!(crate::formats::markdown::markdown(&record).contains(". It was continued 2 times"));
}
