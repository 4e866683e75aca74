//! The emulator sees what is wrong, and computes what is right.

use trainmark_plugin::Error;

use crate::cuda::device::emulator::{Emulator, SHARED_BYTES};
use crate::cuda::device::{Address, Argument, Device, Launch};

/// Runs a kernel of 64 threads on 64 values.
fn run(kernel: &'static str, seed: u64) -> Option<Result<Vec<f32>, Error>> {
    let device = Emulator::new(seed)?;
    let device: &dyn Device = &device;
    let out = device.allocate_words(64).unwrap();
    let launched = device.launch(&Launch::blocks(kernel, 1, 64, &[out.into()]));
    Some(launched.and_then(|()| {
        let mut values = vec![0.0; 64];
        device.download_words(out, &mut values)?;
        Ok(values)
    }))
}

/// The message of a kernel that must fail.
fn failure(kernel: &'static str) -> Option<String> {
    Some(run(kernel, 1)?.expect_err("it is wrong").message)
}

#[test]
fn a_missing_barrier_spoils_the_result() {
    let expected: Vec<f32> = (0..64_u8).map(|thread| f32::from((thread + 1) % 64)).collect();
    for seed in 0..20 {
        let Some(right) = run("right_barrier", seed) else { return };
        assert_eq!(right.unwrap(), expected);
        let wrong = run("fault_missing_barrier", seed).unwrap().unwrap();
        assert!(wrong.iter().any(|value| value.is_nan()), "seed {seed}: {wrong:?}");
    }
}

#[test]
fn shared_memory_holds_no_number_at_first() {
    let Some(values) = run("fault_uninitialised", 1) else { return };
    let values = values.unwrap();
    assert!(values[..32].iter().all(|&value| value == 0.0));
    assert!(values[32..].iter().all(|value| value.is_nan()));
}

#[test]
fn a_barrier_that_not_all_reach_is_reported() {
    let Some(message) = failure("fault_divergent_barrier") else { return };
    assert!(
        message.starts_with("kernel fault_divergent_barrier in block 0, not all threads reach"),
        "{message}"
    );
    assert!(message.contains("thread 0 waits at __syncthreads in faults.cu:"), "{message}");
    assert!(message.ends_with("but thread 40 has ended"), "{message}");
}

#[test]
fn two_barriers_are_not_one() {
    let Some(message) = failure("fault_two_barriers") else { return };
    assert_eq!(message.matches("waits at __syncthreads in faults.cu:").count(), 2, "{message}");
}

#[test]
fn a_warp_waits_for_all_lanes_that_it_names() {
    let Some(message) = failure("fault_half_a_warp") else { return };
    assert!(message.contains("__shfl_xor_sync"), "{message}");
    assert!(message.ends_with("has ended"), "{message}");
}

#[test]
fn warps_exchange_values() {
    let Some(sums) = run("right_shuffle", 3) else { return };
    let expected: Vec<f32> = (0..64).map(|thread| if thread < 32 { 496.0 } else { 1520.0 }).collect();
    assert_eq!(sums.unwrap(), expected);

    let halves = run("right_half_a_warp", 3).unwrap().unwrap();
    let expected = (0..64_u8).map(|thread| thread % 32).map(|lane| if lane < 16 { lane ^ 8 } else { lane });
    assert_eq!(halves, expected.map(f32::from).collect::<Vec<_>>());

    let lanes = run("right_ballot", 3).unwrap().unwrap();
    assert!(lanes.iter().all(|lanes| lanes.to_bits() == 0x5555_5555));
}

#[test]
fn blocks_run_in_an_order_of_the_seed() {
    let last = |seed| {
        let device = Emulator::new(seed)?;
        let device: &dyn Device = &device;
        let out = device.allocate_words(1).unwrap();
        device.launch(&Launch::blocks("fault_blocks_race", 50, 1, &[out.into()])).unwrap();
        let mut value = [0.0_f32];
        device.download_words(out, &mut value).unwrap();
        Some(value[0])
    };
    let Some(first) = last(0) else { return };
    assert_eq!(last(0), Some(first));
    assert!((1..5).any(|seed| last(seed) != Some(first)));
}

#[test]
fn writes_beyond_memory_are_seen() {
    let Some(device) = Emulator::new(1) else { return };
    let device: &dyn Device = &device;
    let out = device.allocate_words(5).unwrap();
    let launch = |kernel, count, shared_bytes| {
        let arguments = [out.into(), Argument::Int(count)];
        device.launch(&Launch { shared_bytes, ..Launch::blocks(kernel, 1, 32, &arguments) })
    };
    launch("fault_beyond_shared", 7, 32).unwrap();
    let error = launch("fault_beyond_shared", 8, 32).unwrap_err();
    assert!(error.message.ends_with("writes beyond its dynamic shared memory"), "{error}");
    launch("fault_beyond_allocation", 4, 0).unwrap();
    let error = launch("fault_beyond_allocation", 5, 0).unwrap_err();
    assert_eq!(error.message, "kernel fault_beyond_allocation writes beyond an allocation of 20 bytes");
}

#[test]
fn copies_stay_in_their_allocation() {
    let Some(device) = Emulator::new(1) else { return };
    let address = device.allocate(8).unwrap();
    device.upload(Address(address.0 + 4), &[1; 4]).unwrap();
    let mut bytes = [9; 8];
    device.download(address, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 1, 1, 1, 1]);
    for (offset, length) in [(0, 9), (4, 5), (8, 1)] {
        assert!(device.upload(Address(address.0 + offset), &vec![0; length]).is_err());
        assert!(device.download(Address(address.0 + offset), &mut vec![0; length]).is_err());
    }
}

#[test]
fn a_launch_must_fit_its_kernel_and_the_device() {
    let Some(device) = Emulator::new(1) else { return };
    let device: &dyn Device = &device;
    let out = device.allocate_words(64).unwrap();
    let message = |launch: &Launch<'_>| device.launch(launch).unwrap_err().message;
    assert_eq!(
        message(&Launch::blocks("right_barrier", 1, 64, &[out.into(), Argument::Int(1)])),
        "kernel right_barrier takes arguments (a), but is given (ai)"
    );
    assert_eq!(message(&Launch::blocks("no_such", 1, 64, &[])), "kernel no_such is not there");
    for (blocks, threads) in [(0, 64), (1, 0), (1, 1025), (usize::MAX, 1)] {
        let message = message(&Launch::blocks("right_barrier", blocks, threads, &[out.into()]));
        assert!(message.contains("no device runs a grid of"), "{message}");
    }
    let arguments = [out.into(), Argument::Float(1.0)];
    let launch = Launch::blocks("right_dynamic_shared", 1, 64, &arguments);
    let shared_bytes = SHARED_BYTES + 1;
    assert!(message(&Launch { shared_bytes, ..launch }).contains("no device runs"));
}

#[test]
fn what_is_recorded_runs_when_replayed() {
    let Some(device) = Emulator::new(1) else { return };
    let device: &dyn Device = &device;
    let out = device.allocate_words(48).unwrap();
    let recording = device.record(&mut || {
        let arguments = [out.into(), 2.0.into()];
        let launch = Launch::blocks("right_dynamic_shared", 1, 1, &arguments);
        device.launch(&Launch { grid: [3, 2, 1], block: [4, 2, 1], shared_bytes: 32, ..launch })?;
        assert!(device.allocate(1).is_err(), "a driver does not allocate while it records");
        assert!(device.upload(out, &[0; 4]).is_err());
        Ok(())
    });
    let recording = recording.unwrap();
    let mut values = [9.0_f32; 48];
    device.download_words(out, &mut values).unwrap();
    assert_eq!(values, [0.0; 48]);
    device.replay(recording).unwrap();
    device.finish().unwrap();
    device.download_words(out, &mut values).unwrap();
    let expected: Vec<f32> = (0..48_u8).map(|number| 2.0 * f32::from(number)).collect();
    assert_eq!(values.to_vec(), expected);
}

/// Runs two kernels of 64 threads on 64 values, the second of which begins early.
fn overlap(second: &'static str) -> Option<Result<Vec<f32>, Error>> {
    let device = Emulator::new(1)?.watching();
    let device: &dyn Device = &device;
    let out = device.allocate_words(64).unwrap();
    let arguments = [out.into()];
    device.launch(&Launch::blocks("right_first_kernel", 1, 64, &arguments)).unwrap();
    let launched = device.launch(&Launch { overlaps: true, ..Launch::blocks(second, 1, 64, &arguments) });
    Some(launched.and_then(|()| {
        let mut values = vec![0.0; 64];
        device.download_words(out, &mut values)?;
        Ok(values)
    }))
}

#[test]
fn a_kernel_that_overlaps_must_wait_before_it_reads_or_writes() {
    let Some(right) = overlap("right_wait") else { return };
    assert_eq!(right.unwrap(), (0..64_u8).map(|thread| f32::from(2 * thread)).collect::<Vec<_>>());
    let wrong = overlap("fault_read_early").unwrap().unwrap();
    // The first value was there before, and is the one that did not change.
    assert!(wrong[0] == 0.0 && wrong[1..].iter().all(|value| value.is_nan()), "{wrong:?}");
    for (kernel, expected) in [
        ("fault_write_early", "writes before it waits for the kernel before it"),
        ("fault_restrict", "its parameter 0 is __restrict__ and points to what the kernel before it writes"),
        ("fault_some_wait", "not all threads reach a barrier: "),
        ("right_first_kernel", "does not wait for the kernel before it"),
    ] {
        let message = overlap(kernel).unwrap().unwrap_err().message;
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn nothing_but_a_kernel_is_overlapped_with() {
    let Some(device) = Emulator::new(1) else { return };
    let device = device.watching();
    let device: &dyn Device = &device;
    let out = device.allocate_words(64).unwrap();
    let arguments = [out.into()];
    let first = Launch::blocks("right_first_kernel", 1, 64, &arguments);
    let second = Launch { overlaps: true, ..Launch::blocks("right_wait", 1, 64, &arguments) };
    assert!(device.launch(&second).is_err());
    device.launch(&first).unwrap();
    device.upload_words(out, &[1.0_f32]).unwrap();
    assert!(device.launch(&second).is_err());
    device.launch(&first).unwrap();
    device.launch(&second).unwrap();
}

#[test]
fn pinned_memory_is_left_alone_until_copies_are_finished() {
    let Some(device) = Emulator::new(1) else { return };
    let device: &dyn Device = &device;
    let (pinned, place) = (device.pin(8).unwrap(), device.allocate(8).unwrap());
    device.write(pinned, &[1, 2]).unwrap();
    let recording = device.record(&mut || {
        device.send(place, pinned)?;
        device.fetch(pinned, place)
    });
    device.replay(recording.unwrap()).unwrap();
    let mut bytes = [9; 8];
    assert!(device.write(pinned, &[3]).is_err() && device.read(pinned, &mut bytes).is_err());
    device.finish().unwrap();
    device.read(pinned, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 0, 0, 0, 0, 0, 0]);
    assert!(device.write(pinned, &[0; 9]).is_err() && device.read(pinned, &mut [0; 9]).is_err());
}
