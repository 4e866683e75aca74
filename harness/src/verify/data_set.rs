//! The data set is the one of its name.

use trainmark_reports::Record;
use trainmark_reports::record::DatasetInfo;
use trainmark_reports::submission::Finding;

use crate::data;

const DATA_SET: &str = "data set";

/// The fingerprint is that of the data set of this name, where it is known, and of no other.
pub(super) fn known(record: &Record) -> Finding {
    judge(&record.started.plan.dataset)
}

fn judge(found: &DatasetInfo) -> Finding {
    let DatasetInfo { name, fingerprint, .. } = found;
    let is_own_folder = name.starts_with(data::OWN_PREFIX);
    let other = data::known_by_fingerprint(fingerprint).filter(|known| known != name);
    let samples = (found.train_samples, found.test_samples);
    match (data::known_fingerprint(name), other) {
        (Some(known), None) if known == fingerprint && samples != data::KNOWN_SAMPLES => {
            let (train, test) = samples;
            Finding::failed(DATA_SET, format!("{name} has not {train} training and {test} test samples"))
        }
        (Some(known), None) if known == fingerprint => Finding::ok(DATA_SET, format!("{name}, {known:.12}…")),
        (Some(known), None) => Finding::failed(
            DATA_SET,
            format!("{name} has the fingerprint {known:.12}…, not {fingerprint:.12}…"),
        ),
        // A folder may hold files that have a name elsewhere.
        (None, Some(other)) if is_own_folder => Finding::ok(DATA_SET, format!("{name}, which is {other}")),
        (_, Some(other)) => {
            Finding::failed(DATA_SET, format!("{name} has the fingerprint {fingerprint:.12}… of {other}"))
        }
        (None, None) => Finding::not_judged(DATA_SET, format!("{name}: no fingerprint is known of it")),
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn a_known_fingerprint_has_its_own_name() {
        let known = |name| data::known_fingerprint(name).unwrap();
        let zeros = "0".repeat(64);
        let cases = [
            ("fashion-mnist", known("fashion-mnist")),
            ("fashion-mnist", &zeros),
            ("fashion-mnist", known("synthetic")),
            ("mnist", known("fashion-mnist")),
            ("mnist", &zeros),
            ("fashion-mnist resized to 32×32", known("fashion-mnist")),
            ("idx:mine", known("fashion-mnist")),
            ("idx:mine", &zeros),
        ];
        let samples = |train_samples| move |(name, fingerprint)| (name, fingerprint, train_samples);
        let fewer = cases[..1].iter().copied().map(samples(2000));
        let all = cases.iter().copied().map(samples(60_000)).chain(fewer);
        let lines: String = all
            .map(|(name, fingerprint, train_samples): (&str, &str, usize)| {
                let test_samples = 10_000;
                let (name, fingerprint) = (name.to_owned(), fingerprint.to_owned());
                let finding = judge(&DatasetInfo { name, train_samples, test_samples, fingerprint });
                format!("{}: {}\n", finding.verdict.name(), finding.detail)
            })
            .collect();
        insta::assert_snapshot!(lines);
    }
}
