//! Times training epochs on random pixels, see `backends/epoch.rs`:
//!
//! ```text
//! cargo run --release -p trainmark-handwritten --example epoch -- [implementation] [threads] [epochs] [samples]
//! ```

#[path = "../../epoch.rs"]
mod epoch;

fn main() -> Result<(), trainmark_plugin::Error> {
    epoch::run::<trainmark_handwritten::Handwritten>()
}
