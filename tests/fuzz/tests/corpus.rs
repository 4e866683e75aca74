//! Every target against its corpus, and against what becomes of that at random.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trainmark::worker::protocol::Message;
use trainmark_fuzz::{TARGETS, Target};

/// How long each target is searched; all at once.
const PATIENCE: Duration = Duration::from_secs(3);
/// Fewer would be no search.
const LEAST: usize = 200;

/// What is in a target's folder of the corpus.
fn corpus(target: Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One of them with a few changes.
fn changed(corpus: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = corpus.choose(random).unwrap().clone();
    for _ in 0..random.random_range(1..4) {
        change(&mut bytes, corpus, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut ChaCha8Rng) {
    const NUMBERS: [&str; 9] =
        ["0", "-1", "1e308", "-0.0", "4294967295", "18446744073709551615", "null", "NaN", "\"\""];
    let place = random.random_range(0..=bytes.len());
    let end = random.random_range(place..=bytes.len()).min(place + 64);
    match random.random_range(0..8) {
        0 if place < bytes.len() => bytes[place] ^= 1 << random.random_range(0..8),
        1 if place < bytes.len() => bytes[place] = random.random(),
        2 => drop(bytes.drain(place..end)),
        3 => {
            let repeated = bytes[place..end].to_vec();
            bytes.splice(place..place, repeated);
        }
        // From another one.
        4 => {
            let other = corpus.choose(random).unwrap();
            let start = random.random_range(0..=other.len());
            let part = &other[start..(start + 64).min(other.len())];
            bytes.splice(place..end, part.iter().copied());
        }
        // A whole line of another one, before one of these.
        5 => {
            let other = corpus.choose(random).unwrap();
            let lines: Vec<&[u8]> = other.split_inclusive(|&byte| byte == b'\n').collect();
            let line_start = bytes[..place].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let Some(line) = lines.choose(random) else { return };
            bytes.splice(line_start..line_start, line.iter().copied());
        }
        // The number that is there becomes another.
        6 => {
            let is_digit = |byte: &u8| byte.is_ascii_digit() || b".-e".contains(byte);
            let Some(start) = bytes[place..].iter().position(u8::is_ascii_digit) else { return };
            let start = place + start;
            let length = bytes[start..].iter().take_while(|byte| is_digit(byte)).count();
            let number = NUMBERS.choose(random).unwrap();
            bytes.splice(start..start + length, number.bytes());
        }
        _ => bytes.truncate(place),
    }
}

/// Runs the target; what breaks it is kept as a file, to be put into the corpus once mended.
fn hold(target: Target, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
        let kept = tempfile::Builder::new().prefix(target.name).tempfile().unwrap().into_temp_path();
        let path = kept.keep().unwrap();
        fs::write(&path, bytes).unwrap();
        panic!("{} breaks at the bytes in {}", target.name, path.display());
    }
}

fn search(target: Target) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "{} has no corpus", target.name);
    corpus.iter().for_each(|bytes| hold(target, bytes));
    // Another search each day would break builds that changed nothing.
    let mut random = ChaCha8Rng::seed_from_u64(u64::from(target.name.as_bytes()[0]));
    let (start, mut tried) = (Instant::now(), 0);
    while tried < LEAST || start.elapsed() < PATIENCE {
        hold(target, &changed(&corpus, &mut random));
        tried += 1;
    }
    println!("{}: {} of the corpus and {tried} made of them", target.name, corpus.len());
}

#[test]
fn nothing_breaks_a_target() {
    std::thread::scope(|scope| {
        for target in TARGETS {
            scope.spawn(move || search(target));
        }
    });
}

/// Dialogues of an older protocol would all end at their first line.
#[test]
fn the_corpus_of_dialogues_holds_messages() {
    let target = TARGETS.into_iter().find(|target| target.name == "message").unwrap();
    for dialogue in corpus(target) {
        for line in dialogue.trim_ascii_end().split(|&byte| byte == b'\n').skip(1) {
            let message = serde_json::from_slice::<Message>(line);
            message.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
        }
    }
}
