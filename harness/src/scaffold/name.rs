//! Names that a backend may have.

use anyhow::bail;

use crate::registry::Registry;

/// The table keeps a name in 64 bytes, of which the last is zero.
const LONGEST: usize = 63;

/// Checks that a backend may have this name and none has it yet.
///
/// # Errors
/// Why not, with a name that would do where one can be made of it.
pub fn check_name(name: &str, registry: &Registry) -> anyhow::Result<()> {
    if let Some(why) = fault(name) {
        let better = mended(name);
        let advice = if fault(&better).is_none() { format!("; {better} would do") } else { String::new() };
        bail!("{name:?} cannot be a backend's name: {why}{advice}");
    }
    if let Some(backend) = registry.backends.iter().find(|backend| backend.name == name) {
        bail!("there is a backend {name} already, in {}; choose another name", backend.origin.display());
    }
    if registry.broken.iter().any(|(broken, _)| broken == name) {
        bail!("there is a backend {name} already, whose backend.toml cannot be used; choose another name");
    }
    Ok(())
}

fn fault(name: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    if !name.bytes().all(legal) {
        return Some("it is made of lower-case letters, digits and dashes".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Some("it begins and ends with a letter or a digit".to_owned());
    }
    if name == "all" {
        return Some("on the command line it stands for every backend".to_owned());
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
    use crate::registry::Backend;

    #[test]
    fn a_name_that_cannot_be_is_mended() {
        let message = |name: &str| check_name(name, &Registry::default()).expect_err("bad").to_string();
        let legal = "it is made of lower-case letters, digits and dashes";
        for (name, expected) in [
            (
                "My Backend",
                format!("\"My Backend\" cannot be a backend's name: {legal}; my-backend would do"),
            ),
            ("burn_0.20", format!("\"burn_0.20\" cannot be a backend's name: {legal}; burn-0-20 would do")),
            ("é", format!("\"é\" cannot be a backend's name: {legal}")),
            ("", "\"\" cannot be a backend's name: it is empty".to_owned()),
        ] {
            assert_eq!(message(name), expected);
        }
        assert!(message("-x").ends_with("begins and ends with a letter or a digit; x would do"));
        assert!(message("all").ends_with("stands for every backend"));
        assert!(message(&"x".repeat(64)).ends_with("it has at most 63 letters"));
        for name in ["mine", "3d", "a-b", "x"] {
            check_name(name, &Registry::default()).expect("it may be");
        }
    }

    #[test]
    fn a_name_is_taken_once() {
        let backend = Backend {
            name: "mine".to_owned(),
            summary: String::new(),
            origin: "/there/mine".into(),
            libraries: Vec::new(),
        };
        let registry = Registry { backends: vec![backend], broken: vec![("odd".to_owned(), String::new())] };
        let error = check_name("mine", &registry).expect_err("taken").to_string();
        assert_eq!(error, "there is a backend mine already, in /there/mine; choose another name");
        assert!(check_name("odd", &registry).is_err());
        check_name("other", &registry).expect("free");
    }
}
