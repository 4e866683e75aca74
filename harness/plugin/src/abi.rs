//! The C ABI, as raw types. `include/trainmark.h` is generated from this file.
//!
//! Rules that hold for ever within major version 1:
//! - A plugin exports one static [`BackendTable`] named `tm_backend_v1`. Its fields up to
//!   `version` keep their place in every version.
//! - A struct with `struct_size` only grows at its end. Who fills it in sets
//!   `struct_size`; who reads it uses the smaller of that and its own size, and
//!   takes what is missing as zero.
//! - Array elements are `element_size` bytes apart, so that they can grow too.
//! - Memory belongs to who allocated it. Pointers given to a call are valid
//!   during that call, the data set's until the session is closed, and what
//!   `describe` returns for ever.
//! - No exception or panic may cross the boundary.
//! - Calls of one session come one at a time, from one thread.

use std::ffi::{c_char, c_void};

/// Major version: tables of another one are refused.
pub const TM_ABI_MAJOR: u32 = 1;
/// Minor version: grows with every addition; any minor is accepted.
pub const TM_ABI_MINOR: u32 = 2;
/// First field of the table: "TRAINMRK" as a little-endian number.
pub const TM_MAGIC: u64 = 0x4B52_4D4E_4941_5254;

/// Outcome of a call: one of the `TM_…` statuses below.
pub type Status = i32;
/// The call did what it should.
pub const TM_OK: Status = 0;
/// The caller broke the contract: wrong order, shape, index or option.
pub const TM_INVALID: Status = 1;
/// The backend cannot do this model, option or device faithfully.
pub const TM_UNSUPPORTED: Status = 2;
/// The framework failed.
pub const TM_FAILED: Status = 3;
/// Memory of host or device is exhausted.
pub const TM_OUT_OF_MEMORY: Status = 4;
/// The device is absent, lost or too old.
pub const TM_DEVICE: Status = 5;
/// The plugin panicked; the session accepts only `close` from then on.
pub const TM_PANIC: Status = 6;

/// 2-D convolution: `channels` outputs, `window` side, `stride`, `padding`, `without_bias`.
pub const TM_CONV2D: u32 = 1;
/// Batch normalisation: `epsilon`, `momentum`.
pub const TM_BATCH_NORM: u32 = 2;
/// 1/(1 + e⁻ˣ)
pub const TM_SIGMOID: u32 = 3;
/// max(x, 0)
pub const TM_RELU: u32 = 4;
/// tanh x
pub const TM_TANH: u32 = 5;
/// Maximum over windows: `window`, `stride`. A tie gives its gradient to the first maximum.
pub const TM_MAX_POOL2D: u32 = 6;
/// Mean over windows: `window`, `stride`.
pub const TM_AVG_POOL2D: u32 = 7;
/// N×C×H×W to N×(C·H·W)
pub const TM_FLATTEN: u32 = 8;
/// y = x·Wᵀ + b: `channels` outputs, `without_bias`.
pub const TM_LINEAR: u32 = 9;
/// Inverted dropout: `rate`.
pub const TM_DROPOUT: u32 = 10;
/// Nearest-neighbour resize: `height`, `width`.
pub const TM_RESIZE: u32 = 11;
/// The sum of what it reads and another value of the same shape: `other`. Since ABI 1.2.
pub const TM_ADD: u32 = 12;

/// The model's input, as a layer's `input` or `other`. Since ABI 1.2.
pub const TM_MODEL_INPUT: u32 = 0xFFFF_FFFF;

/// Running variance starts at 1, updated with the unbiased batch variance.
pub const TM_UNBIASED_FROM_ONE: u32 = 0;
/// Running variance starts at 0, updated with the biased batch variance.
pub const TM_BIASED_FROM_ZERO: u32 = 1;
/// Running variance starts at 1, updated with the biased batch variance. Since ABI 1.2.
pub const TM_BIASED_FROM_ONE: u32 = 2;

/// The samples that are trained on.
pub const TM_TRAIN: u32 = 0;
/// The samples held out.
pub const TM_TEST: u32 = 1;

/// A buffer that the host owns and a plugin writes a message into.
#[repr(C)]
pub struct Text {
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// Where UTF-8 bytes go; no terminating zero is needed.
    pub data: *mut c_char,
    /// Bytes that fit; a longer message is cut.
    pub capacity: usize,
    /// Bytes written, by the plugin.
    pub length: usize,
}

/// One layer; fields that its kind does not use are zero.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LayerData {
    /// `TM_CONV2D`, …; an unknown kind is answered with `TM_UNSUPPORTED`.
    pub kind: u32,
    /// Output channels of a convolution, output features of a linear layer.
    pub channels: u32,
    /// Side of a kernel or pooling window.
    pub window: u32,
    /// Step of the window.
    pub stride: u32,
    /// Zeros added on each side.
    pub padding: u32,
    /// Height to resize to.
    pub height: u32,
    /// Width to resize to.
    pub width: u32,
    /// Zero.
    pub reserved: u32,
    /// Batch norm's ε.
    pub epsilon: f64,
    /// Weight of the new batch in batch norm's running statistics.
    pub momentum: f64,
    /// Dropout's rate.
    pub rate: f64,
    /// What it reads. 0: the output of the layer before it, and the first one the model's input; n: the
    /// output of the n-th layer, counted from 1, which comes before it; or `TM_MODEL_INPUT`. A model in
    /// which it is not 0 has a `TM_ADD`. Since ABI 1.2.
    pub input: u32,
    /// What `TM_ADD` adds, in the same numbers. Since ABI 1.2.
    pub other: u32,
    /// 1 where a convolution or linear layer adds no bias and has none among its parameters, else 0. Only a
    /// plugin whose table says minor version 2 or later gets a model in which it is not 0. Since ABI 1.2.
    pub without_bias: u32,
    /// Zero.
    pub reserved_too: u32,
}

/// A model: layers, of which each reads the output of the one before unless it says otherwise. Every
/// output but the last one's is read by a layer.
#[repr(C)]
pub struct ModelData {
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// Name of the workload, for messages.
    pub name: *const c_char,
    /// Channels of an input image, or features of an input vector.
    pub input_channels: u32,
    /// Height of an input image; 0 for a vector.
    pub input_height: u32,
    /// Width of an input image; 0 for a vector.
    pub input_width: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of layers.
    pub layer_count: usize,
    /// Bytes from one layer to the next.
    pub layer_size: usize,
    /// The layers, first to last.
    pub layers: *const LayerData,
}

/// Samples of one split.
#[repr(C)]
pub struct SamplesData {
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// Number of samples.
    pub count: usize,
    /// Bytes per sample: channels·height·width.
    pub sample_size: usize,
    /// `count·sample_size` bytes; the network's input is pixel/255 in float32.
    pub pixels: *const u8,
    /// `count` classes.
    pub labels: *const u8,
}

/// A named option.
///
/// Options that the host may ask for, all of them required:
/// - `optimiser`, where it is not plain stochastic gradient descent: `momentum` or `adam`, and its numbers
///   as options of their own: `momentum`, `weight_decay`; `beta1`, `beta2`, `epsilon`, `weight_decay`.
///
/// With g = ∂loss/∂w + weight_decay·w, for every trained tensor:
/// - `momentum`: v ← momentum·v + g; w ← w − rate·v.
/// - `adam`: t ← t + 1; m ← beta1·m + (1 − beta1)·g; v ← beta2·v + (1 − beta2)·g²;
///   w ← w − rate·(m / (1 − beta1ᵗ)) / (√(v / (1 − beta2ᵗ)) + epsilon).
///
/// A session begins with v, m and t at zero; `set_parameters` puts them back to zero, and nothing else does.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OptionData {
    /// Name.
    pub key: *const c_char,
    /// Value.
    pub value: *const c_char,
    /// Not 0: a plugin that does not know it answers `TM_UNSUPPORTED`. 0: it may ignore it.
    pub required: u32,
    /// Zero.
    pub reserved: u32,
}

/// What the host asks for when it opens a session.
#[repr(C)]
pub struct OpenData {
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// The model.
    pub model: *const ModelData,
    /// Training samples.
    pub train: *const SamplesData,
    /// Test samples.
    pub test: *const SamplesData,
    /// `primitive`, `builtin`, …; `none` for a model without batch norm.
    pub implementation: *const c_char,
    /// `cpu`, `cuda:0`, …
    pub device: *const c_char,
    /// Threads to compute with, at least 1.
    pub threads: u32,
    /// Zero.
    pub reserved: u32,
    /// Batch size of training, at least 1.
    pub batch_size: usize,
    /// Learning rate: of plain stochastic gradient descent, w ← w − rate·∂loss/∂w, unless the option
    /// `optimiser` asks for another.
    pub learning_rate: f64,
    /// Number of options.
    pub option_count: usize,
    /// Bytes from one option to the next.
    pub option_size: usize,
    /// Further options.
    pub options: *const OptionData,
}

/// One way in which a backend computes batch norm.
#[repr(C)]
pub struct ImplementationData {
    /// `primitive`, `builtin`, or a further name.
    pub name: *const c_char,
    /// One line on it.
    pub summary: *const c_char,
    /// `TM_UNBIASED_FROM_ONE`, `TM_BIASED_FROM_ZERO` or `TM_BIASED_FROM_ONE`.
    pub running_variance: u32,
    /// Zero.
    pub reserved: u32,
}

/// One device.
#[repr(C)]
pub struct DeviceData {
    /// `cpu`, `cuda:0`, `wgpu:0`, …
    pub id: *const c_char,
    /// Why it cannot be used now; null where it can.
    pub unavailable: *const c_char,
    /// Name of the graphics adapter, where the harness cannot know it: for `wgpu`; else null. Since
    /// ABI 1.2.
    pub adapter: *const c_char,
    /// Not 0: a software renderer, which computes on the processor. Since ABI 1.2.
    pub is_software: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a backend says of itself; lives as long as the library.
#[repr(C)]
pub struct DescriptionData {
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// Framework and version.
    pub framework: *const c_char,
    /// Number of implementations.
    pub implementation_count: usize,
    /// Bytes from one implementation to the next.
    pub implementation_size: usize,
    /// The implementations.
    pub implementations: *const ImplementationData,
    /// Number of devices.
    pub device_count: usize,
    /// Bytes from one device to the next.
    pub device_size: usize,
    /// The devices.
    pub devices: *const DeviceData,
    /// Number of notes. Since ABI 1.1.
    pub note_count: usize,
    /// What a reader of the numbers should know, a line each: a framework's defect that is worked
    /// around, a choice that matters. Since ABI 1.1.
    pub notes: *const *const c_char,
}

/// Outcome of a training step or epoch.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OutcomeData {
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// Mean cross-entropy of the samples, each before its step's update.
    pub loss: f64,
    /// Samples whose largest logit was their label's.
    pub correct: u64,
}

/// A session: the plugin's own, opaque to the host (hence no `repr(C)`: the
/// header only declares it).
pub struct SessionData {
    _opaque: [u8; 0],
}

// Function pointers are nullable, so that a reader can find out what a table lacks.

/// Describes the backend; called once, before anything else.
pub type DescribeFn =
    Option<unsafe extern "C" fn(description: *mut *const DescriptionData, message: *mut Text) -> Status>;
/// Builds a model on a device.
pub type OpenFn = Option<
    unsafe extern "C" fn(
        request: *const OpenData,
        session: *mut *mut SessionData,
        message: *mut Text,
    ) -> Status,
>;
/// Sets every parameter: `count` row-major arrays in the order of the layers (weight, bias; gamma, beta,
/// running mean, running variance).
pub type SetParametersFn = Option<
    unsafe extern "C" fn(
        session: *mut SessionData,
        values: *const *const f32,
        lengths: *const usize,
        count: usize,
        message: *mut Text,
    ) -> Status,
>;
/// Copies every parameter out, in the same order and layout.
pub type GetParametersFn = Option<
    unsafe extern "C" fn(
        session: *mut SessionData,
        values: *const *mut f32,
        lengths: *const usize,
        count: usize,
        message: *mut Text,
    ) -> Status,
>;
/// Trains on one batch: the training samples with these indices.
pub type TrainStepFn = Option<
    unsafe extern "C" fn(
        session: *mut SessionData,
        indices: *const u32,
        count: usize,
        outcome: *mut OutcomeData,
        message: *mut Text,
    ) -> Status,
>;
/// Trains on `order` in consecutive batches of `batch_size`; the last may be smaller and is kept.
pub type TrainEpochFn = Option<
    unsafe extern "C" fn(
        session: *mut SessionData,
        order: *const u32,
        count: usize,
        batch_size: usize,
        outcome: *mut OutcomeData,
        message: *mut Text,
    ) -> Status,
>;
/// Writes `count × classes` logits in prediction mode; changes no parameter.
pub type PredictFn = Option<
    unsafe extern "C" fn(
        session: *mut SessionData,
        split: u32,
        indices: *const u32,
        count: usize,
        batch_size: usize,
        logits: *mut f32,
        logits_length: usize,
        message: *mut Text,
    ) -> Status,
>;
/// Ends a session and frees what it holds.
pub type CloseFn = Option<unsafe extern "C" fn(session: *mut SessionData)>;
/// Table of an optional ability by its id; null where the plugin lacks it.
pub type ExtensionFn = Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>;

/// The table that a plugin exports as `tm_backend_v1`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct BackendTable {
    /// `TM_MAGIC`
    pub magic: u64,
    /// `TM_ABI_MAJOR`
    pub major: u32,
    /// `TM_ABI_MINOR`
    pub minor: u32,
    /// Size of this struct in bytes.
    pub struct_size: usize,
    /// Unique name: lower-case letters, digits and dashes.
    pub name: *const c_char,
    /// Version of the plugin.
    pub version: *const c_char,
    /// Required.
    pub describe: DescribeFn,
    /// Required.
    pub open: OpenFn,
    /// Required.
    pub set_parameters: SetParametersFn,
    /// Required.
    pub get_parameters: GetParametersFn,
    /// Required.
    pub train_step: TrainStepFn,
    /// Required.
    pub train_epoch: TrainEpochFn,
    /// Required.
    pub predict: PredictFn,
    /// Required.
    pub close: CloseFn,
    /// May be null.
    pub extension: ExtensionFn,
}

// SAFETY: the table is read only, and its pointers refer to statics.
unsafe impl Sync for BackendTable {}
// SAFETY: as above.
unsafe impl Send for BackendTable {}

/// Bytes of the table's prefix, whose layout is the same in every version.
pub const TABLE_PREFIX: usize = std::mem::offset_of!(BackendTable, describe);

/// The layout on 64-bit targets, the only ones supported: a change here would
/// break every plugin that was ever built.
#[cfg(target_pointer_width = "64")]
mod layout {
    use super::*;
    use std::mem::{offset_of, size_of};

    const _: () = {
        assert!(TABLE_PREFIX == 40);
        assert!(offset_of!(BackendTable, major) == 8);
        assert!(offset_of!(BackendTable, struct_size) == 16);
        assert!(offset_of!(BackendTable, name) == 24);
        assert!(offset_of!(BackendTable, open) == 48);
        assert!(offset_of!(BackendTable, train_step) == 72);
        assert!(offset_of!(BackendTable, close) == 96);
        assert!(size_of::<BackendTable>() == 112);
        assert!(size_of::<Text>() == 32);
        assert!(offset_of!(LayerData, epsilon) == 32);
        assert!(offset_of!(LayerData, input) == 56);
        assert!(offset_of!(LayerData, without_bias) == 64);
        assert!(size_of::<LayerData>() == 72);
        assert!(offset_of!(ModelData, layers) == 48);
        assert!(size_of::<ModelData>() == 56);
        assert!(size_of::<SamplesData>() == 40);
        assert!(size_of::<OptionData>() == 24);
        assert!(offset_of!(OpenData, learning_rate) == 64);
        assert!(size_of::<OpenData>() == 96);
        assert!(size_of::<ImplementationData>() == 24);
        assert!(offset_of!(DeviceData, adapter) == 16);
        assert!(size_of::<DeviceData>() == 32);
        assert!(offset_of!(DescriptionData, note_count) == 64);
        assert!(size_of::<DescriptionData>() == 80);
        assert!(size_of::<OutcomeData>() == 24);
    };
}

#[cfg(not(target_pointer_width = "64"))]
compile_error!("trainmark supports 64-bit targets only");
