//! The host's side: loading a plugin and calling it through its table.

use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use crate::abi::{self, BackendTable, SessionData, Status};
use crate::backend::{
    Dataset, Description, Device, Implementation, OpenRequest, Outcome, Samples, Session, Split,
};
use crate::convert;
use crate::error::Error;
use crate::model::Model;
use crate::prefix;

/// A library that is no usable plugin, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot load {}: {fault}", path.display())]
#[non_exhaustive]
pub struct LoadError {
    /// The library.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: LoadFault,
}

/// Why a library is no usable plugin; its text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFault {
    /// There is no such file, or it cannot be looked at.
    #[error("{0}")]
    NotFound(String),
    /// It is a folder.
    #[error("it is a folder; name the library in it")]
    Folder,
    /// It is another kind of file, or of another machine.
    #[error("it is no dynamic library of this machine ({0})")]
    NoLibrary(String),
    /// The dynamic loader's own words, which name the library or symbol that it needs and lacks.
    #[error("{0}")]
    Loader(String),
    /// It is a library of something else.
    #[error("it exports no table tm_backend_v1, so it is no trainmark plugin; see docs/writing-a-backend.md")]
    NoPlugin,
    /// Its table is another one than trainmark's.
    #[error(
        "its table does not begin with trainmark's magic number; rebuild it with trainmark-plugin 1 \
         or the current trainmark.h"
    )]
    NoMagic,
    /// It speaks another major version of the ABI.
    #[error(
        "built for ABI {major}.{minor}, this harness speaks {own}.x; rebuild it against trainmark-plugin {own}",
        own = abi::TM_ABI_MAJOR
    )]
    OtherAbi {
        /// Its major version.
        major: u32,
        /// Its minor version.
        minor: u32,
    },
    /// Its table lacks a function.
    #[error("its table lacks the function {0}; every function but `extension` is required")]
    NoFunction(&'static str),
    /// Its name is none.
    #[error("its name {0:?} is not made of lower-case letters, digits and dashes")]
    Name(String),
    /// Its table cannot be read.
    #[error("{0}")]
    Table(String),
}

impl From<Error> for LoadFault {
    fn from(error: Error) -> Self {
        Self::Table(error.message)
    }
}

/// A loaded plugin. Its library stays loaded until the process ends: frameworks
/// leave threads and thread-local destructors behind that must not lose their code.
pub struct Plugin {
    table: BackendTable,
    /// Unique name.
    pub name: String,
    /// Version of the plugin.
    pub version: String,
}

impl Plugin {
    /// Loads a library and checks its table.
    ///
    /// # Errors
    /// Where it cannot be loaded, exports no table, or speaks another ABI.
    ///
    /// # Safety
    /// Loading runs the library's initialisers, and nothing but the table's own
    /// words vouches for its functions: load only libraries that you would run.
    pub unsafe fn load(path: &Path) -> Result<Self, LoadError> {
        // SAFETY: the caller vouches for the library.
        unsafe { Self::load_file(path) }.map_err(|fault| LoadError { path: path.to_owned(), fault })
    }

    /// # Safety
    /// As [`Plugin::load`].
    unsafe fn load_file(path: &Path) -> Result<Self, LoadFault> {
        let absolute = path.canonicalize().map_err(|error| LoadFault::NotFound(error.to_string()))?;
        if absolute.is_dir() {
            return Err(LoadFault::Folder);
        }
        // The loader would wait for a pipe's writer.
        if !absolute.is_file() {
            return Err(LoadFault::NoLibrary("not a regular file".to_owned()));
        }
        // SAFETY: the caller vouches for the library.
        let library = unsafe { open_library(&absolute) }.map_err(|error| loader_fault(&error, &absolute))?;
        // SAFETY: the symbol, if present, is the table by the ABI's contract.
        let table = unsafe { library.get::<*const BackendTable>(b"tm_backend_v1\0") };
        let table = *table.map_err(|_| LoadFault::NoPlugin)?;
        std::mem::forget(library);
        // SAFETY: as above; the library is never unloaded.
        unsafe { Self::from_table(table) }
    }

    /// Uses a table that is part of this program, or was found in a library.
    ///
    /// # Errors
    /// Where the table is of another ABI or lacks a required function.
    ///
    /// # Safety
    /// `table` points to a table that lives for ever, as the ABI describes it.
    pub unsafe fn from_table(table: *const BackendTable) -> Result<Self, LoadFault> {
        prefix::check_pointer(table, "the plugin's table")?;
        // Before the size, which means nothing in a table that is not ours.
        // SAFETY: the caller vouches for the table; its prefix is the same in every version.
        if unsafe { (&raw const (*table).magic).read() } != abi::TM_MAGIC {
            return Err(LoadFault::NoMagic);
        }
        // SAFETY: as above.
        let table = unsafe { prefix::read(table, "the plugin's table") }?;
        if table.major != abi::TM_ABI_MAJOR {
            return Err(LoadFault::OtherAbi { major: table.major, minor: table.minor });
        }
        // SAFETY: names are static, zero-terminated strings by the ABI.
        let name = unsafe { prefix::string(table.name, "its name") }?;
        // SAFETY: as above.
        let version = unsafe { prefix::string(table.version, "its version") }?;
        if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            return Err(LoadFault::Name(name));
        }
        check_functions(&table)?;
        Ok(Self { table, name, version })
    }

    /// What the backend says of itself.
    ///
    /// # Errors
    /// The plugin's own, or `invalid` where its answer breaks the contract.
    pub fn describe(&self) -> Result<Description, Error> {
        let mut data = std::ptr::null();
        // SAFETY: the place and the buffer are valid during the call; the answer lives for ever.
        unsafe {
            let describe = present(self.table.describe)?;
            checked(|message| describe(&raw mut data, message))?;
            read_description(data)
        }
    }

    /// Refuses for a plugin of an earlier ABI what it would take for something else: fields of a layer
    /// that it knows, which it does not read.
    fn check_knows(&self, model: &Model) -> Result<(), Error> {
        let of_1_2 = model.layers.iter().enumerate().find(|(_, layer)| layer.is_without_bias());
        match of_1_2 {
            Some((index, layer)) if self.table.minor < 2 => Err(Error::unsupported(format!(
                "layer {index} ({}) of model {} has no bias, which this plugin cannot know: it was built for ABI \
                 {}.{}; rebuild it against ABI 1.2",
                layer.kind(),
                model.name,
                self.table.major,
                self.table.minor
            ))),
            _ => Ok(()),
        }
    }

    /// Opens a session on the data set.
    ///
    /// # Errors
    /// The plugin's own, or `invalid` where the model does not fit the ABI.
    pub fn open<'d>(&self, request: &OpenRequest<'d>) -> Result<PluginSession<'d>, Error> {
        self.check_knows(&request.model)?;
        let layers = request.model.layers.iter().enumerate();
        let layers = layers
            .map(|(index, layer)| convert::layer_data(index, layer, request.model.source(index)))
            .collect::<Result<Vec<_>, _>>()?;
        let [input_channels, input_height, input_width] = convert::input_sizes(request.model.input)?;
        let name = c_string(&request.model.name)?;
        let implementation = c_string(&request.implementation)?;
        let device = c_string(&request.device)?;
        let model = abi::ModelData {
            struct_size: size_of::<abi::ModelData>(),
            name: name.as_ptr(),
            input_channels,
            input_height,
            input_width,
            reserved: 0,
            layer_count: layers.len(),
            layer_size: size_of::<abi::LayerData>(),
            layers: layers.as_ptr(),
        };
        let pairs = request.optimiser.options();
        let pairs = pairs.iter().map(|(key, value)| Ok((c_string(key)?, c_string(value)?)));
        let pairs = pairs.collect::<Result<Vec<_>, Error>>()?;
        let option = |(key, value): &(CString, CString)| abi::OptionData {
            key: key.as_ptr(),
            value: value.as_ptr(),
            required: 1,
            reserved: 0,
        };
        let options: Vec<abi::OptionData> = pairs.iter().map(option).collect();
        let Dataset { train, test } = request.dataset;
        let sample_size = request.model.input.len();
        let train = samples_data(train, sample_size, "training")?;
        let test = samples_data(test, sample_size, "test")?;
        let data = abi::OpenData {
            struct_size: size_of::<abi::OpenData>(),
            model: &raw const model,
            train: &raw const train,
            test: &raw const test,
            implementation: implementation.as_ptr(),
            device: device.as_ptr(),
            threads: convert::narrow(request.threads)?,
            reserved: 0,
            batch_size: request.batch_size,
            learning_rate: request.learning_rate,
            option_count: options.len(),
            option_size: size_of::<abi::OptionData>(),
            options: options.as_ptr(),
        };
        let open = present(self.table.open)?;
        let mut session = std::ptr::null_mut();
        // SAFETY: everything referred to outlives the call, the data set outlives the session ('d).
        unsafe { checked(|message| open(&raw const data, &raw mut session, message)) }?;
        if session.is_null() {
            return Err(Error::failed("open answered ok but gave no session"));
        }
        Ok(PluginSession { table: self.table, session, dataset: PhantomData })
    }
}

/// Checks once that a table has every function that is called later.
fn check_functions(table: &BackendTable) -> Result<(), LoadFault> {
    let present = [
        ("describe", table.describe.is_some()),
        ("open", table.open.is_some()),
        ("set_parameters", table.set_parameters.is_some()),
        ("get_parameters", table.get_parameters.is_some()),
        ("train_step", table.train_step.is_some()),
        ("train_epoch", table.train_epoch.is_some()),
        ("predict", table.predict.is_some()),
        ("close", table.close.is_some()),
    ];
    match present.iter().find(|(_, present)| !present) {
        Some((name, _)) => Err(LoadFault::NoFunction(name)),
        None => Ok(()),
    }
}

/// A function whose presence [`check_functions`] has seen.
fn present<F>(function: Option<F>) -> Result<F, Error> {
    function.ok_or_else(|| Error::invalid("the plugin's table lacks this function"))
}

/// A session of a loaded plugin; closed when dropped. The host checks nothing
/// here: what a plugin answers to a wrong call is part of what is tested.
pub struct PluginSession<'d> {
    table: BackendTable,
    session: *mut SessionData,
    dataset: PhantomData<Dataset<'d>>,
}

impl Session for PluginSession<'_> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        let lengths: Vec<usize> = values.iter().map(|value| value.len()).collect();
        let values: Vec<*const f32> = values.iter().map(|value| value.as_ptr()).collect();
        let call = present(self.table.set_parameters)?;
        // SAFETY: the session is open, the arrays outlive the call.
        unsafe {
            checked(|message| call(self.session, values.as_ptr(), lengths.as_ptr(), values.len(), message))
        }
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        let lengths: Vec<usize> = values.iter().map(|value| value.len()).collect();
        let values: Vec<*mut f32> = values.iter_mut().map(|value| value.as_mut_ptr()).collect();
        let call = present(self.table.get_parameters)?;
        // SAFETY: as above; the arrays are disjoint, being distinct `&mut`.
        unsafe {
            checked(|message| call(self.session, values.as_ptr(), lengths.as_ptr(), values.len(), message))
        }
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let mut outcome = empty_outcome();
        let call = present(self.table.train_step)?;
        // SAFETY: the session is open, array and outcome outlive the call.
        unsafe {
            checked(|message| call(self.session, batch.as_ptr(), batch.len(), &raw mut outcome, message))?;
        }
        Ok(Outcome::new(outcome.loss, outcome.correct))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<Outcome, Error> {
        let mut outcome = empty_outcome();
        let call = present(self.table.train_epoch)?;
        // SAFETY: the session is open, array and outcome outlive the call.
        unsafe {
            checked(|message| {
                call(self.session, order.as_ptr(), order.len(), batch_size, &raw mut outcome, message)
            })?;
        }
        Ok(Outcome::new(outcome.loss, outcome.correct))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        let call = present(self.table.predict)?;
        let split = convert::split_data(split);
        let (data, length) = (logits.as_mut_ptr(), logits.len());
        // SAFETY: the session is open, the arrays outlive the call.
        unsafe {
            checked(|message| {
                call(self.session, split, indices.as_ptr(), indices.len(), batch_size, data, length, message)
            })
        }
    }
}

impl Drop for PluginSession<'_> {
    fn drop(&mut self) {
        if let Some(close) = self.table.close {
            // SAFETY: the session is open and closed only here.
            unsafe { close(self.session) }
        }
    }
}

/// # Safety
/// As [`Plugin::load`].
#[cfg(unix)]
unsafe fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller vouches for the library.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// # Safety
/// As [`Plugin::load`].
#[cfg(not(unix))]
unsafe fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: the caller vouches for the library.
    unsafe { libloading::Library::new(path) }
}

/// Why the dynamic loader refuses a library. It tells by its text alone.
fn loader_fault(error: &libloading::Error, path: &Path) -> LoadFault {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    // The error around this one names the path already.
    let text = text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text).to_owned();
    if ["file too short", "invalid ELF header"].contains(&&*text) {
        LoadFault::NoLibrary(text)
    } else {
        LoadFault::Loader(text)
    }
}

/// # Safety
/// `call` is a plugin's function that gets the buffer as its message.
unsafe fn checked(call: impl FnOnce(*mut abi::Text) -> Status) -> Result<(), Error> {
    const CAPACITY: usize = 4096;
    // Zeroed, since a plugin's word on how much it wrote cannot be checked.
    let mut buffer = [0_u8; CAPACITY];
    let data = buffer.as_mut_ptr().cast::<c_char>();
    let mut message = abi::Text { struct_size: size_of::<abi::Text>(), data, capacity: CAPACITY, length: 0 };
    let status = call(&raw mut message);
    if status == abi::TM_OK {
        return Ok(());
    }
    let written = &buffer[..message.length.min(CAPACITY)];
    let mut text = String::from_utf8_lossy(written).trim_end_matches('\0').to_owned();
    if text.is_empty() {
        text = format!("status {status} without a message");
    }
    Err(Error::new(convert::error_kind(status), text))
}

/// # Safety
/// `data` is what a plugin's `describe` gave.
unsafe fn read_description(data: *const abi::DescriptionData) -> Result<Description, Error> {
    // SAFETY: the caller vouches for the pointers; they live for ever.
    unsafe {
        let data = prefix::read(data, "the description")?;
        let implementations = prefix::elements(
            data.implementations,
            data.implementation_count,
            data.implementation_size,
            "implementations",
        )?;
        let devices = prefix::elements(data.devices, data.device_count, data.device_size, "devices")?;
        Ok(Description {
            framework: prefix::string(data.framework, "the framework's name")?,
            implementations: implementations
                .iter()
                .map(|implementation| {
                    Ok(Implementation {
                        name: prefix::string(implementation.name, "an implementation's name")?,
                        summary: prefix::string(implementation.summary, "an implementation's summary")?,
                        running_variance: convert::running_variance(implementation.running_variance)?,
                    })
                })
                .collect::<Result<_, Error>>()?,
            devices: devices
                .iter()
                .map(|device| {
                    Ok(Device {
                        id: prefix::string(device.id, "a device id")?,
                        unavailable: prefix::optional_string(device.unavailable, "a device's reason")?,
                        adapter: prefix::optional_string(device.adapter, "a device's adapter")?,
                        is_software: device.is_software != 0,
                    })
                })
                .collect::<Result<_, Error>>()?,
            notes: prefix::slice(data.notes, data.note_count, "notes")?
                .iter()
                .map(|&note| prefix::string(note, "a note"))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A plugin can only believe `count` and `sample_size`, so they are checked here.
fn samples_data(samples: Samples<'_>, sample_size: usize, split: &str) -> Result<abi::SamplesData, Error> {
    let count = samples.count();
    if count.checked_mul(sample_size) != Some(samples.pixels.len()) {
        let bytes = samples.pixels.len();
        return Err(Error::invalid(format!(
            "the {count} {split} samples have {bytes} bytes, the model needs {sample_size} each"
        )));
    }
    Ok(abi::SamplesData {
        struct_size: size_of::<abi::SamplesData>(),
        count,
        sample_size,
        pixels: samples.pixels.as_ptr(),
        labels: samples.labels.as_ptr(),
    })
}

fn empty_outcome() -> abi::OutcomeData {
    abi::OutcomeData { struct_size: size_of::<abi::OutcomeData>(), loss: f64::NAN, correct: 0 }
}

fn c_string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::invalid(format!("{text:?} holds a zero byte")))
}
