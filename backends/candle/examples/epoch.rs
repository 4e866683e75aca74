//! Times training epochs on random pixels, see `backends/epoch.rs`:
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release --example epoch -- [implementation] [threads] [epochs] [samples]
//! ```
//!
//! Candle takes its number of threads from `RAYON_NUM_THREADS`.

#[path = "../../epoch.rs"]
mod epoch;

fn main() -> Result<(), trainmark_plugin::Error> {
    epoch::run::<trainmark_candle::Candle>()
}
