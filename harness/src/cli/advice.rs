//! What to do about a limit that the system has set.

use std::io;

use rustix::io::Errno;
use trainmark_reports::StoreError;

/// The limits that a shell's `ulimit` shows and sets, by the error that tells of each.
const LIMITS: [(Errno, &str); 3] = [
    (Errno::AGAIN, "the limit on processes (`ulimit -u`) is reached: end others or raise it"),
    (Errno::MFILE, "the limit on open files (`ulimit -n`) is reached: raise it"),
    (Errno::FBIG, "the limit on a file's size (`ulimit -f`) is reached: raise it"),
];

/// What helps where an error comes from such a limit.
pub(super) fn of(error: &anyhow::Error) -> Option<&'static str> {
    let number = error.chain().find_map(number)?;
    LIMITS.iter().find(|(errno, _)| errno.raw_os_error() == number).map(|&(_, advice)| advice)
}

/// The system's number of an error, as those tell it that may come here.
fn number(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    if let Some(errno) = error.downcast_ref::<Errno>() {
        return Some(errno.raw_os_error());
    }
    let of_store = error.downcast_ref().and_then(|error| match error {
        StoreError::Io { cause, .. } => Some(cause),
        _ => None,
    });
    of_store.or_else(|| error.downcast_ref::<io::Error>())?.raw_os_error()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_limit_is_named_however_deep_its_error_lies() {
        let error = io::Error::from_raw_os_error(Errno::AGAIN.raw_os_error());
        let error = Err::<(), _>(error).context("cannot start a worker").unwrap_err();
        assert!(of(&error).is_some_and(|advice| advice.contains("`ulimit -u`")));
        let error = Err::<(), _>(Errno::MFILE).context("cannot start a worker").unwrap_err();
        assert!(of(&error).is_some_and(|advice| advice.contains("`ulimit -n`")));
        assert_eq!(of(&anyhow::anyhow!("another")), None);
    }
}
