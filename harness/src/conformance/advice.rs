//! What to look at when a check fails.

use trainmark_reports::record::CheckRecord;

/// Where the mistake may lie that makes a check fail, by the ends of checks' names.
const ADVICE: [(&str, &str); 15] = [
    (
        "calls before set_parameters",
        "answer `invalid` to every other call until set_parameters has succeeded",
    ),
    (
        "wrong parameter lists",
        "compare the number of parameters and each one's length before anything is copied",
    ),
    (
        "wrong samples and lengths",
        "check indices, batch size and room for logits before anything is computed",
    ),
    (
        "come back bit for bit",
        "parameters are row-major and in the order of the layers; running statistics are among them",
    ),
    (
        "logits of test samples",
        "the forward pass in prediction mode: pixel/255 goes in, batch norm uses its running statistics",
    ),
    ("logits of training samples", "predict takes the samples of the split that it is asked for"),
    ("any batch size", "in prediction a sample's logits must not depend on its batch"),
    ("any order", "logits are written row by row, in the order of the indices"),
    ("parameters untouched", "prediction changes neither parameters nor running statistics"),
    (
        ": loss",
        "the forward pass in training mode: batch norm uses the batch's mean and its biased variance; the loss is \
         the mean over the samples, before the update",
    ),
    (": correct", "count samples whose largest logit is their label's, before the update"),
    (
        ": gradients",
        "the backward pass: start at the last layer; the update is w − rate·gradient of the mean loss, without \
         momentum",
    ),
    (
        ": running statistics",
        "running ← (1 − momentum)·running + momentum·batch, the variance as the convention says that describe \
         declares",
    ),
    (
        "agree: losses",
        "both devices are to run the same formulas in float32: look for TF32 or half precision, and for a kernel \
         that reads what another has not written yet",
    ),
    (
        ": parameters",
        "train_epoch does what its train_steps do: consecutive batches, the smaller last one among them",
    ),
];

/// Where to look for what makes a check fail; nothing where its detail says it all.
pub fn advice(check: &CheckRecord) -> Option<&'static str> {
    ADVICE.iter().find(|(end, _)| check.name.ends_with(end)).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn the_more_special_advice_wins() {
        let check = |name: &str| CheckRecord {
            name: name.into(),
            passed: false,
            measured: None,
            limit: None,
            detail: String::new(),
        };
        let advice = |name: &str| advice(&check(name)).unwrap_or_default();
        assert!(advice("train_step batch 96: gradients").starts_with("the backward pass"));
        assert!(advice("prediction: parameters untouched").starts_with("prediction changes"));
        assert!(advice("train_epoch: parameters").starts_with("train_epoch does"));
        assert_eq!(advice("train_step batch 256"), "");
    }
}
