//! Check 1: what must not be asked is answered with `invalid`, and parameters come
//! back as they went in.

use trainmark_plugin::{Error, ErrorKind, Session, Split};
use trainmark_reports::record::CheckKind;

use super::{Recorder, Subject, starts, stop_if_unsupported};
use crate::parameters;

/// Calls by name, and how each was answered.
type Answers = Vec<(&'static str, Result<(), Error>)>;

pub(super) fn check(
    subject: &Subject<'_>,
    session: &mut dyn Session,
    recorder: &mut Recorder<'_>,
) -> Result<(), Error> {
    recorder.stated(
        CheckKind::CallsBeforeParameters,
        "protocol: calls before set_parameters",
        refused(before_parameters(subject, session)?),
    );
    recorder.stated(
        CheckKind::WrongParameters,
        "protocol: wrong parameter lists",
        refused(wrong_lists(subject, session)?),
    );
    let start = starts::initial(subject)?;
    let ready = parameters::set(session, &start);
    stop_if_unsupported("set_parameters", &ready)?;
    recorder.stated(
        CheckKind::WrongSamples,
        "protocol: wrong samples and lengths",
        match &ready {
            Ok(()) => refused(wrong_samples(subject, session)?),
            Err(error) => Err(format!("set_parameters: {error}")),
        },
    );
    if ready.is_ok() {
        stop_if_unsupported("get_parameters", &parameters::get(session, &subject.specs()?))?;
    }
    recorder.stated(
        CheckKind::ParametersReturn,
        "protocol: parameters come back bit for bit",
        round_trip(subject, session)?,
    );
    Ok(())
}

fn refused(answers: Answers) -> Result<String, String> {
    for (name, answer) in &answers {
        match answer {
            Ok(()) => return Err(format!("{name}: accepted; `invalid` is the answer to give")),
            Err(error) if error.kind != ErrorKind::Invalid => {
                return Err(format!("{name}: answered with {error}; `invalid` is the answer to give"));
            }
            Err(_) => {}
        }
    }
    Ok(format!("{} calls answered with `invalid`", answers.len()))
}

fn classes(subject: &Subject<'_>) -> Result<usize, Error> {
    subject.workload.model.classes()
}

fn before_parameters(subject: &Subject<'_>, session: &mut dyn Session) -> Result<Answers, Error> {
    let mut logits = vec![0.0; classes(subject)?];
    Ok(vec![
        ("train_step", session.train_step(&[0]).map(drop)),
        ("train_epoch", session.train_epoch(&[0], 1).map(drop)),
        ("predict", session.predict(Split::Test, &[0], 1, &mut logits)),
        ("get_parameters", parameters::get(session, &subject.specs()?).map(drop)),
    ])
}

fn wrong_lists(subject: &Subject<'_>, session: &mut dyn Session) -> Result<Answers, Error> {
    let values = starts::initial(subject)?;
    let changed = |change: &dyn Fn(&mut Vec<Vec<f32>>)| {
        let mut values = values.clone();
        change(&mut values);
        values
    };
    let missing = changed(&|values| {
        values.pop();
    });
    let surplus = changed(&|values| values.push(vec![0.0]));
    let short = changed(&|values| {
        values[0].pop();
    });
    let long = changed(&|values| values[0].push(0.0));
    Ok(vec![
        ("a tensor missing", parameters::set(session, &missing)),
        ("a tensor too many", parameters::set(session, &surplus)),
        ("a tensor too short", parameters::set(session, &short)),
        ("a tensor too long", parameters::set(session, &long)),
    ])
}

fn wrong_samples(subject: &Subject<'_>, session: &mut dyn Session) -> Result<Answers, Error> {
    let (train, test) = (subject.dataset.train.count() as u32, subject.dataset.test.count() as u32);
    let classes = classes(subject)?;
    let mut logits = vec![0.0; 2 * classes];
    let mut predict = |index: u32, batch_size: usize, length: usize| {
        session.predict(Split::Test, &[index], batch_size, &mut logits[..length])
    };
    let mut answers = vec![
        ("predict past the split", predict(test, 1, classes)),
        ("predict with too little room", predict(0, 1, classes - 1)),
        ("predict with too much room", predict(0, 1, classes + 1)),
        ("predict in batches of 0", predict(0, 0, classes)),
    ];
    answers.extend([
        ("train_step past the split", session.train_step(&[0, train]).map(drop)),
        ("train_step of no sample", session.train_step(&[]).map(drop)),
        ("train_epoch past the split", session.train_epoch(&[0, train], 2).map(drop)),
        ("train_epoch of no sample", session.train_epoch(&[], 1).map(drop)),
        ("train_epoch in batches of 0", session.train_epoch(&[0], 0).map(drop)),
    ]);
    Ok(answers)
}

/// Two sets of values in turn: a session that keeps the first one fails.
fn round_trip(subject: &Subject<'_>, session: &mut dyn Session) -> Result<Result<String, String>, Error> {
    let specs = subject.specs()?;
    for values in [starts::initial(subject)?, starts::telling(subject)?] {
        let back = parameters::set(session, &values).and_then(|()| parameters::get(session, &specs));
        match back {
            Ok(back) => {
                if let Some(difference) = parameters::first_difference(&specs, &values, &back) {
                    return Ok(Err(difference));
                }
            }
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Ok(format!("{} tensors, two sets of values in turn", specs.len())))
}
