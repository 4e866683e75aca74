//! A table of a workload's file: values by key, each with its line.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Mistake, nearest};
use crate::workload::number::check_float32;

/// A table whose keys are known.
pub(super) struct Fields<'t> {
    text: &'t str,
    table: &'t DeTable<'t>,
    /// The table's name and a dot, or nothing.
    prefix: String,
    /// Where a key that is missing would stand.
    line: usize,
}

/// A value and where it stands.
pub(super) struct Field<'t> {
    text: &'t str,
    /// How it is called in messages.
    name: String,
    value: &'t Spanned<DeValue<'t>>,
}

/// The number of the line with this byte.
pub(in crate::workload) fn line_of(text: impl AsRef<[u8]>, byte: usize) -> usize {
    1 + text.as_ref().iter().take(byte).filter(|byte| **byte == b'\n').count()
}

impl<'t> Fields<'t> {
    /// The whole file.
    pub(super) fn new(text: &'t str, table: &'t DeTable<'t>, known: &[&str]) -> Result<Self, Mistake> {
        let fields = Self { text, table, prefix: String::new(), line: 1 };
        fields.check_keys(known)?;
        Ok(fields)
    }

    fn check_keys(&self, known: &[&str]) -> Result<(), Mistake> {
        // In the order of the file, so that the first mistake is told first.
        let mut keys: Vec<_> = self.table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        match keys.into_iter().find(|key| !known.contains(&key.get_ref().as_ref())) {
            Some(key) => {
                let (name, prefix) = (key.get_ref(), &self.prefix);
                Err(Mistake {
                    line: line_of(self.text, key.span().start),
                    what: format!(
                        "there is no key `{prefix}{}`{}",
                        super::shown(name),
                        nearest(name, known.iter().copied())
                    ),
                })
            }
            None => Ok(()),
        }
    }

    /// The field with this key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Field<'t>> {
        let value = self.table.get(key)?;
        Some(Field { text: self.text, name: format!("{}{key}", self.prefix), value })
    }

    /// The field with this key; `expected` says what it holds.
    pub(super) fn require(&self, key: &str, expected: &str) -> Result<Field<'t>, Mistake> {
        self.get(key).ok_or_else(|| Mistake {
            line: self.line,
            what: format!("{}{key} is missing: it holds {expected}", self.prefix),
        })
    }

    /// Keys and values in the order of the file.
    pub(super) fn in_order(&self) -> Vec<(&'t str, Field<'t>)> {
        let mut all: Vec<_> = self.table.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        let field = |(key, value): (&'t Spanned<std::borrow::Cow<'t, str>>, &'t Spanned<DeValue<'t>>)| {
            let name = format!("{}{}", self.prefix, key.get_ref());
            (key.get_ref().as_ref(), Field { text: self.text, name, value })
        };
        all.into_iter().map(field).collect()
    }
}

impl<'t> Field<'t> {
    fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// The same of a layer, called by its kind, too.
    pub(super) fn of_kind(&self, kind: &str) -> Self {
        Self { name: format!("{} ({kind})", self.name), ..*self }
    }

    /// What is wrong with it.
    pub(super) fn mistake(&self, what: impl Display) -> Mistake {
        Mistake { line: line_of(self.text, self.span().start), what: format!("{}: {what}", self.name) }
    }

    fn expected(&self, what: impl Display) -> Mistake {
        let found = match self.value.get_ref() {
            DeValue::String(text) => format!("\"{}\"", super::shown(text)),
            DeValue::Integer(number) => super::shown(&number.to_string()),
            DeValue::Float(number) => super::shown(number.as_str()),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.mistake(format!("{what} is expected, not {found}"))
    }

    pub(super) fn text(&self, expected: &str) -> Result<&'t str, Mistake> {
        self.value.get_ref().as_str().ok_or_else(|| self.expected(expected))
    }

    /// What a string is read as.
    pub(super) fn parsed<T>(&self, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Mistake> {
        parse(self.text(expected)?).ok_or_else(|| self.expected(expected))
    }

    pub(super) fn integer(&self, within: RangeInclusive<u64>) -> Result<u64, Mistake> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number.filter(|number| within.contains(number)).ok_or_else(|| {
            self.expected(format!("a whole number from {} to {}", within.start(), within.end()))
        })
    }

    /// A number that is finite and above 0.
    pub(super) fn positive(&self) -> Result<f64, Mistake> {
        let number = match self.value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        let is_fit = |number: &f64| number.is_finite() && *number > 0.0;
        number.filter(is_fit).ok_or_else(|| self.expected("a number above 0"))
    }

    /// Likewise, of what backends compute with in float32.
    pub(super) fn positive_float32(&self) -> Result<f64, Mistake> {
        let number = self.positive()?;
        check_float32(number).map_err(|why| self.mistake(why))?;
        Ok(number)
    }

    /// The elements of an array.
    pub(super) fn elements(&self, expected: &str) -> Result<Vec<Field<'t>>, Mistake> {
        let array = self.value.get_ref().as_array().ok_or_else(|| self.expected(expected))?;
        let element = |(index, value): (usize, &'t Spanned<DeValue<'t>>)| Field {
            text: self.text,
            name: format!("layer {index}"),
            value,
        };
        Ok(array.iter().enumerate().map(element).collect())
    }

    /// A table whose keys are these.
    pub(super) fn table(&self, known: &[&str]) -> Result<Fields<'t>, Mistake> {
        let expected = || self.expected(format!("a table [{}]", self.name));
        let fields = Fields {
            text: self.text,
            table: self.value.get_ref().as_table().ok_or_else(expected)?,
            prefix: format!("{}.", self.name),
            line: line_of(self.text, self.span().start),
        };
        fields.check_keys(known)?;
        Ok(fields)
    }
}
