//! Names that a backend may have.

use anyhow::bail;

use crate::registry::{BackendName, Registry};

/// Checks that a backend may have this name and none has it yet.
///
/// # Errors
/// Why not, with a name that would do where one can be made of it.
pub fn check_name(name: &str, registry: &Registry) -> anyhow::Result<()> {
    BackendName::parse(name).map_err(anyhow::Error::msg)?;
    if let Some(backend) = registry.backends.iter().find(|backend| backend.name == name) {
        bail!("there is a backend {name} already, in {}; choose another name", backend.origin.display());
    }
    if registry.broken.iter().any(|(broken, _)| broken == name) {
        bail!("there is a backend {name} already, whose backend.toml cannot be used; choose another name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Backend;

    #[test]
    fn a_name_that_no_backend_may_have_is_refused() {
        for name in ["all", "none", "-x", "My Backend"] {
            let error = check_name(name, &Registry::default()).expect_err("bad").to_string();
            assert!(error.contains("cannot be a backend's name: "), "{error}");
        }
        check_name("mine", &Registry::default()).expect("it may be");
    }

    #[test]
    fn a_name_is_taken_once() {
        let backend = Backend { name: "mine".to_owned(), origin: "/there/mine".into(), ..Backend::default() };
        let registry = Registry { backends: vec![backend], broken: vec![("odd".to_owned(), String::new())] };
        let error = check_name("mine", &registry).expect_err("taken").to_string();
        assert_eq!(error, "there is a backend mine already, in /there/mine; choose another name");
        assert!(check_name("odd", &registry).is_err());
        check_name("other", &registry).expect("free");
    }
}
