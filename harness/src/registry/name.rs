//! What a backend may be called.

/// The table keeps a name in 64 bytes, of which the last is zero.
const LONGEST: usize = 63;

/// Words that readers of CSV take for a missing value.
const MISSING: [&str; 4] = ["na", "nan", "none", "null"];

/// A name that a command line can select and every table can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendName<'n>(&'n str);

impl<'n> BackendName<'n> {
    /// Takes a name, wherever it stands: in a `backend.toml`, on the command line, or in a
    /// plugin's table.
    ///
    /// # Errors
    /// What is wrong with it, which says what is allowed, and a name that would do where one
    /// can be made of it.
    pub fn parse(name: &'n str) -> Result<Self, String> {
        let Some(why) = fault(name) else { return Ok(Self(name)) };
        let better = mended(name);
        let advice = if fault(&better).is_none() { format!("; {better} would do") } else { String::new() };
        Err(format!("{name:?} cannot be a backend's name: {why}{advice}"))
    }

    /// The name.
    pub fn as_str(self) -> &'n str {
        self.0
    }
}

fn fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Some("it is made of lower-case letters, digits and dashes".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Some("it begins and ends with a letter or a digit".to_owned());
    }
    if name == "all" {
        return Some("on the command line it stands for every backend".to_owned());
    }
    if MISSING.contains(&name) {
        return Some("readers of CSV take it for a missing value; choose another word".to_owned());
    }
    (name.len() > LONGEST).then(|| format!("it has at most {LONGEST} letters"))
}

/// The nearest name that may do: `My Backend` becomes `my-backend`.
fn mended(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_is_mended() {
        let message = |name: &str| BackendName::parse(name).expect_err("bad");
        let legal = "it is made of lower-case letters, digits and dashes";
        for (name, expected) in [
            (
                "My Backend",
                format!("\"My Backend\" cannot be a backend's name: {legal}; my-backend would do"),
            ),
            ("burn_0.20", format!("\"burn_0.20\" cannot be a backend's name: {legal}; burn-0-20 would do")),
            ("é", format!("\"é\" cannot be a backend's name: {legal}")),
            ("NaN", format!("\"NaN\" cannot be a backend's name: {legal}")),
            ("", "\"\" cannot be a backend's name: it is empty".to_owned()),
        ] {
            assert_eq!(message(name), expected);
        }
        assert!(message("-x").ends_with("begins and ends with a letter or a digit; x would do"));
        assert!(message("all").ends_with("stands for every backend"));
        for name in MISSING {
            assert!(message(name).ends_with("take it for a missing value; choose another word"));
        }
        assert!(message(&"x".repeat(64)).ends_with("it has at most 63 letters"));
        for name in ["mine", "3d", "a-b", "x", "nano", "all-in-one"] {
            assert_eq!(BackendName::parse(name).map(BackendName::as_str), Ok(name));
        }
    }
}
