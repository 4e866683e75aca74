//! Data sets of other shapes than Fashion-MNIST's: of the user's own, in a folder of IDX files.

use std::fs;
use std::path::{Path, PathBuf};

use trainmark_tests::{Invocation, Repository, RunFolder, handwritten, invoke};

/// A network for images of 3×10×8 in twelve classes.
const PETS: &str = r#"name = "pets-bn"
dataset = "idx:data/pets"
input = "3×10×8"
layers = ["conv2d 4 channels, 3×3", "batch_norm", "relu", "max_pool2d 2×2", "flatten", "linear 12"]
learning_rate = 0.5
batch_size = 48
epochs = 3
targets = { train_accuracy = 0.9 }
"#;
const CLASSES: usize = 12;
const SHAPE: [usize; 3] = [3, 10, 8];

fn idx(dimensions: &[usize], bytes: &[u8]) -> Vec<u8> {
    let header = [0x0800 + dimensions.len()].into_iter().chain(dimensions.iter().copied());
    header.flat_map(|number| (number as u32).to_be_bytes()).chain(bytes.iter().copied()).collect()
}

/// Images of twelve classes, each a bright spot of a colour at a place of its own, in noise.
fn write_split(folder: &Path, split: &str, count: usize) {
    let [channels, height, width] = SHAPE;
    let mut noise = 12_345_u32;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for sample in 0..count {
        let class = sample * 5 % CLASSES;
        let (colour, top, left) = (class % 3, class / 3 % 2 * 5, class / 6 * 4);
        for place in 0..channels * height * width {
            let (channel, row, column) = (place / (height * width), place / width % height, place % width);
            let is_spot =
                channel == colour && (top..top + 5).contains(&row) && (left..left + 4).contains(&column);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            pixels.push((noise >> 26) as u8 + if is_spot { 150 } else { 0 });
        }
        labels.push(class as u8);
    }
    fs::create_dir_all(folder).unwrap();
    let images = idx(&[count, channels, height, width], &pixels);
    fs::write(folder.join(format!("{split}-images-idx4-ubyte")), images).unwrap();
    fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
}

/// A repository with a backend, the workload and, in `data/pets`, its samples.
struct Pets {
    root: Repository,
}

impl Pets {
    fn new() -> Self {
        let pets = Self { root: Repository::new().library("handwritten", &handwritten()) };
        write_split(&pets.data(), "train", 480);
        write_split(&pets.data(), "test", 96);
        pets.write(PETS);
        pets
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data/pets")
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("pets.toml")
    }

    fn runs(&self) -> PathBuf {
        self.root.path().join("runs")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    /// A command on the workload in this file.
    fn on(&self, command: &str) -> Invocation {
        self.root.invoke([command, "handwritten", "--workload"]).args([self.file()])
    }

    fn bench(&self) -> Invocation {
        self.on("bench").args(["--seeds", "1", "--out"]).args([self.runs()])
    }

    /// What a benchmark says that is refused before it has begun.
    fn refusal(&self, bench: Invocation) -> String {
        let message = bench.run().refusal();
        assert!(!self.runs().join("latest").exists(), "nothing was begun");
        message.replace(&self.root.path().display().to_string(), "ROOT")
    }
}

#[test]
fn images_of_ones_own_in_colour_are_checked_trained_and_recorded() {
    let pets = Pets::new();
    pets.on("check").run().expect(0);
    pets.bench().run().expect(0);
    let folder = RunFolder::only(&pets.runs());
    let plan = &folder.events()[0]["plan"];
    let dataset = &plan["dataset"];
    assert_eq!((&dataset["name"], &dataset["train_samples"]), (&"idx:pets".into(), &480.into()));
    assert_eq!(dataset["fingerprint"].as_str().unwrap().len(), 64);
    for row in folder.rows("summary.csv") {
        assert_eq!((&*row["workload"], &*row["dataset"]), ("pets-bn", "idx:pets"));
    }
    let last: Vec<f64> = folder
        .rows("epochs.csv")
        .iter()
        .filter(|row| row["epoch"] == "3")
        .map(|row| row["test_accuracy"].parse().unwrap())
        .collect();
    assert!(!last.is_empty() && last.iter().all(|accuracy| *accuracy > 0.9), "it learns: {last:?}");

    // Continued on the same samples only, whatever the folder that it is continued from.
    let resume = || pets.root.invoke(["bench", "--resume"]).args([&folder.path]);
    resume().run().expect(0);
    write_split(&pets.data(), "train", 481);
    let message = resume().run().refusal();
    assert!(message.starts_with("error: cannot resume: the run was begun on idx:pets ("), "{message}");
    assert!(message.contains(", now there is idx:pets ("), "{message}");
}

/// The harness does it, once; the record says so.
#[test]
fn images_are_resized_to_what_a_network_takes() {
    let pets = Pets::new();
    pets.write(&PETS.replace("3×10×8\"", "3×14×12\"\nresize = \"14×12\""));
    pets.bench().args(["--epochs", "1"]).run().expect(0);
    let folder = RunFolder::only(&pets.runs());
    assert_eq!(folder.rows("runs.csv")[0]["dataset"], "idx:pets resized to 14×12");
    let plan = &folder.events()[0]["plan"];
    assert_eq!(plan["dataset"]["train_samples"], 480);
    // Of one benchmark all images have one size.
    fs::write(pets.root.path().join("small.toml"), PETS.replace("pets-bn", "small")).unwrap();
    let both = format!("{},{}", pets.file().display(), pets.root.path().join("small.toml").display());
    let message = pets.root.invoke(["check", "handwritten", "--workload", &both]).run().refusal();
    assert!(message.contains("pets-bn and small have images resized to different sizes"), "{message}");
}

/// A network for images in colour runs without any.
#[test]
fn the_procedural_data_set_has_the_shape_that_a_network_takes() {
    let pets = Pets::new();
    pets.bench().args(["--quick", "--dataset", "synthetic"]).run().expect(0);
    let folder = RunFolder::only(&pets.runs());
    assert_eq!(folder.rows("runs.csv")[0]["dataset"], "synthetic 3×10×8");
    assert!(folder.read("report.html").contains("data set synthetic 3×10×8: not comparable"));
}

/// Numbers of two data sets stand in no table together.
#[test]
fn two_data_sets_are_not_held_against_each_other() {
    let pets = Pets::new();
    let run = |name: &str| {
        let out = pets.root.path().join(name);
        let bench = pets.on("bench").args(["--quick", "--out"]).args([&out]);
        bench.run().expect(0);
        RunFolder::only(&out).path
    };
    let one = run("one");
    write_split(&pets.data(), "train", 528);
    let other = run("other");
    let compared = invoke(["compare"]).args([&one, &other]).run().refusal();
    assert!(compared.contains("idx:pets"), "{compared}");
    let both = pets.root.path().join("both");
    invoke(["merge"]).args([&both]).args([&one, &other]).run().refusal();
}

#[test]
fn what_does_not_fit_together_is_refused_before_anything_is_begun() {
    let pets = Pets::new();
    let with = |from: &str, to: &str| {
        pets.write(&PETS.replace(from, to));
        let message = pets.refusal(pets.bench());
        pets.write(PETS);
        message
    };
    let mut messages = vec![
        with("linear 12", "linear 11"),
        with("3×10×8", "3×8×10"),
        with("data/pets", "data/pest"),
        with("idx:data/pets", "idx:"),
        with("idx:data/pets", "fasion-mnist"),
        with("batch_size = 48", "batch_size = 481"),
        with("3×10×8\"", "3×10×8\"\nresize = \"3×10×8\""),
        with("3×10×8\"", "3×10×8\"\nresize = \"20×16\""),
        with("\"3×10×8\"", "\"1×10×8\""),
    ];
    messages.push(pets.refusal(pets.bench().args(["--data-dir", "."])));
    // Written by a program that keeps the channels of a pixel together.
    let images = idx(&[480, 10, 8, 3], &vec![0; 480 * 240]);
    fs::write(pets.data().join("train-images-idx4-ubyte"), images).unwrap();
    messages.push(pets.refusal(pets.bench()));
    fs::write(pets.data().join("test-images-idx4-ubyte"), idx(&[96, 10, 8, 3], &vec![0; 96 * 240])).unwrap();
    messages.push(pets.refusal(pets.bench()));
    insta::assert_snapshot!("data-sets-refused", messages.concat());
}
