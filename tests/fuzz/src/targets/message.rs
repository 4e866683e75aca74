//! What a worker says of its job, line by line. The first line is no message: the kind of job and
//! the number of its epochs.

use serde_json::json;
use trainmark::worker::dialogue::Dialogue;
use trainmark::worker::protocol::{Job, Message};

use super::assert_one_line;

pub(super) fn run(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let Some((kind, epochs)) = lines.next().and_then(about) else { return };
    let Some(job) = job(kind, epochs) else { return };
    let mut dialogue = Dialogue::about(&job);
    let mut heard = Vec::new();
    for line in lines {
        let Ok(message) = serde_json::from_slice::<Message>(line) else { break };
        assert_same_when_written(&message);
        if let Err(why) = dialogue.take(&message, line.len()) {
            assert_one_line(&why);
            break;
        }
        assert_one_line(&dialogue.call());
        let is_last = message.is_last();
        heard.push(message);
        if is_last {
            break;
        }
    }
    assert_possible(kind, epochs, &heard);
}

fn about(line: &[u8]) -> Option<(&str, u32)> {
    let (kind, epochs) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some((kind, epochs.parse().ok()?))
}

fn job(kind: &str, epochs: u32) -> Option<Job> {
    let dataset = json!({
        "name": "synthetic", "fingerprint": "", "height": 28, "width": 28,
        "train_images": "", "train_labels": "", "test_images": "", "test_labels": "",
        "train_samples": 60000, "test_samples": 10000, "notice": null,
    });
    let mut task = json!({
        "library": "", "library_hash": "", "workload": "softmax", "dataset": dataset,
        "implementation": "none", "device": "cpu", "threads": 1, "seed": 0, "epochs": epochs,
    });
    let job = match kind {
        "describe" => json!({ "job": kind, "library": "" }),
        "foresee" => json!({ "job": kind, "workload": "softmax", "dataset": dataset, "seed": 0 }),
        "check" => json!({ "job": kind, "task": task }),
        "estimate" | "train" => {
            task["job"] = kind.into();
            task
        }
        "audit" => {
            let evidence = json!({ "epoch": 1, "train_loss": 0.5, "correct": 1, "start": [], "end": [] });
            json!({ "job": kind, "task": task, "evidence": evidence })
        }
        "operations" => json!({ "job": kind, "task": task, "cases": [{ "number": 0 }], "shrinks": true }),
        "measure" => json!({ "job": kind, "task": task, "operation": "copy", "is_quick": true }),
        _ => return None,
    };
    let job = serde_json::from_value(job);
    Some(job.unwrap_or_else(|error| panic!("{kind} is no job: {error}")))
}

fn assert_same_when_written(message: &Message) {
    let written = serde_json::to_string(message).unwrap_or_else(|error| panic!("{message:?}: {error}"));
    let again: Message = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
    // By their text: a number that is none is not like itself.
    assert_eq!(serde_json::to_string(&again).ok().as_deref(), Some(&*written));
}

/// Fails where what was heard, all in all, cannot have happened.
fn assert_possible(kind: &str, most_epochs: u32, heard: &[Message]) {
    let place = |name| heard.iter().position(|message| message.name() == name);
    let loaded = place("loaded").unwrap_or(heard.len());
    for name in ["loaded", "opened", "measured", "done", "failed"] {
        let times = heard.iter().filter(|message| message.name() == name).count();
        assert!(times <= 1, "{name} is heard {times} times");
    }
    for name in ["opened", "checked", "epoch", "trying", "tried", "measured", "done"] {
        // Where no backend has a part in it, none is loaded.
        let is_due = kind == "foresee" && name == "done";
        assert!(is_due || place(name).is_none_or(|place| place > loaded), "{name} is heard before loaded");
    }
    for (name, of) in
        [("opened", "train"), ("epoch", "train"), ("tried", "operations"), ("measured", "measure")]
    {
        assert!(place(name).is_none() || kind == of, "{name} is heard of a job to {kind}");
    }
    let mut epochs = 0;
    for message in heard {
        let Message::Epoch(epoch) = message else { continue };
        epochs += 1;
        assert!(epoch.epoch == epochs && epochs <= most_epochs, "epoch {} is no {epochs}", epoch.epoch);
        assert!(epoch.train_seconds >= 0.0 && epoch.predict_seconds >= 0.0, "{epoch:?}");
        assert!(epoch.train_accuracy <= 1.0 && epoch.test_accuracy <= 1.0, "{epoch:?}");
    }
}
