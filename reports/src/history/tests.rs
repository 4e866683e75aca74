use std::path::PathBuf;

use super::measured::Digest;
use super::{Check, Confirmation, History, grids, html, json, markdown, notes, sentences};
use crate::collection::{CollectedRun, Collection, Disputed};
use crate::example;
use crate::record::{Build, Cell, MergedRun, Purpose, Record, Role};

const DAY: f64 = 86_400.0;

/// Between −½ and ½.
fn noise(day: usize, salt: u64) -> f64 {
    let mut bits =
        (day as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// The example's run of a day: `handwritten` is the control, and runs differ by ±1%.
fn night(day: usize) -> Record {
    let mut record = example::record();
    record.started.roles.insert("handwritten".to_owned(), Role::Ceiling);
    record.started.run_id = format!("night-{day}");
    record.started.unix_time += DAY * day as f64;
    for (place, run) in record.runs.iter_mut().enumerate() {
        let factor = 1.0 + 0.02 * noise(day, place as u64);
        run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
    }
    record
}

/// Makes a cell's runs take so many times as long, with another library.
fn with_build(record: &mut Record, backend: &str, factor: f64, library: &str) {
    for run in record.runs.iter_mut().filter(|run| run.cell.backend == backend) {
        run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
        run.end.library_hash = Some(library.repeat(32));
    }
}

fn history(records: impl IntoIterator<Item = Record>) -> History {
    let runs = records.into_iter().map(|record| CollectedRun {
        path: PathBuf::from(&record.started.run_id),
        record: Digest::of(&record),
    });
    History::of(Collection { runs: runs.collect(), ..Collection::default() })
}

fn nights(days: usize, change: impl Fn(usize, &mut Record)) -> History {
    history((0..days).map(|day| {
        let mut record = night(day);
        change(day, &mut record);
        record
    }))
}

/// A build of `tch` that is slower from the thirtieth night on.
fn slower(day: usize, record: &mut Record) {
    if day >= 30 {
        with_build(record, "tch", 1.1, "ef");
    }
}

fn places(history: &History) -> Vec<(String, usize)> {
    history.steps().map(|(series, step)| (series.name.clone(), step.found.at)).collect()
}

const TCH: [&str; 3] = ["lenet tch/none@cpu", "lenet-bn tch/builtin@cpu", "lenet-bn tch/primitive@cpu"];

fn of_tch(at: usize) -> Vec<(String, usize)> {
    TCH.iter().map(|name| ((*name).to_owned(), at)).collect()
}

#[test]
fn a_slower_build_is_a_step_of_each_of_its_cells() {
    let history = nights(60, slower);
    assert_eq!(places(&history), of_tch(30));
    let (series, step) = history.steps().next().unwrap();
    assert!(step.is_slower() && step.found.ratio.low > 1.08 && step.found.ratio.high < 1.12, "{step:?}");
    assert_eq!(step.libraries, Some(["cd".repeat(32), "ef".repeat(32)]));
    assert_eq!(step.confirmation, Confirmation::NotYet);
    assert_eq!((series.control.as_str(), series.points.len()), ("handwritten/none", 60));
    assert_eq!(history.controls.len(), 2);
    insta::assert_snapshot!(sentences(&history).join("\n"));
}

#[test]
fn what_a_machine_does_to_all_is_drift_and_no_step() {
    let history = nights(60, |day, record| {
        let factor = if day >= 30 { 1.3 } else { 1.0 };
        example::epochs_of(record).for_each(|epoch| epoch.train_seconds *= factor);
    });
    assert_eq!(places(&history), []);
    assert_eq!(sentences(&history), ["No step in 3 series of 60 runs."]);
    let drift = &grids(&history)[1];
    assert!(drift.title.starts_with("Drift of the machine"), "{}", drift.title);
    assert!(drift.rows[0][5].starts_with("1"), "{:?}", drift.rows);
}

#[test]
fn machines_trainings_and_controls_are_never_one_line() {
    let mixed = nights(24, |day, record| {
        let place = day % 4;
        record.started.environment.logical_cpus = if place == 1 { 64 } else { 2 };
        record.started.plan.dataset.fingerprint = if place == 2 { "12" } else { "ab" }.repeat(32);
        if place == 3 {
            with_build(record, "handwritten", 0.5, "98");
        }
    });
    assert_eq!(mixed.series.len(), 4 * 3);
    assert!(mixed.series.iter().all(|series| series.points.len() == 6 && series.steps.is_empty()));
    assert_eq!(mixed.machines().len(), 2);
    let mut names: Vec<String> = mixed.series.iter().map(|series| mixed.full_name(series)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 12, "{names:#?}");
    assert!(
        names.iter().any(|name| name.contains("lenet tch/none@cpu (fashion-mnist 12121212)")),
        "{names:#?}"
    );
    assert!(names.iter().any(|name| name.contains("over handwritten/none 989898989898…")), "{names:#?}");
}

#[test]
fn without_a_control_or_a_time_a_cell_is_named_with_the_reason() {
    let alone = nights(2, |_, record| record.started.roles.clear());
    assert!(alone.series.is_empty());
    assert!(sentences(&alone)[0].starts_with("No series: "));
    let told = notes(&alone);
    let line = "in no series: lenet tch/none@cpu in 2 runs: no control with a time ran beside it";
    assert!(told.iter().any(|note| note == line), "{told:#?}");
    let crashed = "in no series: lenet-bn crashy/primitive@cpu in 2 runs: no run of it counts";
    assert!(told.iter().any(|note| note == crashed), "{told:#?}");
}

#[test]
fn a_step_that_repeats_explain_is_within_the_floor() {
    let noisy = |day: usize, record: &mut Record| {
        slower(day, record);
        let sample = record.runs[0].clone();
        record.runs.push(example::again(&sample, Purpose::Repeat, 1.2));
    };
    assert_eq!(places(&nights(60, noisy)), []);
}

#[test]
fn what_changed_is_told_and_the_nearest_library_is_the_cause() {
    let history = nights(60, |day, record| {
        if day >= 30 {
            with_build(record, "tch", 1.1, "cd");
            record.started.environment.kernel = "6.13.0".to_owned();
        }
    });
    let (_, step) = history.steps().next().unwrap();
    assert_eq!((step.libraries.clone(), &step.confirmation), (None, &Confirmation::SameLibrary));
    let told = &sentences(&history)[1];
    assert!(told.contains("There changed: system Debian GNU/Linux 13, kernel 6.12.0 → "), "{told}");
    let late = nights(60, |day, record| match day {
        0..30 => {}
        30 => with_build(record, "tch", 1.1, "cd"),
        _ => with_build(record, "tch", 1.1, "ef"),
    });
    let (_, step) = late.steps().next().unwrap();
    assert_eq!((step.found.at, step.cause_at, step.libraries.is_some()), (30, 31, true));
    assert!(sentences(&late)[1].contains("1 run after that changed: library cdcdcdcdcdcd… → "));
}

/// Two builds of `tch` in the same rounds, the head so many times as slow.
fn two_builds(day: usize, factor: f64) -> Record {
    let mut record = night(day);
    record.started.run_id = "two-builds".to_owned();
    let head: Vec<_> = record.runs.iter().filter(|run| run.cell.backend == "tch").cloned().collect();
    let build = |cell: &mut Cell, build: Build| cell.backend = build.of("tch");
    for run in record.runs.iter_mut().filter(|run| run.cell.backend == "tch") {
        build(&mut run.cell, Build::Base);
    }
    for mut run in head {
        build(&mut run.cell, Build::Head);
        run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
        run.end.library_hash = Some("ef".repeat(32));
        record.runs.push(run);
    }
    record.started.plan.cells = Vec::new();
    record
}

#[test]
fn both_libraries_in_the_same_rounds_confirm_a_step_or_refute_it() {
    let with = |factor: f64| {
        let nights = (0..60).map(|day| {
            let mut record = night(day);
            slower(day, &mut record);
            record
        });
        history(nights.chain([two_builds(60, factor)]))
    };
    let shown = with(1.1);
    assert_eq!(places(&shown), of_tch(30), "the two builds are no points of a series");
    assert!(shown.steps().all(|(_, step)| matches!(step.confirmation, Confirmation::Shown { run: 60, .. })));
    let told = &sentences(&shown)[1];
    assert!(told.contains(" Both libraries in the same rounds show it: 1.100× ["), "{told}");
    assert!(told.ends_with("] in 3 rounds of two-builds."), "{told}");
    let refuted = with(1.0);
    assert!(refuted.steps().all(|(_, step)| step.is_refuted()));
    let check = |history: &History| Check::of(history, "slower:5%".parse().unwrap(), None).passed();
    assert!(check(&refuted), "the library is not to blame");
}

#[test]
fn the_check_fails_for_what_is_recent_and_stands() {
    let limit = |text: &str| text.parse().unwrap();
    let recent = nights(40, slower);
    let check = Check::of(&recent, limit("slower:5%"), None);
    assert_eq!((check.passed(), check.slower.len(), check.judged), (false, 3, 3));
    insta::assert_snapshot!(check.lines().join("\n"));
    assert!(Check::of(&recent, limit("slower:15%"), None).passed());
    let wide = Check::of(&recent, limit("slower:10%"), None);
    assert!(wide.passed() && wide.undecided.len() == 3, "{:?}", wide.lines());
    let old = nights(70, slower);
    assert!(Check::of(&old, limit("slower:5%"), None).passed(), "told long ago");
    // The example begins on 2026-01-31.
    assert!(!Check::of(&old, limit("slower:5%"), Some("2026-02-01".parse().unwrap())).passed());
    assert!(Check::of(&old, limit("slower:5%"), Some("2026-03-05".parse().unwrap())).passed());
    assert!("yesterday".parse::<super::Since>().unwrap_err().starts_with("`yesterday` is no day"));
    let undone = nights(60, |day, record| {
        if (42..50).contains(&day) {
            with_build(record, "tch", 1.1, "ef");
        }
    });
    assert_eq!(undone.steps().count(), 6);
    assert!(Check::of(&undone, limit("slower:5%"), None).passed(), "a faster step came after it");
}

#[test]
fn a_check_that_cannot_fail_is_none() {
    let limit = "slower:5%".parse().unwrap();
    // The last run is of 2026-03-01.
    let steep = nights(30, |day, record| {
        if day >= 22 {
            with_build(record, "tch", 1.1, "ef");
        }
    });
    let since = |day: &str| day.parse::<super::Since>().unwrap();
    assert_eq!(since("2026-03-01").check_reached(&steep), Ok(()));
    insta::assert_snapshot!(since("2026-03-02").check_reached(&steep).unwrap_err(), @"no run is as late as --since 2026-03-02, so that nothing could be found slower: the last one, night-29, began on 2026-03-01 13:05 UTC");
    let enough = Check::of(&steep, limit, Some(since("2026-02-20")));
    assert!(!enough.passed() && enough.judged == 3, "{:?}", enough.lines());
    // A step needs three runs on its either side.
    let late = Check::of(&steep, limit, Some(since("2026-02-28")));
    assert!(!late.passed(), "{:?}", late.lines());
    assert_eq!(late.lines()[0], "not judged: lenet tch/none@cpu: 2 of at least 3 runs since 2026-02-28");
    assert_eq!(late.lines()[3], "failed: no series could be judged, so that nothing was checked");
    let rare = nights(40, |day, record| {
        if !(day < 20 || day == 39) {
            record.runs.retain(|run| run.cell.backend != "tch");
        }
    });
    let rare = Check::of(&rare, limit, None);
    let told = "not judged: lenet tch/none@cpu: 1 of at least 3 runs among the last 20 on its machine";
    assert!(!rare.passed() && rare.lines()[0] == told, "{:?}", rare.lines());
}

#[test]
fn steps_of_one_series_add_up_and_cancel() {
    let at = |levels: &'static [(usize, f64)]| {
        nights(60, move |day, record| {
            let level = levels.iter().rev().find(|(from, _)| day >= *from);
            let letters = ["ef", "12", "34", "56"];
            if let Some((from, factor)) = level {
                with_build(record, "tch", *factor, letters[from % 4]);
            }
        })
    };
    let check = |history: &History| {
        let check = Check::of(history, "slower:6%".parse().unwrap(), Some("2026-02-01".parse().unwrap()));
        let of_lenet = check.lines().into_iter().find(|line| line.starts_with("failed: lenet tch/"));
        (check.passed(), of_lenet.unwrap_or_default())
    };
    let partly = check(&at(&[(20, 1.3), (40, 1.2)]));
    assert!(!partly.0 && partly.1.ends_with("1.200× since night-20, in 2 steps"), "{partly:?}");
    let creeping = check(&at(&[(15, 1.04), (30, 1.08), (45, 1.12)]));
    assert!(!creeping.0 && creeping.1.ends_with("since night-15, in 3 steps"), "{creeping:?}");
    let better_then_worse = check(&at(&[(20, 0.8), (40, 0.9)]));
    assert!(!better_then_worse.0 && better_then_worse.1.ends_with("since night-40"), "{better_then_worse:?}");
    assert!(check(&at(&[(20, 1.3), (40, 1.0)])).0, "undone");
}

#[test]
fn a_series_that_has_ended_decides_nothing() {
    let replaced = nights(90, |day, record| {
        slower(day, record);
        if day >= 40 {
            with_build(record, "handwritten", 1.0, "98");
        }
    });
    let check = Check::of(&replaced, "slower:5%".parse().unwrap(), None);
    assert_eq!((check.passed(), check.judged, check.ended.len()), (true, 3, 3), "{:?}", check.lines());
    let gone = nights(60, |day, record| {
        if day >= 30 {
            record.runs.retain(|run| run.cell.backend != "tch");
        }
    });
    let check = Check::of(&gone, "slower:5%".parse().unwrap(), None);
    assert!(!check.passed(), "nothing could be judged: {:?}", check.lines());
    assert_eq!(check.lines()[0], "ended: lenet tch/none@cpu: its last run is night-29");
}

#[test]
fn two_builds_that_decide_nothing_refute_nothing() {
    let mut noisy = two_builds(60, 1.1);
    let heads = noisy.runs.iter_mut().filter(|run| run.cell.backend == "tch@head");
    for run in heads.filter(|run| run.seed == 1) {
        run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= 2.0);
    }
    let nights = (0..60).map(|day| {
        let mut record = night(day);
        slower(day, &mut record);
        record
    });
    let open = history(nights.chain([noisy]));
    assert!(open.steps().all(|(_, step)| matches!(step.confirmation, Confirmation::Open { run: 60, .. })));
    assert!(sentences(&open)[1].contains(" Both libraries in the same rounds do not decide it: "));
    let since = "2026-02-01".parse().ok();
    assert!(!Check::of(&open, "slower:5%".parse().unwrap(), since).passed());
}

#[test]
fn a_control_that_changes_and_a_variable_that_is_set_are_told() {
    let control = nights(40, |day, record| {
        if day >= 30 {
            for run in record.runs.iter_mut().filter(|run| run.cell.backend == "handwritten") {
                run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= 0.8);
            }
        }
    });
    let told = &sentences(&control)[1];
    assert!(told.contains(" It is the control that changed: handwritten/"), "{told}");
    let check = Check::of(&control, "slower:5%".parse().unwrap(), None);
    assert!(check.lines()[0].contains("It is the control that changed"), "{:?}", check.lines());
    let variable = nights(40, |day, record| {
        let settings = record.started.environment.settings.get_or_insert_default();
        if day >= 30 {
            with_build(record, "tch", 1.1, "cd");
            let settings = record.started.environment.settings.get_or_insert_default();
            settings.variables.insert("OMP_WAIT_POLICY".to_owned(), "passive".to_owned());
        } else {
            settings.variables.remove("OMP_WAIT_POLICY");
        }
    });
    let told = &sentences(&variable)[1];
    assert!(told.contains("There changed: variable OMP_WAIT_POLICY "), "{told}");
}

#[test]
#[cfg(unix)]
fn a_folder_with_any_name_is_in_the_document() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    let runs = vec![CollectedRun { path: PathBuf::from(name), record: Digest::of(&night(0)) }];
    let odd = History::of(Collection { runs, ..Collection::default() });
    assert!(json(&odd, None).unwrap().contains("bad\u{fffd}"));
}

#[test]
fn what_is_too_new_is_suspected_and_what_is_too_short_not_judged() {
    let newest = nights(32, slower);
    assert_eq!(places(&newest), []);
    let check = Check::of(&newest, "slower:5%".parse().unwrap(), None);
    assert!(check.passed() && check.undecided.len() == 3, "{:?}", check.lines());
    let told = sentences(&newest);
    assert!(told[1].starts_with("Not decided: lenet tch/none@cpu is slower since "), "{told:?}");
    assert!(told[1].ends_with("; 2 runs of at least 3 have been made since."), "{told:?}");
    let short = nights(5, slower);
    let check = Check::of(&short, "slower:5%".parse().unwrap(), None);
    assert!(!check.passed());
    let lines = check.lines();
    assert_eq!(lines[0], "not judged: lenet tch/none@cpu: 5 of at least 6 runs");
    assert_eq!(lines[3], "failed: no series could be judged, so that nothing was checked");
}

#[test]
fn a_merged_run_adds_only_what_is_not_here_by_itself() {
    let merged = |of: usize| {
        let mut record = night(of);
        record.started.run_id = "merged".to_owned();
        record.started.unix_time += 10.0 * DAY;
        for cell in
            record.started.plan.cells.iter_mut().chain(record.runs.iter_mut().map(|run| &mut run.cell))
        {
            cell.machine = Some("laptop".to_owned());
        }
        let part = night(of).started;
        record.started.merged = vec![MergedRun {
            machine: "laptop".to_owned(),
            run_id: part.run_id,
            unix_time: part.unix_time,
            command: part.command,
            seeds: part.plan.seeds,
            environment: part.environment,
        }];
        record
    };
    let here = history([night(0), night(1), merged(1)]);
    assert_eq!(here.series.len(), 3);
    assert!(notes(&here).iter().any(|note| note.contains("cells of merged in 1 run: it was merged of runs")));
    let twice = history([merged(1), merged(1)]);
    assert!(twice.series.iter().all(|series| series.points.len() == 1), "{:#?}", twice.series);
    let night_1 = night(1).started;
    let paths = ["a", "b"].map(PathBuf::from).to_vec();
    let runs = vec![CollectedRun { path: PathBuf::new(), record: Digest::of(&merged(1)) }];
    let disputed = vec![Disputed { run_id: night_1.run_id, unix_time: night_1.unix_time, paths }];
    let of_disputed = History::of(Collection { runs, disputed, ..Collection::default() });
    assert_eq!(of_disputed.series, [], "a part of which there are different records");
    let only = history([night(0), merged(1)]);
    assert_eq!((only.series.len(), only.machines().len()), (6, 2));
    let of_part = only.series.iter().find(|series| series.line.machine.label.is_some()).unwrap();
    assert_eq!(of_part.points[0].unix_time, night(1).started.unix_time);
}

#[test]
fn the_documents_tell_the_same() {
    let history = nights(40, slower);
    let check = Check::of(&history, "slower:5%".parse().unwrap(), None);
    insta::assert_snapshot!(markdown(&history, Some(&check)));
    let document: serde_json::Value = serde_json::from_str(&json(&history, Some(&check)).unwrap()).unwrap();
    assert_eq!((&document["schema"], &document["kind"]), (&1.into(), &"history".into()));
    let series = &document["series"][0];
    assert_eq!(series["points"].as_array().unwrap().len(), 40);
    assert_eq!(series["steps"][0]["at"], 30);
    assert_eq!(series["steps"][0]["confirmation"]["state"], "not_yet");
    assert_eq!(series["points"][30]["changes"][0]["what"], "library");
    assert_eq!(document["check"]["passed"], false);
    let page = html(&history, Some(&check)).unwrap();
    assert_eq!(page.matches("<svg class=\"curve history").count(), 3 + 2);
    assert_eq!(page.matches(">slower</text>").count(), 3);
    assert!(page.contains("Check: failed"));
}

#[test]
fn what_does_not_count_is_told_in_every_form() {
    let mut odd = nights(1, |_, _| ());
    let paths = ["a/night-1", "b/night-1"].map(PathBuf::from).to_vec();
    odd.disputed = vec![Disputed { run_id: "night-1".to_owned(), unix_time: DAY, paths }];
    odd.packs = ["a/night-2.tar.gz", "night-3.tar.gz"].map(PathBuf::from).to_vec();
    let disputed = "not counted: a/night-1, b/night-1: there are different records of the name night-1: none of them counts";
    let packs = "not read: 2 packs, the first a/night-2.tar.gz: a history is of run folders; unpack those whose runs are not here";
    assert_eq!(notes(&odd)[..2], [disputed, packs]);
    let check = Check::of(&odd, "slower:5%".parse().unwrap(), None);
    assert_eq!(check.lines()[0], disputed);
    let document: serde_json::Value = serde_json::from_str(&json(&odd, None).unwrap()).unwrap();
    assert_eq!(document["disputed"][0]["run_id"], "night-1");
    assert_eq!(document["disputed"][0]["paths"][1], "b/night-1");
    assert_eq!(document["packs"][1], "night-3.tar.gz");
    for text in [markdown(&odd, None), html(&odd, None).unwrap()] {
        let told = ["there are different records of the name night-1", "not read: 2 packs, the first a"];
        assert!(told.iter().all(|words| text.contains(words)), "{text}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = nights(8, |_, record| {
        let name = "<img src=x onerror=alert(1)>";
        record.started.plan.cells.iter_mut().for_each(|cell| {
            cell.backend = cell.backend.replace("tch", name);
        });
        record.runs.iter_mut().for_each(|run| run.cell.backend = run.cell.backend.replace("tch", name));
        record.started.environment.cpu = name.to_owned();
    });
    let page = html(&hostile, None).unwrap();
    assert!(page.contains("&lt;img") && !page.contains("<img"), "hostile markup came through");
}

#[test]
fn nothing_and_one_run_are_told() {
    let nothing = history([]);
    assert_eq!(sentences(&nothing), ["No series: no cell of 0 runs has a time beside a control."]);
    assert!(html(&nothing, None).is_ok());
    let one = nights(1, |_, _| ());
    assert_eq!(sentences(&one), ["No step in 3 series of 1 run."]);
    assert!(html(&one, None).unwrap().contains("<path class=\"dots\" d=\"M"));
}
