//! What stands where a row and a column meet.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::text::one_line;

/// A value that programs get as it is and people with its unit, or why there is none.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// A whole number, and how people see it.
    Whole(u64, fn(u64) -> String),
    /// A finite number, how people see it, and what they read behind it.
    Number(f64, fn(f64) -> String, String),
    /// Nothing, and why.
    Absent(&'static str),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Words that may be missing.
    pub(super) fn any(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent(""), Self::text)
    }

    /// Words on one line that may be missing.
    pub(super) fn line(text: Option<&str>) -> Self {
        text.map_or(Self::Absent(""), |text| one_line(text).into())
    }

    /// How many of something there are.
    pub(super) fn count(count: usize) -> Self {
        Self::Whole(count as u64, |count| count.to_string())
    }

    pub(super) fn whole(value: Option<impl Into<u64>>, show: fn(u64) -> String) -> Self {
        value.map_or(Self::Absent(""), |value| Self::Whole(value.into(), show))
    }

    /// A number that may be missing, or not finite.
    pub(super) fn number(value: Option<f64>, show: fn(f64) -> String) -> Self {
        let finite = value.filter(|value| value.is_finite());
        finite.map_or(Self::Absent(""), |value| Self::Number(value, show, String::new()))
    }

    /// With some words behind the number, for people.
    pub(super) fn with(self, words: &str) -> Self {
        match self {
            Self::Number(value, show, before) => Self::Number(value, show, before + words),
            other => other,
        }
    }

    /// With the reason for which it is missing, where it is.
    pub(super) fn or(self, reason: &'static str) -> Self {
        if self.is_absent() { Self::Absent(reason) } else { self }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// What people read; without a value the reason.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Whole(value, show) => show(*value),
            Self::Number(value, show, after) => show(*value) + after,
            Self::Absent(reason) => (*reason).to_owned(),
        }
    }

    /// What people read where there is little room: no reason.
    pub(crate) fn told_in_short(&self) -> String {
        if self.is_absent() { "–".to_owned() } else { self.told() }
    }

    /// What a table sorts by; words by themselves.
    pub(crate) fn sort_key(&self) -> Option<f64> {
        match self {
            Self::Text(_) | Self::Absent(_) => None,
            Self::Whole(value, _) => Some(*value as f64),
            Self::Number(value, ..) => Some(*value),
        }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// As programs get it: what is absent is empty in CSV and `null` in JSON.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Whole(value, _) => serializer.serialize_u64(*value),
            Self::Number(value, ..) => serializer.serialize_f64(*value),
            Self::Absent(_) => serializer.serialize_none(),
        }
    }
}
