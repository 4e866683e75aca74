//! Times training on random pixels, see `backends/epoch`:
//!
//! ```text
//! cargo run --release -p trainmark-handwritten --example epoch -- --help
//! sh build-cuda.sh build --release --example epoch    # in backends/handwritten: for cuda:0, cuda:1, …
//! ```

#[path = "../../epoch/mod.rs"]
mod epoch;

fn main() -> std::process::ExitCode {
    #[cfg(feature = "cuda")]
    return epoch::run::<trainmark_handwritten::HandwrittenCuda>();
    #[cfg(not(feature = "cuda"))]
    epoch::run::<trainmark_handwritten::Handwritten>()
}
