//! What a worker may say, given its job and what it has said before. A plugin lives in the
//! worker's process and can find its channel: nothing is heard, let alone recorded, that cannot
//! be true.

use std::time::Instant;

use super::protocol::{Done, EpochMessage, Job, Message};
use crate::conformance::operations::CaseName;

/// Bytes that a worker may say, and further ones per epoch. Far more than any job needs: what is
/// kept of them must not fill the harness's memory.
const MOST_BYTES: usize = 16 << 20;
const MOST_BYTES_PER_EPOCH: usize = 4 << 10;
/// Calls that a job makes, and further ones per epoch or case: each begins its time limit anew.
const MOST_CALLS: usize = 20_000;
const MOST_CALLS_PER_EPOCH: usize = 10;
/// Letters of a call's name.
const LONGEST_NAME: usize = 40;
/// What a worker does until its first call.
const START: &str = "start";
/// Seconds by which a worker's clock may be ahead of the harness's.
const CLOCKS_DIFFER: f64 = 1.0;

/// One worker's words, checked in the order in which they come.
#[derive(Debug)]
pub struct Dialogue {
    job: Kind,
    epochs: u32,
    /// When the job was given: nothing took longer than the time since then.
    begun: Instant,
    bytes_left: usize,
    calls_left: usize,
    call: String,
    is_calling: bool,
    is_loaded: bool,
    is_open: bool,
    is_measured: bool,
    last_epoch: u32,
    has_trained: bool,
    has_predicted: bool,
    trying: Option<CaseName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Describe,
    Foresee,
    Check,
    Train,
    Audit,
    Operations,
    Measure,
}

impl Dialogue {
    /// One about a job that is being given.
    pub fn about(job: &Job) -> Self {
        let kind = match job {
            Job::Describe { .. } => Kind::Describe,
            Job::Foresee { .. } => Kind::Foresee,
            Job::Check { .. } | Job::Estimate(_) => Kind::Check,
            Job::Train(_) => Kind::Train,
            Job::Audit { .. } => Kind::Audit,
            Job::Operations { .. } => Kind::Operations,
            Job::Measure { .. } => Kind::Measure,
        };
        Self::new(kind, job.task().map_or(0, |task| task.epochs))
    }

    fn new(job: Kind, epochs: u32) -> Self {
        Self {
            job,
            epochs,
            begun: Instant::now(),
            bytes_left: MOST_BYTES + MOST_BYTES_PER_EPOCH * epochs as usize,
            calls_left: MOST_CALLS + MOST_CALLS_PER_EPOCH * epochs as usize,
            call: START.to_owned(),
            // Until the first call: whatever a process does before it can say anything.
            is_calling: true,
            is_loaded: false,
            is_open: false,
            is_measured: false,
            last_epoch: 0,
            has_trained: false,
            has_predicted: false,
            trying: None,
        }
    }

    /// Name of the last call of the plugin.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Whether the worker has said anything.
    pub fn has_begun(&self) -> bool {
        self.call != START
    }

    /// Whether that call is under way.
    pub fn is_calling(&self) -> bool {
        self.is_calling
    }

    /// Takes the next message, which came as so many bytes.
    ///
    /// # Errors
    /// Why it cannot be true, in one line that names it.
    pub fn take(&mut self, message: &Message, bytes: usize) -> Result<(), String> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            format!("the worker says too much during {}: no job needs so many bytes", self.call)
        })?;
        self.check(message).map_err(|why| {
            format!("the worker's message {:?} during {} cannot be true: {why}", message.name(), self.call)
        })?;
        self.advance(message);
        Ok(())
    }

    fn check(&self, message: &Message) -> Result<(), String> {
        match message {
            Message::Calling { call } => {
                require(self.calls_left > 0, "no job makes so many calls")?;
                check_name(call)
            }
            Message::Returned => require(self.is_calling, "no call is under way"),
            Message::Loaded { seconds, .. } => {
                require(!self.is_loaded, "the library is loaded already")?;
                self.check_seconds("seconds", *seconds)
            }
            Message::Opened { seconds } => {
                require(
                    self.job == Kind::Train && self.is_loaded && !self.is_open,
                    "no session is to be opened",
                )?;
                self.check_seconds("seconds", *seconds)
            }
            Message::Checked(_) => {
                let may_be_checked =
                    !matches!(self.job, Kind::Describe | Kind::Operations | Kind::Measure) && self.is_loaded;
                require(may_be_checked, "nothing is checked in this job")?;
                require(!self.is_calling, "a call is under way")
            }
            Message::Epoch(epoch) => self.check_epoch(epoch),
            Message::Trying { case } => {
                require(self.job == Kind::Operations && self.is_loaded, "nothing is to be tried")?;
                require(!self.is_calling, "a call is under way")?;
                require(case.smaller.len() <= CaseName::MOST_STEPS, "nothing is made so small")
            }
            Message::Tried { case, .. } => {
                require(!self.is_calling, "a call is under way")?;
                require(self.trying.as_ref() == Some(case), "it is not what is being tried")
            }
            Message::Measured(time) => {
                let is_due = self.job == Kind::Measure && self.is_loaded && !self.is_measured;
                require(is_due, "no operation's time is to be told")?;
                let is_ordered = time.low <= time.seconds && time.seconds <= time.high;
                require(is_ordered && time.samples > 0, "it is no median with its interval")?;
                self.check_seconds("high", time.high.abs().max(time.low.abs()))
            }
            Message::Done(done) => self.check_done(done),
            Message::Failed(_) => Ok(()),
        }
    }

    fn check_epoch(&self, epoch: &EpochMessage) -> Result<(), String> {
        let (number, next) = (epoch.epoch, self.last_epoch + 1);
        require(self.job == Kind::Train && self.is_open, "no session is open")?;
        if next > self.epochs {
            return Err(format!("epoch {number} after the last of {}", self.epochs));
        }
        if number != next {
            return Err(format!("epoch {number} where {next} comes next"));
        }
        require(self.has_trained && self.has_predicted, "nothing was trained and predicted before it")?;
        self.check_seconds("train_seconds", epoch.train_seconds)?;
        self.check_seconds("unfinished_seconds", epoch.unfinished_seconds)?;
        self.check_seconds("predict_seconds", epoch.predict_seconds)?;
        check_amount("train_cpu_seconds", epoch.train_cpu_seconds)?;
        check_share("train_accuracy", epoch.train_accuracy)?;
        check_share("test_accuracy", epoch.test_accuracy)?;
        require(epoch.train_loss.is_none_or(f64::is_finite), "train_loss is no number")
    }

    fn check_done(&self, done: &Done) -> Result<(), String> {
        let is_due = match self.job {
            Kind::Describe | Kind::Check | Kind::Audit | Kind::Operations => self.is_loaded,
            Kind::Foresee => true,
            Kind::Train => self.is_open,
            Kind::Measure => self.is_measured,
        };
        require(is_due, "the job has hardly begun")?;
        done.cpu_seconds.map_or(Ok(()), |seconds| check_amount("cpu_seconds", seconds))?;
        done.epoch_estimate_seconds
            .map_or(Ok(()), |seconds| check_amount("epoch_estimate_seconds", seconds))?;
        done.start_estimate_seconds.map_or(Ok(()), |seconds| check_amount("start_estimate_seconds", seconds))
    }

    fn check_seconds(&self, what: &str, seconds: f64) -> Result<(), String> {
        check_amount(what, seconds)?;
        let most = self.begun.elapsed().as_secs_f64() + CLOCKS_DIFFER;
        if seconds > most {
            return Err(format!("{what} is {seconds}, but the job has lasted {most:.1} s at most"));
        }
        Ok(())
    }

    fn advance(&mut self, message: &Message) {
        match message {
            Message::Calling { call } => {
                self.calls_left -= 1;
                self.call.clone_from(call);
                self.is_calling = true;
                self.has_trained |= call == "train_epoch";
                self.has_predicted |= call == "predict";
            }
            Message::Returned => self.is_calling = false,
            Message::Loaded { .. } => (self.is_calling, self.is_loaded) = (false, true),
            Message::Opened { .. } => (self.is_calling, self.is_open) = (false, true),
            Message::Epoch(epoch) => {
                self.last_epoch = epoch.epoch;
                (self.is_calling, self.has_trained, self.has_predicted) = (false, false, false);
            }
            Message::Measured(_) => (self.is_calling, self.is_measured) = (false, true),
            Message::Trying { case } => self.trying = Some(case.clone()),
            // Once is enough.
            Message::Tried { .. } => self.trying = None,
            Message::Checked(_) | Message::Done(_) | Message::Failed(_) => {}
        }
    }
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn check_name(call: &str) -> Result<(), String> {
    let is_name = (1..=LONGEST_NAME).contains(&call.len())
        && call.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    require(is_name, "that is no name of a call")
}

fn check_amount(what: &str, amount: f64) -> Result<(), String> {
    if amount.is_finite() && amount >= 0.0 { Ok(()) } else { Err(format!("{what} is {amount}")) }
}

fn check_share(what: &str, share: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&share) { Ok(()) } else { Err(format!("{what} is {share}")) }
}

#[cfg(test)]
mod tests {
    use trainmark_reports::operations::OperationTime;
    use trainmark_reports::record::CheckRecord;

    use super::*;
    use crate::conformance::operations::Tried;
    use crate::failure::{Failure, FailureKind};
    use crate::worker::protocol::BackendInfo;

    fn call(name: &str) -> Message {
        Message::Calling { call: name.to_owned() }
    }

    fn loaded(seconds: f64) -> Message {
        let backend = BackendInfo {
            name: "mine".to_owned(),
            version: "1".to_owned(),
            framework: "none".to_owned(),
            implementations: Vec::new(),
            devices: Vec::new(),
            notes: Vec::new(),
        };
        Message::Loaded { seconds, backend, process: 1, library_hash: String::new() }
    }

    fn epoch(number: u32) -> EpochMessage {
        EpochMessage {
            epoch: number,
            train_seconds: 0.5,
            unfinished_seconds: 0.0,
            train_cpu_seconds: 0.5,
            predict_seconds: 0.1,
            train_loss: None,
            train_accuracy: 1.0,
            test_accuracy: 0.0,
            rss_bytes: None,
        }
    }

    fn check() -> Message {
        Message::Checked(CheckRecord {
            name: "gradients".to_owned(),
            kind: None,
            passed: true,
            measured: None,
            limit: None,
            detail: String::new(),
        })
    }

    fn done() -> Message {
        Message::Done(Box::default())
    }

    fn measured(seconds: f64, low: f64, high: f64) -> Message {
        Message::Measured(OperationTime { seconds, low, high, samples: 10 })
    }

    fn trying(number: u32) -> Message {
        Message::Trying { case: CaseName::drawn(number) }
    }

    fn tried(number: u32) -> Message {
        Message::Tried { case: CaseName::drawn(number), tried: Tried::Agreed { share: 0.1 } }
    }

    fn train(epochs: u32) -> (Kind, u32) {
        (Kind::Train, epochs)
    }

    /// A training up to the end of so many epochs.
    fn trained(epochs: u32) -> Vec<Message> {
        let mut said = vec![call("load"), call("describe"), loaded(0.1), call("open")];
        said.push(Message::Opened { seconds: 0.1 });
        for number in 1..=epochs {
            said.extend([call("train_epoch"), call("get_parameters"), call("predict")]);
            said.push(Message::Epoch(epoch(number)));
        }
        said
    }

    /// What is said of the last message, where all before are taken.
    fn told((job, epochs): (Kind, u32), before: Vec<Message>, last: Message) -> Result<(), String> {
        let mut dialogue = Dialogue::new(job, epochs);
        for message in before {
            dialogue.take(&message, 100).expect("it may be said");
        }
        dialogue.take(&last, 100)
    }

    #[track_caller]
    fn refused(job: (Kind, u32), before: Vec<Message>, last: Message, why: &str) {
        let told = told(job, before, last).expect_err("it cannot be true");
        assert!(told.contains(why) && told.starts_with("the worker's message \""), "{told}");
    }

    #[test]
    fn a_job_is_told_in_its_order() {
        let mut said = trained(2);
        said.extend([call("get_parameters"), call("close"), Message::Returned, check()]);
        assert_eq!(told(train(2), said, done()), Ok(()));
        let gate = vec![loaded(0.1), call("open"), Message::Returned, check(), check()];
        assert_eq!(told((Kind::Check, 0), gate, done()), Ok(()));
        let job = (Kind::Measure, 0);
        let said = vec![loaded(0.1), call("train_step"), call("close"), measured(-0.01, -0.02, 0.1)];
        assert_eq!(told(job, said, done()), Ok(()));
        let tries =
            vec![loaded(0.1), trying(0), call("open"), Message::Returned, tried(0), trying(1), tried(1)];
        assert_eq!(told((Kind::Operations, 2), tries, done()), Ok(()));
        let failure = Message::Failed(Failure::new(FailureKind::Failed, "at once"));
        assert_eq!(told(train(1), Vec::new(), failure), Ok(()));
    }

    #[test]
    fn epochs_come_in_order_and_after_their_work() {
        let said = |number| {
            let mut said = trained(1);
            said.extend([call("train_epoch"), call("predict")]);
            (said, Message::Epoch(epoch(number)))
        };
        for number in [0, 1, 3, u32::MAX] {
            let (said, last) = said(number);
            refused(train(5), said, last, &format!("epoch {number} where 2 comes next"));
        }
        let (begun, second) = said(2);
        assert_eq!(told(train(2), begun, second), Ok(()));
        let (begun, second) = said(2);
        refused(train(1), begun, second, "epoch 2 after the last of 1");
        refused(train(2), trained(1), Message::Epoch(epoch(2)), "nothing was trained");
        refused(train(1), vec![loaded(0.1)], Message::Epoch(epoch(1)), "no session is open");
        refused((Kind::Check, 1), vec![loaded(0.1)], Message::Epoch(epoch(1)), "no session is open");
    }

    #[test]
    fn values_are_what_they_can_be() {
        let spoilt: [fn(&mut EpochMessage); 6] = [
            |epoch| epoch.train_seconds = -1.0,
            |epoch| epoch.train_seconds = 1e300,
            |epoch| epoch.predict_seconds = f64::NAN,
            |epoch| epoch.train_cpu_seconds = f64::INFINITY,
            |epoch| epoch.train_accuracy = 1.01,
            |epoch| epoch.test_accuracy = -0.01,
        ];
        for spoil in spoilt {
            let mut said = trained(0);
            said.extend([call("train_epoch"), call("predict")]);
            let mut last = epoch(1);
            spoil(&mut last);
            refused(train(1), said, Message::Epoch(last), " is ");
        }
        refused(train(1), Vec::new(), loaded(-0.5), "seconds is -0.5");
        let job = (Kind::Measure, 0);
        refused(job, vec![loaded(0.1)], measured(1.0, 2.0, 3.0), "no median");
        refused(job, vec![loaded(0.1)], measured(1e9, 0.0, 1e10), "high is 10000000000, but the job");
        let absurd = Done { epoch_estimate_seconds: Some(-1.0), ..Done::default() };
        let absurd = Message::Done(Box::new(absurd));
        refused((Kind::Check, 0), vec![loaded(0.1)], absurd, "epoch_estimate_seconds is -1");
    }

    #[test]
    fn nothing_is_said_twice_or_too_early() {
        refused(train(1), vec![loaded(0.1)], loaded(0.1), "loaded already");
        refused(train(1), trained(0), Message::Opened { seconds: 0.1 }, "no session is to be opened");
        refused(train(1), Vec::new(), Message::Opened { seconds: 0.1 }, "no session is to be opened");
        refused(train(1), vec![loaded(0.1)], Message::Returned, "no call is under way");
        refused(train(1), vec![loaded(0.1), call("predict")], check(), "a call is under way");
        refused(train(1), vec![loaded(0.1)], done(), "hardly begun");
        let describe = (Kind::Describe, 0);
        refused(describe, vec![loaded(0.1)], check(), "nothing is checked in this job");
        refused(describe, Vec::new(), done(), "hardly begun");
        refused(describe, vec![loaded(0.1)], measured(1.0, 1.0, 1.0), "no operation's time");
        refused((Kind::Check, 1), vec![loaded(0.1)], trying(0), "nothing is to be tried");
        let operations = (Kind::Operations, 2);
        refused(operations, Vec::new(), trying(0), "nothing is to be tried");
        refused(operations, vec![loaded(0.1), trying(0)], tried(1), "not what is being tried");
        refused(operations, vec![loaded(0.1), trying(0), tried(0)], tried(0), "not what is being tried");
        refused(operations, vec![loaded(0.1), trying(0), call("open")], tried(0), "a call is under way");
        let case = CaseName { number: 0, smaller: vec![0; CaseName::MOST_STEPS + 1] };
        refused(operations, vec![loaded(0.1)], Message::Trying { case }, "made so small");
        refused(train(1), Vec::new(), call("\u{1b}[2J"), "no name of a call");
        refused(train(1), Vec::new(), call(&"x".repeat(41)), "no name of a call");
    }

    #[test]
    fn a_flood_ends() {
        let flood = |job, before, message: &Message, bytes| {
            let mut dialogue = Dialogue::new(job, 1);
            for message in before {
                dialogue.take(&message, 100).expect("it may be said");
            }
            (0..).find_map(|_| dialogue.take(message, bytes).err())
        };
        assert_eq!(
            flood(Kind::Train, Vec::new(), &call("load"), 100).as_deref(),
            Some("the worker's message \"calling\" during load cannot be true: no job makes so many calls")
        );
        assert_eq!(
            flood(Kind::Check, vec![loaded(0.1)], &check(), 1 << 10).as_deref(),
            Some("the worker says too much during start: no job needs so many bytes")
        );
    }

    #[test]
    fn the_call_under_way_is_known() {
        let mut dialogue = Dialogue::new(Kind::Train, 1);
        assert_eq!((dialogue.call(), dialogue.is_calling()), ("start", true));
        for (message, expected) in [
            (call("load"), ("load", true)),
            (loaded(0.1), ("load", false)),
            (call("open"), ("open", true)),
            (Message::Returned, ("open", false)),
        ] {
            dialogue.take(&message, 10).expect("it may be said");
            assert_eq!((dialogue.call(), dialogue.is_calling()), expected);
        }
    }
}
