//! The fused implementation.

use trainmark_plugin::{Error, Model, OpenRequest, RunningVariance, Session};

use super::device::Device;

/// The frameworks' convention.
pub(crate) const RUNNING_VARIANCE: RunningVariance = RunningVariance::UnbiasedFromOne;
