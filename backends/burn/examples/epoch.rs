//! Times training on random pixels, see `backends/epoch`:
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release --example epoch -- --help
//! ```
//!
//! Burn takes its number of threads from `RAYON_NUM_THREADS`.

#[path = "../../epoch/mod.rs"]
mod epoch;

fn main() -> std::process::ExitCode {
    epoch::run::<trainmark_burn::Burn>()
}
