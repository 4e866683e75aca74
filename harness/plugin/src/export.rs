//! From a [`Backend`] to the table that a plugin exports: every call checks its
//! arguments, catches panics and writes its message into the host's buffer.

use std::any::Any;
use std::ffi::{CString, c_char, c_void};
use std::io::Write;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{self, BackendTable, Status};
use crate::backend::{Backend, Dataset, Description, OpenRequest, Samples, Session};
use crate::convert;
use crate::error::{Error, ErrorKind};
use crate::guard::GuardedSession;
use crate::model::Model;
use crate::optimiser::Optimiser;
use crate::prefix;

/// Exports a [`Backend`] as this library's plugin table. Use it once, in a
/// crate of type `cdylib`.
#[macro_export]
macro_rules! export_backend {
    ($backend:ty) => {
        /// The table that the harness looks up.
        #[unsafe(no_mangle)]
        #[expect(non_upper_case_globals, reason = "the name is part of the C ABI")]
        pub static tm_backend_v1: $crate::abi::BackendTable = $crate::export::table::<$backend>();
    };
}

struct Names<B>(PhantomData<B>);

impl<B: Backend> Names<B> {
    const NAME: &'static [u8; 64] = &convert::c_name(B::NAME);
    const VERSION: &'static [u8; 64] = &convert::c_name(B::VERSION);
}

/// The table of a backend; [`export_backend!`](crate::export_backend) makes a
/// static of it, tests and benchmarks may use it without a library.
pub const fn table<B: Backend>() -> BackendTable {
    BackendTable {
        magic: abi::TM_MAGIC,
        major: abi::TM_ABI_MAJOR,
        minor: abi::TM_ABI_MINOR,
        struct_size: size_of::<BackendTable>(),
        name: Names::<B>::NAME.as_ptr().cast(),
        version: Names::<B>::VERSION.as_ptr().cast(),
        describe: Some(describe::<B>),
        open: Some(open::<B>),
        set_parameters: Some(set_parameters),
        get_parameters: Some(get_parameters),
        train_step: Some(train_step),
        train_epoch: Some(train_epoch),
        predict: Some(predict),
        close: Some(close),
        extension: Some(extension),
    }
}

unsafe extern "C" fn describe<B: Backend>(
    out: *mut *const abi::DescriptionData,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: `message` is the host's buffer.
    unsafe {
        guarded(message, || {
            prefix::check_pointer(out, "the place for the description")?;
            let description = B::describe()?;
            // SAFETY: the host gives a writable place.
            out.write(publish(description)?);
            Ok(())
        })
    }
}

/// Turns a description into data that lives as long as the library: it is asked
/// for once, so leaking it is the simplest way to keep that promise.
fn publish(description: Description) -> Result<*const abi::DescriptionData, Error> {
    let implementations: Vec<_> = description
        .implementations
        .iter()
        .map(|implementation| {
            Ok(abi::ImplementationData {
                name: leak(&implementation.name)?,
                summary: leak(&implementation.summary)?,
                running_variance: convert::running_variance_data(implementation.running_variance),
                reserved: 0,
            })
        })
        .collect::<Result<_, Error>>()?;
    let devices: Vec<_> = description
        .devices
        .iter()
        .map(|device| {
            let unavailable = device.unavailable.as_deref().map_or(Ok(std::ptr::null()), leak)?;
            let adapter = device.adapter.as_deref().map_or(Ok(std::ptr::null()), leak)?;
            let is_software = u32::from(device.is_software);
            Ok(abi::DeviceData { id: leak(&device.id)?, unavailable, adapter, is_software, reserved: 0 })
        })
        .collect::<Result<_, Error>>()?;
    let notes: Vec<_> = description.notes.iter().map(|note| leak(note)).collect::<Result<_, _>>()?;
    Ok(Box::leak(Box::new(abi::DescriptionData {
        struct_size: size_of::<abi::DescriptionData>(),
        framework: leak(&description.framework)?,
        implementation_count: implementations.len(),
        implementation_size: size_of::<abi::ImplementationData>(),
        implementations: implementations.leak().as_ptr(),
        device_count: devices.len(),
        device_size: size_of::<abi::DeviceData>(),
        devices: devices.leak().as_ptr(),
        note_count: notes.len(),
        notes: notes.leak().as_ptr(),
    })))
}

fn leak(text: &str) -> Result<*const c_char, Error> {
    CString::new(text)
        .map(|text| text.into_raw().cast_const())
        .map_err(|_| Error::failed(format!("{text:?} holds a zero byte")))
}

unsafe extern "C" fn open<B: Backend>(
    request: *const abi::OpenData,
    out: *mut *mut abi::SessionData,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: the host's pointers are valid during the call, the data set's until `close`.
    unsafe {
        guarded(message, || {
            prefix::check_pointer(out, "the place for the session")?;
            let request = read_request(request)?;
            if !B::trains_with(request.optimiser) {
                let name = request.optimiser.name();
                return Err(Error::unsupported(format!("this backend does not train with optimiser {name}")));
            }
            let guard = GuardedSession::open(request, B::open)?;
            out.write(Box::into_raw(Box::new(guard)).cast());
            Ok(())
        })
    }
}

/// # Safety
/// As for [`abi::OpenFn`].
unsafe fn read_request(request: *const abi::OpenData) -> Result<OpenRequest<'static>, Error> {
    // SAFETY: the caller vouches for the pointers of the request.
    unsafe {
        let data = prefix::read(request, "the open request")?;
        let options = prefix::elements(data.options, data.option_count, data.option_size, "options")?;
        Ok(OpenRequest {
            model: read_model(data.model)?,
            dataset: Dataset {
                train: read_samples(data.train, "the training samples")?,
                test: read_samples(data.test, "the test samples")?,
            },
            implementation: prefix::string(data.implementation, "the implementation's name")?,
            device: prefix::string(data.device, "the device id")?,
            threads: data.threads as usize,
            learning_rate: data.learning_rate,
            optimiser: read_optimiser(&options)?,
            batch_size: data.batch_size,
        })
    }
}

/// What the options ask for. One that must be honoured and is not known is refused.
///
/// # Safety
/// As for [`abi::OpenFn`].
unsafe fn read_optimiser(options: &[abi::OptionData]) -> Result<Optimiser, Error> {
    let mut known = Vec::with_capacity(options.len());
    for option in options {
        // SAFETY: the caller vouches for the pointers.
        unsafe {
            // What may be ignored need not be readable.
            if option.required != 0 {
                let key = prefix::string(option.key, "an option's key")?;
                let value = prefix::optional_string(option.value, "an option's value")?;
                known.push((key, value.unwrap_or_default()));
            }
        }
    }
    let optimiser = Optimiser::from_options(&known);
    let is_known = |key: &str| optimiser.as_ref().map_or(true, |optimiser| optimiser.has_option(key));
    if let Some((key, _)) = known.iter().find(|(key, _)| !is_known(key)) {
        return Err(Error::unsupported(format!("option {key} is not known to this plugin")));
    }
    optimiser
}

/// # Safety
/// As for [`abi::OpenFn`].
unsafe fn read_model(model: *const abi::ModelData) -> Result<Model, Error> {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        let data = prefix::read(model, "the model")?;
        let layers = prefix::elements(data.layers, data.layer_count, data.layer_size, "layers")?;
        let model = Model::new(
            prefix::string(data.name, "the model's name")?,
            convert::input_shape([data.input_channels, data.input_height, data.input_width]),
            layers
                .iter()
                .enumerate()
                .map(|(index, layer)| convert::layer(index, layer))
                .collect::<Result<Vec<_>, _>>()?,
        );
        let sources = layers.iter().enumerate();
        Ok(sources.fold(model, |model, (index, layer)| {
            model.with_source(index, convert::source(index, layer.input))
        }))
    }
}

/// # Safety
/// As for [`abi::OpenFn`].
unsafe fn read_samples(samples: *const abi::SamplesData, what: &str) -> Result<Samples<'static>, Error> {
    // SAFETY: the caller vouches for the pointers until the session is closed.
    unsafe {
        let data = prefix::read(samples, what)?;
        let length = data.count.checked_mul(data.sample_size);
        let length = length.ok_or_else(|| Error::invalid(format!("{what} have an impossible size")))?;
        Ok(Samples {
            pixels: prefix::slice(data.pixels, length, what)?,
            labels: prefix::slice(data.labels, data.count, what)?,
        })
    }
}

unsafe extern "C" fn set_parameters(
    session: *mut abi::SessionData,
    values: *const *const f32,
    lengths: *const usize,
    count: usize,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: the host's arrays are valid during the call.
    unsafe {
        with_session(session, message, |session| {
            let values = prefix::slice(values, count, "the list of parameters")?;
            let lengths = prefix::slice(lengths, count, "the list of lengths")?;
            let values = values
                .iter()
                .zip(lengths)
                .map(|(&pointer, &length)| prefix::slice(pointer, length, "a parameter"))
                .collect::<Result<Vec<_>, _>>()?;
            session.set_parameters(&values)
        })
    }
}

unsafe extern "C" fn get_parameters(
    session: *mut abi::SessionData,
    values: *const *mut f32,
    lengths: *const usize,
    count: usize,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: the host's arrays are valid, writable and disjoint during the call.
    unsafe {
        with_session(session, message, |session| {
            let values = prefix::slice(values, count, "the list of parameters")?;
            let lengths = prefix::slice(lengths, count, "the list of lengths")?;
            let mut values = values
                .iter()
                .zip(lengths)
                .map(|(&pointer, &length)| prefix::slice_mut(pointer, length, "a parameter"))
                .collect::<Result<Vec<_>, _>>()?;
            session.get_parameters(&mut values)
        })
    }
}

unsafe extern "C" fn train_step(
    session: *mut abi::SessionData,
    indices: *const u32,
    count: usize,
    outcome: *mut abi::OutcomeData,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: the host's arrays are valid during the call.
    unsafe {
        with_session(session, message, |session| {
            check_outcome(outcome)?;
            let step = session.train_step(prefix::slice(indices, count, "the batch")?)?;
            write_outcome(outcome, step.loss, step.correct);
            Ok(())
        })
    }
}

unsafe extern "C" fn train_epoch(
    session: *mut abi::SessionData,
    order: *const u32,
    count: usize,
    batch_size: usize,
    outcome: *mut abi::OutcomeData,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: the host's arrays are valid during the call.
    unsafe {
        with_session(session, message, |session| {
            check_outcome(outcome)?;
            let epoch = session.train_epoch(prefix::slice(order, count, "the order")?, batch_size)?;
            write_outcome(outcome, epoch.loss, epoch.correct);
            Ok(())
        })
    }
}

unsafe extern "C" fn predict(
    session: *mut abi::SessionData,
    split: u32,
    indices: *const u32,
    count: usize,
    batch_size: usize,
    logits: *mut f32,
    logits_length: usize,
    message: *mut abi::Text,
) -> Status {
    // SAFETY: the host's arrays are valid during the call.
    unsafe {
        with_session(session, message, |session| {
            let indices = prefix::slice(indices, count, "the indices")?;
            let logits = prefix::slice_mut(logits, logits_length, "the logits")?;
            session.predict(convert::split(split)?, indices, batch_size, logits)
        })
    }
}

unsafe extern "C" fn close(session: *mut abi::SessionData) {
    if session.is_null() {
        return;
    }
    let closing = AssertUnwindSafe(|| {
        // SAFETY: `open` made it with `Box::into_raw`, and the host closes a session once.
        drop(unsafe { Box::from_raw(session.cast::<GuardedSession<'static>>()) });
    });
    if let Err(panic) = catch_unwind(closing) {
        // Not `eprintln!`, which panics where stderr is closed.
        let _ = writeln!(std::io::stderr(), "the plugin panicked while closing a session");
        std::mem::forget(panic);
    }
}

unsafe extern "C" fn extension(_id: *const c_char) -> *const c_void {
    std::ptr::null()
}

/// # Safety
/// `outcome` is writable and passed [`check_outcome`].
unsafe fn write_outcome(outcome: *mut abi::OutcomeData, loss: f64, correct: u64) {
    // SAFETY: `check_outcome` saw that the struct holds both fields.
    unsafe {
        (*outcome).loss = loss;
        (*outcome).correct = correct;
    }
}

/// Refuses a place that the outcome does not fit into, before anything is trained.
///
/// # Safety
/// `outcome` is null or a readable struct.
unsafe fn check_outcome(outcome: *const abi::OutcomeData) -> Result<(), Error> {
    prefix::check_pointer(outcome, "the place for the outcome")?;
    // SAFETY: aligned, and the caller vouches for the rest; both fields are in ABI 1.0.
    if unsafe { (*outcome).struct_size } < size_of::<abi::OutcomeData>() {
        return Err(Error::invalid("the place for the outcome is too small"));
    }
    Ok(())
}

/// # Safety
/// `session` is null or came from `open` and was not closed.
unsafe fn with_session(
    session: *mut abi::SessionData,
    message: *mut abi::Text,
    call: impl FnOnce(&mut GuardedSession<'static>) -> Result<(), Error>,
) -> Status {
    // SAFETY: calls of a session come one at a time, so the reference is unique.
    unsafe {
        let Some(session) = session.cast::<GuardedSession<'static>>().as_mut() else {
            return guarded(message, || Err(Error::invalid("the session is null")));
        };
        let status = guarded(message, || call(session));
        if status == abi::TM_PANIC {
            session.poison();
        }
        status
    }
}

/// Runs a call, turning an error or a panic into a status and a message.
///
/// # Safety
/// `message` is null or the host's writable buffer.
unsafe fn guarded(message: *mut abi::Text, call: impl FnOnce() -> Result<(), Error>) -> Status {
    let error = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return abi::TM_OK,
        Ok(Err(error)) => error,
        Err(panic) => {
            let text = panic_text(panic.as_ref());
            // A payload may panic again when dropped, outside of any `catch_unwind`.
            std::mem::forget(panic);
            Error::new(ErrorKind::Panic, text)
        }
    };
    // SAFETY: the caller vouches for the buffer.
    unsafe { write_message(message, &error.message) };
    convert::status(error.kind)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the panic carried no message").to_owned()
}

/// # Safety
/// As for [`guarded`].
unsafe fn write_message(message: *mut abi::Text, text: &str) {
    // SAFETY: the caller vouches for the buffer and its capacity.
    unsafe {
        let Some(buffer) = message.as_mut() else { return };
        let mut length = text.len().min(buffer.capacity);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        if !buffer.data.is_null() {
            std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.data.cast::<u8>(), length);
            buffer.length = length;
        }
    }
}
