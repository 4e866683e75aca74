//! What a run hands over for its audit.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use trainmark_plugin::Outcome;

use crate::conformance::TimedEpoch;

/// What a run has said of one of its epochs, and where it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// 1-based.
    pub epoch: u32,
    /// Mean cross-entropy over the epoch.
    pub train_loss: f64,
    /// Right answers among its samples.
    pub correct: u64,
    /// The parameters when it began.
    pub start: Tensors,
    /// The parameters when it had ended.
    pub end: Tensors,
}

impl Evidence {
    /// As the audit takes it.
    pub fn timed_epoch(&self) -> TimedEpoch<'_> {
        let outcome = Outcome::new(self.train_loss, self.correct);
        TimedEpoch { number: self.epoch, start: &self.start.0, end: &self.end.0, outcome }
    }
}

/// Parameters, in JSON a base64 string for each tensor: bit for bit, and a third of the size of
/// decimal numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors(pub Vec<Vec<f32>>);

impl Serialize for Tensors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes =
            |tensor: &Vec<f32>| tensor.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
        serializer.collect_seq(self.0.iter().map(|tensor| BASE64_STANDARD.encode(bytes(tensor))))
    }
}

impl<'de> Deserialize<'de> for Tensors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let tensors = texts.into_iter().map(|text| {
            let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
            let (values, []) = bytes.as_chunks() else {
                return Err(D::Error::custom("a tensor's bytes are no multiple of 4"));
            };
            Ok(values.iter().copied().map(f32::from_le_bytes).collect())
        });
        tensors.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_come_back_bit_for_bit() {
        let tensors = Tensors(vec![vec![1.0, -0.0, f32::MIN_POSITIVE / 3.0, f32::INFINITY], Vec::new()]);
        let text = serde_json::to_string(&tensors).unwrap();
        assert_eq!(serde_json::from_str::<Tensors>(&text).unwrap(), tensors);
        assert!(serde_json::from_str::<Tensors>(r#"["AAA="]"#).is_err(), "two bytes are no number");
    }
}
