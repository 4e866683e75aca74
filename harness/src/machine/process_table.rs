//! Other processes, on systems that do not show them as files below `/proc`.

use std::collections::HashMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Resident memory of a process in bytes.
pub(super) fn rss_bytes(process: u32) -> Option<u64> {
    let process = Pid::from_u32(process);
    let listed = listed(ProcessesToUpdate::Some(&[process]), ProcessRefreshKind::nothing().with_memory())?;
    listed.process(process).map(sysinfo::Process::memory).filter(|bytes| *bytes > 0)
}

/// Every process with its parent.
pub(super) fn parents() -> HashMap<u32, u32> {
    let listed = listed(ProcessesToUpdate::All, ProcessRefreshKind::nothing());
    let with_parent =
        |(process, found): (&Pid, &sysinfo::Process)| Some((process.as_u32(), found.parent()?.as_u32()));
    listed.iter().flat_map(System::processes).filter_map(with_parent).collect()
}

fn listed(which: ProcessesToUpdate<'_>, what: ProcessRefreshKind) -> Option<System> {
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(which, true, what.without_tasks());
    Some(system)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_is_listed_with_its_parent_and_its_memory() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let (parents, bytes) = (parents(), rss_bytes(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(parents.get(&child.id()), Some(&std::process::id()));
        assert!(bytes.is_some_and(|bytes| (1 << 12..1 << 30).contains(&bytes)), "{bytes:?}");
        assert_eq!(rss_bytes(child.id()), None, "it has ended");
    }

    #[test]
    fn both_ways_tell_the_same_of_a_process() {
        let ours = std::process::id();
        if let Some(told) = super::super::rss_bytes(ours) {
            let listed = rss_bytes(ours).unwrap();
            assert!(listed < 2 * told && told < 2 * listed, "{listed} and {told}");
        }
    }
}
