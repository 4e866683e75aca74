//! The check of every operation is tested, too: a float32 network is within all bounds, and each
//! defect is found and led back to a layer or two.

use trainmark_plugin::{Error, OpenRequest, RunningVariance, Session};

use super::defects::Defect;
use super::float_session::FloatSession;
use crate::conformance::operations::{Case, CaseName, Computing, Opens, Origin, Tried, shrink};
use crate::workload::Workload;

const ORIGIN: Origin = Origin::Seed(1);
const CASES: u32 = 250;

struct Sessions {
    convention: RunningVariance,
    defect: Defect,
}

impl Opens for Sessions {
    fn open<'d>(&'d self, request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        FloatSession::open(request, self.convention, self.defect)
    }
}

impl Sessions {
    fn attempt(&self, case: &Case) -> Tried {
        let computing = Computing {
            implementation: "builtin",
            running_variance: self.convention,
            device: "cpu",
            threads: 1,
        };
        case.attempt(&computing, self).expect("the reference computes every case")
    }

    /// The first case that fails, made as small as it goes, with what is then wrong.
    fn smallest(&self) -> Option<(Case, String)> {
        let names = (0..CASES).map(CaseName::drawn);
        let is_wrong = |case: &Case| matches!(self.attempt(case), Tried::Failed(_));
        let first = names.into_iter().find(|name| name.case(&ORIGIN).is_some_and(|case| is_wrong(&case)))?;
        let mut tries = 2000;
        let smallest =
            shrink(first, &ORIGIN, &mut tries, &mut |_, case| Ok::<_, Error>(is_wrong(case))).ok()?;
        let case = smallest.case(&ORIGIN)?;
        match self.attempt(&case) {
            Tried::Failed(finding) => Some((case, finding.what)),
            _ => None,
        }
    }
}

#[test]
fn a_float32_network_is_within_all_bounds() {
    for convention in RunningVariance::ALL {
        let sessions = Sessions { convention, defect: Defect::None };
        for number in 0..CASES {
            let case = CaseName::drawn(number).case(&ORIGIN).unwrap();
            let tried = sessions.attempt(&case);
            assert!(matches!(tried, Tried::Agreed { .. }), "{number}: {tried:?}\n{:#?}", case.lines());
        }
    }
}

/// A defect, what is then wrong, and the kinds of layers that are left of the smallest case.
const FOUND: &[(Defect, &str, &[&str])] = &[
    (Defect::PoolGradientQuartered, "gradient", &["conv2d", "max_pool2d"]),
    (Defect::TieGradientToAll, "gradient", &["conv2d", "max_pool2d"]),
    (Defect::PaddingOneLess, "prediction", &["conv2d"]),
    (Defect::StrideOneLess, "prediction", &["conv2d"]),
    (Defect::OtherConvention, "running statistics", &["batch_norm"]),
    (Defect::MomentumSwapped, "running statistics", &["batch_norm"]),
    (Defect::EpsilonOfAnotherFramework, "prediction", &["batch_norm"]),
    (Defect::PredictsWithBatchStatistics, "prediction", &["batch_norm"]),
    (Defect::BetaMissing, "prediction", &["batch_norm"]),
    (Defect::StatisticsDetached, "gradient", &["batch_norm", "batch_norm"]),
    (Defect::GammaAndBetaSwapped, "prediction", &["batch_norm"]),
    (Defect::LossSummed, "loss", &["linear"]),
    (Defect::LossReportedAsSum, "loss", &["linear"]),
    (Defect::LearningRateOffByAHundredth, "gradient", &["linear"]),
    (Defect::WeightDecay, "gradient", &["linear"]),
    (Defect::OutputBiasFrozen, "gradient", &["linear"]),
    (Defect::WeightsTransposed, "prediction", &["linear"]),
    (Defect::PixelsDividedBy256, "prediction", &["linear"]),
    (Defect::ElevenBitWeights, "gradient", &["linear"]),
    (Defect::PredictionReversed, "prediction", &["linear"]),
    (Defect::PredictionTailUnwritten, "prediction", &["linear"]),
    (Defect::BiasUncorrected, "gradient", &["linear"]),
    (Defect::EpsilonInRoot, "gradient", &["linear"]),
    (Defect::DecayDecoupled, "second step", &["linear"]),
    (Defect::MomentumNesterov, "gradient", &["linear"]),
    (Defect::TrainsByPlainSgd, "gradient", &["linear"]),
    (Defect::MomentumDampened, "second step", &["linear"]),
    (Defect::StateLostByStep, "second step", &["linear"]),
    (Defect::StateOfBiasesMissing, "second step", &["linear"]),
];

#[test]
fn each_defect_is_found_and_led_back_to_its_layer() {
    let mut wrong = Vec::new();
    for &(defect, what, kinds) in FOUND {
        let sessions = Sessions { convention: RunningVariance::UnbiasedFromOne, defect };
        let (case, found) = sessions.smallest().unwrap_or_else(|| panic!("{defect:?} is not found"));
        if (&*found, &*case.kinds()) != (what, kinds) || case.model().layers.len() > 4 {
            wrong.push(format!("{defect:?}: {found} of {:?}\n{}", case.kinds(), case.lines().join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is printed is read as the same case, which fails in the same way.
#[test]
fn a_case_is_repeated_by_its_file() {
    for number in 0..CASES {
        let case = CaseName::drawn(number).case(&ORIGIN).unwrap();
        let text = case.workload(format!("case-{number}")).to_toml();
        let read = Workload::from_toml(&text).unwrap_or_else(|mistake| panic!("{mistake}\n{text}"));
        let again = Case::of(&read).expect("it is a case");
        assert_eq!((again.lines(), again.workload(read.name.clone())), (case.lines(), read), "{text}");
    }
    let sessions =
        Sessions { convention: RunningVariance::UnbiasedFromOne, defect: Defect::TieGradientToAll };
    let (case, what) = sessions.smallest().expect("it is found");
    let text = case.workload("tie".to_owned()).to_toml();
    insta::assert_snapshot!(text);
    let again = Case::of(&Workload::from_toml(&text).unwrap()).unwrap();
    assert!(matches!(sessions.attempt(&again), Tried::Failed(finding) if finding.what == what));
}

/// The same of every machine: a failure is told by its number alone.
#[test]
fn cases_are_pinned_to_their_numbers() {
    let lines: Vec<String> =
        (0..4).flat_map(|number| CaseName::drawn(number).case(&ORIGIN).unwrap().lines()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn all_kinds_of_cases_are_drawn() {
    let cases: Vec<Case> = (0..CASES).map(|number| CaseName::drawn(number).case(&ORIGIN).unwrap()).collect();
    let with = |text: &str| cases.iter().filter(|case| case.lines().join("\n").contains(text)).count();
    for text in [
        "conv2d",
        "batch_norm",
        "sigmoid",
        "relu",
        "tanh",
        "max_pool2d",
        "avg_pool2d",
        "resize",
        "add input",
        "add conv2d",
        "1×1, from",
        "1×1, stride 2, from",
        "stride 3",
        "padding 2",
        "1 sample of",
        "300 samples",
        "bytes 0 and 255",
        "2×2 equal",
        "one byte each",
        "all the same",
        "multiples of 1/4",
        "times 2^12",
        "times 2^-20",
        "0 of the first channel",
        "momentum 0.9, weight decay 5e-4",
        "adam β1 0.9, β2 0.999, ε 1e-2",
    ] {
        assert!(with(text) > 0, "no {text}");
    }
    let names = (0..CASES).map(CaseName::drawn);
    assert!(names.into_iter().zip(&cases).all(|(name, case)| name.case(&ORIGIN).as_ref() == Some(case)));
}
