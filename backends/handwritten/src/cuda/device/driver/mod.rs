//! A GPU, through NVIDIA's driver, which is loaded when it is first asked for.

mod capability;
mod errors;
mod kernels;

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;

use cudarc::driver::sys;
use trainmark_plugin::Error;

use super::{Address, Argument, Device, Launch, Launcher, Pinned, Recording};
use crate::cuda::switches::{Switch, Switches};
pub(crate) use capability::devices;
use errors::check;
use kernels::Kernels;

/// One GPU with a context, a stream that all work goes through, and the kernels.
///
/// Fields are released in `drop`; those who hold the driver's handles do not outlive it.
pub(crate) struct Driver {
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    kernels: Kernels,
    allocations: RefCell<Vec<sys::CUdeviceptr>>,
    pinned: RefCell<Vec<*mut c_void>>,
    graphs: RefCell<Vec<sys::CUgraphExec>>,
}

impl Driver {
    /// The GPU with this number. Of the switches, how the kernels share its memory is the
    /// driver's.
    ///
    /// # Errors
    /// `device` where it cannot be used, with the reason.
    pub(crate) fn open(ordinal: usize, switches: Switches) -> Result<Self, Error> {
        let device = capability::device(ordinal)?;
        let mut context = ptr::null_mut();
        // SAFETY: the device is one of the driver's; the context is released in `drop`.
        unsafe { check(sys::cuDevicePrimaryCtxRetain(&raw mut context, device), "starting the device")? };
        let mut stream = ptr::null_mut();
        // SAFETY: the context was just retained; `stream` is written before it is read.
        let begun = unsafe {
            check(sys::cuCtxSetCurrent(context), "starting the device").and_then(|()| {
                let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
                check(sys::cuStreamCreate(&raw mut stream, flags), "making a stream")
            })
        };
        let kernels = begun.and_then(|()| Kernels::load(switches.has(Switch::Carved)));
        match kernels {
            Ok(kernels) => Ok(Self {
                device,
                context,
                stream,
                kernels,
                allocations: RefCell::default(),
                pinned: RefCell::default(),
                graphs: RefCell::default(),
            }),
            Err(error) => {
                // SAFETY: retained above. What was made in it goes with it.
                let _ = unsafe { sys::cuDevicePrimaryCtxRelease_v2(device) };
                Err(error)
            }
        }
    }

    /// Makes the calling thread one of this device's, as the driver's calls expect.
    fn enter(&self) -> Result<(), Error> {
        // SAFETY: the context lives as long as `self`.
        unsafe { check(sys::cuCtxSetCurrent(self.context), "turning to the device") }
    }

    /// Ends a recording and makes it ready to run.
    fn end_recording(&self) -> Result<sys::CUgraphExec, Error> {
        let (mut graph, mut ready) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `record` began capturing on this stream; both handles are written before
        // they are read, and the graph is destroyed once.
        unsafe {
            check(sys::cuStreamEndCapture(self.stream, &raw mut graph), "recording a step")?;
            let made = sys::cuGraphInstantiateWithFlags(&raw mut ready, graph, 0);
            let _ = sys::cuGraphDestroy(graph);
            check(made, "preparing a recorded step")?;
            // Otherwise the first run does it; so nothing is lost where it fails.
            let _ = sys::cuGraphUpload(ready, self.stream);
        }
        Ok(ready)
    }
}

impl Launcher for Driver {
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        self.enter()?;
        let &Launch { kernel, grid, block, shared_bytes, overlaps, arguments } = launch;
        let function = self.kernels.function(kernel, shared_bytes)?;
        let mut arguments = arguments.to_vec();
        let mut pointers: Vec<*mut c_void> = arguments.iter_mut().map(pointer).collect();
        let mut begins_early = begins_early();
        let attributes = if overlaps && function.waits { &mut begins_early[..] } else { &mut [] };
        let config = sys::CUlaunchConfig {
            gridDimX: grid[0],
            gridDimY: grid[1],
            gridDimZ: grid[2],
            blockDimX: block[0],
            blockDimY: block[1],
            blockDimZ: block[2],
            sharedMemBytes: shared_bytes,
            hStream: self.stream,
            attrs: attributes.as_mut_ptr(),
            numAttrs: attributes.len() as u32,
        };
        // SAFETY: there is a pointer to a value for each argument, which the driver reads
        // during the call, as it does the attributes; that they are those of the kernel is
        // checked by the emulator, which runs the same launches.
        let started = unsafe {
            sys::cuLaunchKernelEx(&raw const config, function.handle, pointers.as_mut_ptr(), ptr::null_mut())
        };
        check(started, format!("starting kernel {kernel} on {grid:?} blocks of {block:?} threads"))
    }
}

impl Device for Driver {
    fn allocate(&self, bytes: usize) -> Result<Address, Error> {
        self.enter()?;
        let mut address = 0;
        let doing = || format!("allocating {bytes} bytes on the device");
        // SAFETY: the context is current; the memory is freed in `drop`; filling it lies
        // within what was allocated.
        unsafe {
            check(sys::cuMemAlloc_v2(&raw mut address, bytes), doing())?;
            self.allocations.borrow_mut().push(address);
            check(sys::cuMemsetD8Async(address, 0, bytes, self.stream), doing())?;
        }
        Ok(Address(address))
    }

    fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.enter()?;
        // SAFETY: sessions copy within their allocations; `finish` waits, so the source
        // outlives the copy.
        let begun =
            unsafe { sys::cuMemcpyHtoDAsync_v2(to.0, bytes.as_ptr().cast(), bytes.len(), self.stream) };
        check(begun, "copying to the device")?;
        self.finish()
    }

    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.enter()?;
        // SAFETY: as in `upload`.
        let begun =
            unsafe { sys::cuMemcpyDtoHAsync_v2(bytes.as_mut_ptr().cast(), from.0, bytes.len(), self.stream) };
        check(begun, "copying from the device")?;
        self.finish()
    }

    fn pin(&self, bytes: usize) -> Result<Pinned, Error> {
        self.enter()?;
        let mut address = ptr::null_mut();
        // SAFETY: the context is current; the memory is freed in `drop`.
        let pinned = unsafe { sys::cuMemHostAlloc(&raw mut address, bytes, 0) };
        check(pinned, format!("pinning {bytes} bytes of the host"))?;
        self.pinned.borrow_mut().push(address);
        // SAFETY: so many bytes were just allocated there.
        unsafe { address.cast::<u8>().write_bytes(0, bytes) };
        Ok(Pinned { address: address as u64, bytes })
    }

    fn write(&self, to: Pinned, bytes: &[u8]) -> Result<(), Error> {
        to.check(bytes.len())?;
        // SAFETY: the memory is this device's and has room; callers wait for copies from it.
        unsafe { (to.address as *mut u8).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    fn read(&self, from: Pinned, bytes: &mut [u8]) -> Result<(), Error> {
        from.check(bytes.len())?;
        // SAFETY: as in `write`; callers wait for copies to it.
        unsafe { (from.address as *const u8).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    fn send(&self, to: Address, from: Pinned) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: pinned memory lives as long as `self`, and callers leave it as it is until
        // they have waited.
        let begun = unsafe {
            sys::cuMemcpyHtoDAsync_v2(to.0, from.address as *const c_void, from.bytes, self.stream)
        };
        check(begun, "copying to the device")
    }

    fn fetch(&self, to: Pinned, from: Address) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: as in `send`.
        let begun =
            unsafe { sys::cuMemcpyDtoHAsync_v2(to.address as *mut c_void, from.0, to.bytes, self.stream) };
        check(begun, "copying from the device")
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), Error>) -> Result<Recording, Error> {
        self.enter()?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is this device's own.
        unsafe { check(sys::cuStreamBeginCapture_v2(self.stream, mode), "recording a step")? };
        let done = work();
        // Also where the work failed: a stream that captures does nothing else.
        let graph = self.end_recording();
        done?;
        let mut graphs = self.graphs.borrow_mut();
        graphs.push(graph?);
        Ok(Recording(graphs.len() - 1))
    }

    fn replay(&self, recording: Recording) -> Result<(), Error> {
        self.enter()?;
        let graph = self.graphs.borrow()[recording.0];
        // SAFETY: made by `record`, and destroyed in `drop` only.
        unsafe { check(sys::cuGraphLaunch(graph, self.stream), "starting a recorded step") }
    }

    fn finish(&self) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the stream lives as long as `self`.
        unsafe { check(sys::cuStreamSynchronize(self.stream), "waiting for the device") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // An error here was reported by the call that caused it, or hurts nobody any more.
        let _ = self.finish();
        // SAFETY: everything was made by `self` and is released once, what depends on the
        // context before it.
        unsafe {
            for &graph in self.graphs.borrow().iter() {
                let _ = sys::cuGraphExecDestroy(graph);
            }
            for &address in self.allocations.borrow().iter() {
                let _ = sys::cuMemFree_v2(address);
            }
            for &address in self.pinned.borrow().iter() {
                let _ = sys::cuMemFreeHost(address);
            }
            self.kernels.unload();
            let _ = sys::cuStreamDestroy_v2(self.stream);
            let _ = sys::cuDevicePrimaryCtxRelease_v2(self.device);
        }
    }
}

/// That a kernel begins before the one before it has ended.
fn begins_early() -> [sys::CUlaunchAttribute; 1] {
    [sys::CUlaunchAttribute {
        id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
        pad: [0; 4],
        value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
    }]
}

fn pointer(argument: &mut Argument) -> *mut c_void {
    match argument {
        Argument::Address(address) => (&raw mut address.0).cast(),
        Argument::Int(value) => (&raw mut *value).cast(),
        Argument::Float(value) => (&raw mut *value).cast(),
    }
}
