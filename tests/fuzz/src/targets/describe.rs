//! What a plugin says of itself, as the harness reads it.

use std::cell::Cell;
use std::ffi::c_char;

use arbitrary::Result;
use trainmark_plugin::abi::{
    BackendTable, DescriptionData, DeviceData, ImplementationData, Status, TM_OK, Text,
};
use trainmark_plugin::export;
use trainmark_plugin::host::Plugin;

use super::foreign::Foreign;
use super::open::Idle;

thread_local! {
    /// What the plugin of this thread answers.
    static ANSWER: Cell<*const DescriptionData> = const { Cell::new(std::ptr::null()) };
}

static TABLE: BackendTable = BackendTable { describe: Some(describe), ..export::table::<Idle>() };

unsafe extern "C" fn describe(place: *mut *const DescriptionData, _message: *mut Text) -> Status {
    // SAFETY: the host gives a writable place.
    unsafe { place.write(ANSWER.get()) };
    TM_OK
}

pub(super) fn run(bytes: &[u8]) {
    let mut foreign = Foreign::new(bytes);
    let Ok(description) = description(&mut foreign) else { return };
    ANSWER.set(&raw const description);
    // SAFETY: the table is a static of this program's.
    let plugin = unsafe { Plugin::from_table(&raw const TABLE) };
    let described = plugin.unwrap_or_else(|fault| panic!("the table: {fault}")).describe();
    ANSWER.set(std::ptr::null());
    if let Ok(told) = described {
        assert!(told.implementations.len() <= description.implementation_count);
        assert!(told.devices.len() <= description.device_count);
    }
}

fn description(foreign: &mut Foreign<'_>) -> Result<DescriptionData> {
    let framework = foreign.text(&["framework 1.0"])?;
    let implementations = foreign.array(4, |foreign| {
        Ok(ImplementationData {
            name: foreign.text(&["primitive", "builtin"])?,
            summary: foreign.text(&["as written"])?,
            running_variance: foreign.number()?,
            reserved: foreign.number()?,
        })
    });
    let implementations = implementations?;
    let devices = foreign.array(4, |foreign| {
        Ok(DeviceData {
            id: foreign.text(&["cpu", "cuda:0", "wgpu:0"])?,
            unavailable: foreign.text(&[])?,
            adapter: foreign.text(&["llvmpipe"])?,
            is_software: foreign.number()?,
            reserved: foreign.number()?,
        })
    })?;
    let notes = foreign.array::<*const c_char>(4, |foreign| foreign.text(&[]))?;
    // Without a size of their own: their elements cannot grow.
    let notes_fit = notes.stride == size_of::<*const c_char>();
    Ok(DescriptionData {
        struct_size: foreign.size::<DescriptionData>()?,
        framework,
        implementation_count: implementations.count,
        implementation_size: implementations.stride,
        implementations: implementations.start,
        device_count: devices.count,
        device_size: devices.stride,
        devices: devices.start,
        note_count: if notes_fit { notes.count } else { 0 },
        notes: notes.start,
    })
}
