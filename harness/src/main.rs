//! The command-line tool.

fn main() {
    std::process::exit(trainmark::cli::main());
}
