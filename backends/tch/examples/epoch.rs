//! Times training on random pixels, see `backends/epoch`:
//!
//! ```text
//! cargo run --release --example epoch -- --help
//! ```

#[path = "../../epoch/mod.rs"]
mod epoch;

fn main() -> std::process::ExitCode {
    epoch::run::<trainmark_tch::Tch>()
}
