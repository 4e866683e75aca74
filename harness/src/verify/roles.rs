//! Backends have the roles that this version of trainmark gives them.

use std::collections::BTreeMap;

use trainmark_reports::Record;
use trainmark_reports::record::{Role, distinct};
use trainmark_reports::submission::Finding;

use crate::registry::{Backend, Registry};
use crate::units::count;

const ROLES: &str = "roles";

/// Each backend has the role of its `backend.toml`, and none has one that is not here: what all ratios are held
/// against is not the submitter's to choose.
pub(super) fn declared(record: &Record, here: &Result<Registry, String>) -> Finding {
    let backends: Vec<&str> = record.cells().into_iter().map(|cell| cell.backend.as_str()).collect();
    judge(&backends, &record.started.roles, here)
}

fn judge(backends: &[&str], given: &BTreeMap<String, Role>, here: &Result<Registry, String>) -> Finding {
    let registry = match here {
        Ok(registry) if !registry.backends.is_empty() => registry,
        Ok(_) => {
            let why = "no backend is here: only in trainmark's sources are their roles known";
            return Finding::not_judged(ROLES, why);
        }
        Err(error) => return Finding::not_judged(ROLES, error),
    };
    // What a backend's file cannot be read of is said by `list`.
    let is_broken = |name: &&str| registry.broken.iter().any(|(broken, _)| broken == plugin(name));
    let names = distinct(backends.iter().copied().chain(given.keys().map(String::as_str)));
    let (mut held, mut wrong) = (0, Vec::new());
    for name in names.into_iter().filter(|name| !is_broken(name)) {
        let known = known(registry, name);
        held += usize::from(known.is_some());
        wrong.extend(difference(name, given.get(name).copied(), known));
    }
    if wrong.is_empty() && held == 0 {
        return Finding::not_judged(ROLES, "none of its backends is here, and none is given a role");
    }
    Finding::of(ROLES, &wrong, format!("those of {} as declared here", count(held, "backend")))
}

/// The backend of a cell's name, whichever its version or build.
fn plugin(name: &str) -> &str {
    name.split_once('@').map_or(name, |(plugin, _)| plugin)
}

fn known<'r>(registry: &'r Registry, name: &str) -> Option<&'r Backend> {
    registry.backends.iter().find(|backend| backend.name == plugin(name))
}

fn difference(name: &str, said: Option<Role>, known: Option<&Backend>) -> Option<String> {
    let words = |role: Option<Role>| {
        role.map_or_else(|| "no role".to_owned(), |role| format!("the role `{}`", role.name()))
    };
    match (known, said) {
        (Some(backend), _) if said != backend.role => {
            Some(format!("{name} is given {}; its backend.toml has {}", words(said), words(backend.role)))
        }
        (None, Some(_)) => {
            Some(format!("{name} is given {}, and is no backend of this trainmark", words(said)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod unit_tests {
    use std::collections::BTreeMap;

    use super::*;

    fn backend(name: &str, role: Option<Role>) -> Backend {
        Backend { name: name.to_owned(), role, ..Backend::default() }
    }

    /// The verdict on a record of these backends, with the roles that it gives.
    fn verdict(backends: &[&str], given: &[&str], here: Vec<Backend>) -> String {
        let registry = Registry { backends: here, ..Registry::default() };
        let given: BTreeMap<String, Role> =
            given.iter().map(|name| ((*name).to_owned(), Role::Ceiling)).collect();
        let finding = judge(backends, &given, &Ok(registry));
        format!("{}: {}", finding.verdict.name(), finding.detail)
    }

    #[test]
    fn roles_are_those_of_the_backends_that_are_here() {
        let told = |backends: &[&str], given: &[&str]| {
            verdict(backends, given, vec![backend("top", Some(Role::Ceiling)), backend("tch", None)])
        };
        assert_eq!(told(&["top", "tch", "mine"], &["top"]), "ok: those of 2 backends as declared here");
        assert_eq!(told(&["top@head", "tch@0.9"], &["top@head"]), "ok: those of 2 backends as declared here");
        let none = "not judged: none of its backends is here, and none is given a role";
        assert_eq!(told(&["mine"], &[]), none);
        assert_eq!(
            told(&["top", "tch"], &[]),
            "failed: top is given no role; its backend.toml has the role `ceiling`"
        );
        assert_eq!(
            told(&["top", "tch@0.9"], &["top", "tch@0.9"]),
            "failed: tch@0.9 is given the role `ceiling`; its backend.toml has no role"
        );
        assert_eq!(
            told(&["mine", "tch"], &["mine"]),
            "failed: mine is given the role `ceiling`, and is no backend of this trainmark"
        );
        assert_eq!(
            told(&["tch"], &["tch", "elsewhere"]),
            "failed: tch is given the role `ceiling`; its backend.toml has no role; and 1 more"
        );
    }

    #[test]
    fn without_backends_no_role_is_judged() {
        let told = verdict(&["tch"], &["tch"], Vec::new());
        assert_eq!(told, "not judged: no backend is here: only in trainmark's sources are their roles known");
        let broken = vec![("odd".to_owned(), "no name".to_owned())];
        let registry = Registry { backends: vec![backend("tch", None)], broken };
        let given = BTreeMap::from([("odd".to_owned(), Role::Ceiling)]);
        assert!(!judge(&["odd", "tch"], &given, &Ok(registry)).is_failure(), "its file cannot be read");
        let error = judge(&["tch"], &BTreeMap::new(), &Err("cannot look".to_owned()));
        assert_eq!(error, Finding::not_judged(ROLES, "cannot look"));
    }
}
