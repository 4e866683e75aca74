//! A workload's file.

use trainmark::workload::Workload;

use super::assert_one_line;

/// Memory of a worker.
const MEMORY: u64 = 8 << 30;

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // As a request keeps it.
    if let Err(why) = Workload::try_from(text.to_owned()) {
        assert_one_line(&why);
    }
    let workload = match Workload::from_toml(text) {
        Ok(workload) => workload,
        Err(mistake) => return assert_one_line(&mistake),
    };
    let again = Workload::from_toml(&workload.to_toml());
    assert_eq!(again.as_ref(), Ok(&workload), "what is written is not what was read");
    // What is told of it before anything is built, however large it is.
    for told in [workload.check_layers(), workload.check_memory(MEMORY)] {
        if let Err(misfit) = told {
            assert_one_line(&misfit);
        }
    }
    if let Err(error) = workload.info() {
        assert_one_line(&error);
    }
}
