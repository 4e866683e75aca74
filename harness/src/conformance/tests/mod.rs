//! The gate itself is tested: a float32 network passes, and the same network with
//! any of many deliberate defects fails the check that is meant to notice it.

mod audit;
mod defects;
mod float_session;
mod operations;
mod optimisers;
mod patterns;

use trainmark_plugin::{Error, Layer, Model, RunningVariance, Shape};
use trainmark_reports::record::{CheckKind, Conformance};

use super::step::Steps;
use super::trajectory::Course;
use super::{Foreseen, Recorder, Subject, agree, render, run};
use crate::workload::{Workload, lenet, lenet_bn, softmax};
use defects::{CAUGHT_BY, DROPOUT_CAUGHT_BY, Defect};
use float_session::FloatSession;
pub(in crate::conformance) use patterns::Patterns;

/// Everything that lenet-bn has, once, and small.
pub(in crate::conformance) fn small() -> Workload {
    let norm = Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 };
    let layers = vec![
        Layer::Conv2d { out_channels: 3, kernel: 3, stride: 1, padding: 0, bias: true },
        norm,
        Layer::Sigmoid,
        Layer::MaxPool2d { window: 2, stride: 2 },
        Layer::Flatten,
        Layer::Linear { out_features: 8, bias: true },
        norm,
        Layer::Sigmoid,
        Layer::Linear { out_features: 10, bias: true },
    ];
    let input = Shape::Image { channels: 1, height: 12, width: 12 };
    let model = Model::new("small", input, layers);
    Workload { name: "small".to_owned(), model, batch_size: 32, ..lenet_bn() }
}

pub(in crate::conformance) fn subject(
    workload: Workload,
    patterns: &Patterns,
    convention: RunningVariance,
) -> Subject<'_> {
    Subject {
        workload,
        dataset: patterns.dataset(),
        implementation: "builtin".into(),
        running_variance: convention,
        device: "cpu".into(),
        threads: 1,
        seed: 1,
    }
}

fn gate(workload: Workload, patterns: &Patterns, convention: RunningVariance, defect: Defect) -> Conformance {
    gate_of(&subject(workload, patterns, convention), convention, defect)
}

/// The gate of a backend that computes by a convention, be it that of its subject or not.
fn gate_of(subject: &Subject<'_>, computed: RunningVariance, defect: Defect) -> Conformance {
    let mut open = |request| FloatSession::open(request, computed, defect);
    let foreseen = Foreseen::of(&subject.workload, subject.dataset, subject.seed).unwrap();
    run(subject, &foreseen, &mut open, &mut |_| {}).unwrap()
}

#[test]
fn a_right_network_passes_in_every_convention() {
    let patterns = Patterns::new(12, 300, 80);
    for convention in RunningVariance::ALL {
        let conformance = gate(small(), &patterns, convention, Defect::None);
        assert!(conformance.passed, "{convention:?}\n{}", render(&conformance));
    }
}

/// What depends on the convention, or on where it is computed, would be wrong for some cells.
#[test]
fn what_is_foreseen_is_the_same_for_every_subject_and_survives_its_journey() {
    let patterns = Patterns::new(12, 300, 80);
    let foreseen = Foreseen::of(&small(), patterns.dataset(), 1).unwrap();
    let subject = subject(small(), &patterns, RunningVariance::BiasedFromZero);
    assert_eq!(foreseen.steps, Steps::choose(&subject).unwrap());
    assert_eq!(foreseen.course, Course::new(&subject).unwrap());
    let told = serde_json::to_string(&foreseen).unwrap();
    assert_eq!(serde_json::from_str::<Foreseen>(&told).unwrap(), foreseen);
}

#[test]
fn devices_agree_where_both_train_rightly_and_only_there() {
    let patterns = Patterns::new(12, 300, 80);
    let losses = |defect| gate(small(), &patterns, RunningVariance::UnbiasedFromOne, defect).losses;
    let check = |other: &[f64]| {
        let limit = small().tolerances.trajectory;
        agree(["cpu", "cuda:0"], [&losses(Defect::None), other], limit).expect("all losses are there")
    };
    assert!(check(&losses(Defect::None)).passed);
    for defect in [Defect::SgdWithMomentum, Defect::PredictsWithBatchStatistics] {
        assert!(!check(&losses(defect)).passed, "{defect:?}");
    }
}

/// One of each kind: the others are of the same layers.
#[test]
fn a_right_network_passes_with_batch_norm_without_and_as_a_single_layer() {
    let patterns = Patterns::new(28, 1400, 300);
    for workload in [lenet_bn(), lenet(), softmax()] {
        let conformance = gate(workload.clone(), &patterns, RunningVariance::UnbiasedFromOne, Defect::None);
        assert!(conformance.passed, "{}\n{}", workload.name, render(&conformance));
    }
}

/// What a right network, and one with each defect, makes of a model with dropout.
#[test]
fn dropout_is_held_to_what_it_can_be() {
    let patterns = Patterns::new(12, 300, 80);
    let mut workload = small();
    for (place, rate) in [(8, 0.25), (5, 0.5), (1, 0.0)] {
        workload.model.layers.insert(place, Layer::Dropout { rate });
    }
    let of = |defect| gate(workload.clone(), &patterns, RunningVariance::UnbiasedFromOne, defect);
    let right = of(Defect::None);
    assert!(right.passed, "{}", render(&right));
    assert_eq!(right.checks.iter().filter(|check| check.name.starts_with("dropout 0.5: ")).count(), 6);
    for (defect, name) in DROPOUT_CAUGHT_BY {
        let conformance = of(*defect);
        let failed = conformance.checks.iter().any(|check| check.name == *name && !check.passed);
        assert!(failed, "{defect:?}\n{}", render(&conformance));
    }
}

#[test]
fn every_defect_fails_the_check_that_is_meant_for_it() {
    let patterns = Patterns::new(12, 300, 80);
    let mut missed = Vec::new();
    for (defect, check) in CAUGHT_BY {
        let conformance = gate(small(), &patterns, RunningVariance::UnbiasedFromOne, *defect);
        let known = conformance.checks.iter().any(|found| found.name == *check);
        assert!(known, "no check is called {check}\n{}", render(&conformance));
        if conformance.passed || conformance.checks.iter().any(|found| found.name == *check && found.passed) {
            missed.push(format!("{defect:?} passes `{check}`:\n{}", render(&conformance)));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Without a defect that it notices nobody would know whether a check can fail.
#[test]
fn every_kind_of_check_notices_some_defect() {
    let patterns = Patterns::new(12, 300, 80);
    let conformance = gate(small(), &patterns, RunningVariance::UnbiasedFromOne, Defect::None);
    let kind = |name: &str| {
        name.replace("batch 32", "batch").replace("batch 12", "batch").replace("batch 1", "batch")
    };
    for check in conformance.checks {
        let known = CAUGHT_BY.iter().any(|(_, name)| kind(name) == kind(&check.name));
        assert!(known, "no defect is listed that `{}` notices", check.name);
    }
}

#[test]
fn wrong_pooling_is_noticed_in_the_main_workload() {
    let patterns = Patterns::new(28, 700, 10);
    for defect in [Defect::PoolGradientQuartered, Defect::TieGradientToAll] {
        let subject = subject(lenet_bn(), &patterns, RunningVariance::UnbiasedFromOne);
        let steps = Steps::choose(&subject).unwrap();
        let request = subject.request(steps.learning_rate);
        let mut session = FloatSession::open(request, subject.running_variance, defect).unwrap();
        let mut ignored = |_: &_| {};
        let mut recorder = Recorder::new(&mut ignored);
        steps.check(&subject, &mut *session, &mut recorder).unwrap();
        let failed: Vec<_> = recorder.checks.iter().filter(|check| !check.passed).collect();
        // A batch of one has no gradient in front of batch norm.
        let names: Vec<&str> = failed.iter().map(|check| check.name.as_str()).collect();
        let expected = ["256: gradients", "256: prediction afterwards", "96: gradients"];
        assert_eq!(names, expected.map(|name| format!("train_step batch {name}")));
        assert!(failed[0].detail.contains("suspect ties"), "{}", failed[0].detail);
    }
}

/// Where the running variance starts is the harness's doing, so only what goes into it is seen.
#[test]
fn a_convention_that_is_not_the_declared_one_is_named() {
    let patterns = Patterns::new(12, 300, 80);
    for declared in RunningVariance::ALL {
        for computed in RunningVariance::ALL {
            let conformance = gate_of(&subject(small(), &patterns, declared), computed, Defect::None);
            let is_unbiased = |convention| convention == RunningVariance::UnbiasedFromOne;
            let is_seen = is_unbiased(declared) != is_unbiased(computed);
            assert_eq!(conformance.passed, !is_seen, "{declared:?}, {computed:?}\n{}", render(&conformance));
            if is_seen {
                let check = conformance.checks.iter().find(|check| !check.passed).unwrap();
                assert_eq!(check.kind, Some(CheckKind::StepRunningStatistics));
                let fitting = if is_unbiased(computed) {
                    "unbiased_from_one"
                } else {
                    "biased_from_zero or biased_from_one"
                };
                let told = format!("; declared {}, computes {fitting}", declared.name());
                assert!(check.detail.ends_with(&told), "{}", check.detail);
            }
        }
    }
}

/// What no convention explains is not explained by one.
#[test]
fn running_statistics_that_follow_no_convention_are_not_said_to() {
    let patterns = Patterns::new(12, 300, 80);
    let conformance = gate(small(), &patterns, RunningVariance::BiasedFromOne, Defect::MomentumSwapped);
    let wrong = conformance.checks.iter().find(|check| check.kind == Some(CheckKind::StepRunningStatistics));
    let detail = &wrong.unwrap().detail;
    assert!(!detail.contains("declared"), "{detail}");
}

#[test]
fn a_backend_may_decline_a_batch_of_one() {
    let patterns = Patterns::new(12, 300, 80);
    let convention = RunningVariance::UnbiasedFromOne;
    let conformance = gate(small(), &patterns, convention, Defect::DeclinesBatchOfOne);
    assert!(conformance.passed, "{}", render(&conformance));
    let check = conformance.checks.iter().find(|check| check.name == "train_step batch 1").unwrap();
    assert!(check.detail.starts_with("refused, as a backend may: unsupported: "), "{}", check.detail);
}

#[test]
fn a_session_that_cannot_be_opened_is_no_verdict() {
    let patterns = Patterns::new(12, 300, 80);
    let workload = small();
    let foreseen = Foreseen::of(&workload, patterns.dataset(), 1).unwrap();
    let subject = subject(workload, &patterns, RunningVariance::UnbiasedFromOne);
    let mut open = |_| Err(Error::unsupported("layer 1 (dropout)"));
    let error = run(&subject, &foreseen, &mut open, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, trainmark_plugin::ErrorKind::Unsupported);
}
