//! trainmark's records: what a benchmark writes down, where it is kept, and how
//! it is shown. Knows neither plugins nor devices.

pub mod record;
