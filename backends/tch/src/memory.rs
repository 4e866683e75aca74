//! How memory is kept between steps.

/// Largest block that is kept; glibc takes no more. The data set is larger.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGEST_KEPT: i32 = 32 << 20;
/// Unused memory at the heap's end that is kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 1 << 30;

/// Lets glibc keep what a step has freed for the next one.
///
/// Else it gives every large tensor back to the system, which then clears its pages
/// anew in each step: PyTorch's tuning guide advises another allocator for that.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, bytes) in [(libc::M_MMAP_THRESHOLD, LARGEST_KEPT), (libc::M_TRIM_THRESHOLD, KEPT)] {
        // SAFETY: mallopt takes two integers, may be called at any time, and refuses
        // values that it does not take.
        unsafe { libc::mallopt(parameter, bytes) };
    }
}
