//! Times training on random pixels, see `backends/epoch.rs`:
//!
//! ```text
//! cargo run --release --example epoch -- --help
//! ```

#[path = "../../epoch.rs"]
mod epoch;

fn main() -> std::process::ExitCode {
    epoch::run::<trainmark_tch::Tch>()
}
