//! Which tables the host accepts.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;

use proptest::prelude::*;
use trainmark_plugin::abi::{
    BackendTable, DescriptionData, ImplementationData, Status, TABLE_PREFIX, TM_MAGIC, TM_OK, Text,
};
use trainmark_plugin::host::{LoadFault, Plugin};
use trainmark_plugin::{Device, Error, Layer};

use crate::backend::{TABLE, description, opened, request};

/// A table of a later version: it has a field that this host does not know.
#[repr(C)]
struct LaterTable {
    known: BackendTable,
    unknown: [usize; 3],
}

fn load(edit: impl FnOnce(&mut BackendTable)) -> Result<Plugin, String> {
    let mut known = TABLE;
    edit(&mut known);
    let table = Box::leak(Box::new(LaterTable { known, unknown: [usize::MAX; 3] }));
    // SAFETY: the table lives for ever, and its pointers, where present, are those of the SDK's table.
    unsafe { Plugin::from_table(&raw const table.known) }.map_err(|fault| fault.to_string())
}

fn refusal(edit: impl FnOnce(&mut BackendTable)) -> String {
    load(edit).err().expect("the table is refused")
}

fn named(name: &'static CStr) -> Result<Plugin, String> {
    load(|table| table.name = name.as_ptr())
}

#[test]
fn a_wrong_magic_is_refused() {
    let message = "its table does not begin with trainmark's magic number; rebuild it with trainmark-plugin 1 \
                   or the current trainmark.h";
    assert_eq!(refusal(|table| table.magic = TM_MAGIC.swap_bytes()), message);
    let foreign = |table: &mut BackendTable| {
        table.magic = 1;
        table.struct_size = 0;
        table.major = 9;
    };
    assert_eq!(refusal(foreign), message, "the magic is looked at first");
}

#[test]
fn another_major_version_is_refused_with_both_versions() {
    let second = refusal(|table| table.major = 2);
    assert_eq!(second, "built for ABI 2.2, this harness speaks 1.x; rebuild it against trainmark-plugin 1");
    let zeroth = refusal(|table| (table.major, table.minor) = (0, 9));
    assert_eq!(zeroth, "built for ABI 0.9, this harness speaks 1.x; rebuild it against trainmark-plugin 1");
}

#[test]
fn a_later_minor_version_with_more_fields_is_accepted() {
    let plugin = load(|table| {
        table.minor = 7;
        table.struct_size = size_of::<LaterTable>();
    });
    let plugin = plugin.expect("the major version is the same");
    assert_eq!(plugin.describe().unwrap(), description());
    plugin.open(&request()).unwrap();
}

#[test]
fn a_shorter_table_lacks_the_functions_behind_its_end() {
    let lacks = |name: &str| {
        format!("its table lacks the function {name}; every function but `extension` is required")
    };
    let cases = [
        (TABLE_PREFIX, "describe"),
        (offset_of!(BackendTable, open), "open"),
        (offset_of!(BackendTable, set_parameters), "set_parameters"),
        (offset_of!(BackendTable, get_parameters), "get_parameters"),
        (offset_of!(BackendTable, train_step), "train_step"),
        (offset_of!(BackendTable, train_epoch), "train_epoch"),
        (offset_of!(BackendTable, predict), "predict"),
        (offset_of!(BackendTable, close), "close"),
    ];
    for (struct_size, missing) in cases {
        assert_eq!(refusal(|table| table.struct_size = struct_size), lacks(missing));
    }
    load(|table| table.struct_size = offset_of!(BackendTable, extension)).expect("extension is optional");
    load(|table| table.extension = None).expect("extension is optional");
    assert_eq!(refusal(|table| table.predict = None), lacks("predict"));
}

#[test]
fn impossible_table_sizes_are_refused() {
    let small = refusal(|table| table.struct_size = TABLE_PREFIX - 8);
    assert_eq!(small, "the plugin's table: struct_size is 32, at least 40 is needed");
    let torn = refusal(|table| table.struct_size = size_of::<BackendTable>() - 4);
    assert_eq!(torn, "the plugin's table: struct_size 108 ends within a field");
}

#[test]
fn null_and_misaligned_tables_are_refused() {
    let fault = LoadFault::Table("the plugin's table: the pointer is null or misaligned".to_owned());
    // SAFETY: a null pointer is never read.
    assert_eq!(unsafe { Plugin::from_table(std::ptr::null()) }.err().as_ref(), Some(&fault));
    // SAFETY: a misaligned pointer is never read.
    assert_eq!(unsafe { Plugin::from_table((&raw const TABLE).wrapping_byte_add(4)) }.err(), Some(fault));
}

#[test]
fn names_are_checked() {
    let illegal =
        |name: &str| Some(format!("its name {name:?} is not made of lower-case letters, digits and dashes"));
    for good in [c"candle", c"tch-2", c"0"] {
        assert_eq!(named(good).unwrap().name.as_bytes(), good.to_bytes());
    }
    for bad in [c"", c"Bad Name", c"bad name", c"Candle", c"a/b", c"..", c"a_b", c"größer", c"a\n"] {
        assert_eq!(named(bad).err(), illegal(bad.to_str().unwrap()));
    }
    assert_eq!(named(c"\xff").err(), Some("its name is not UTF-8".into()));
    assert_eq!(refusal(|table| table.name = std::ptr::null()), "its name is null");
    assert_eq!(refusal(|table| table.version = std::ptr::null()), "its version is null");
    assert_eq!(refusal(|table| table.version = c"\xff".as_ptr()), "its version is not UTF-8");
}

#[test]
fn a_null_description_is_an_error() {
    unsafe extern "C" fn silent(_out: *mut *const DescriptionData, _message: *mut Text) -> Status {
        TM_OK
    }
    let plugin = load(|table| table.describe = Some(silent)).unwrap();
    assert_eq!(plugin.describe(), Err(Error::invalid("the description: the pointer is null or misaligned")));
}

#[test]
fn an_unknown_running_variance_convention_is_an_error() {
    unsafe extern "C" fn odd(out: *mut *const DescriptionData, _message: *mut Text) -> Status {
        let implementation = ImplementationData {
            name: c"builtin".as_ptr(),
            summary: c"".as_ptr(),
            running_variance: 3,
            reserved: 0,
        };
        let description = DescriptionData {
            struct_size: size_of::<DescriptionData>(),
            framework: c"odd".as_ptr(),
            implementation_count: 1,
            implementation_size: size_of::<ImplementationData>(),
            implementations: Box::leak(Box::new(implementation)),
            device_count: 0,
            device_size: 0,
            devices: std::ptr::null(),
            note_count: 0,
            notes: std::ptr::null(),
        };
        // SAFETY: the host gives a writable place.
        unsafe { out.write(Box::leak(Box::new(description))) };
        TM_OK
    }
    let plugin = load(|table| table.describe = Some(odd)).unwrap();
    let message = "running-variance convention 3 is unknown; there are 0 (unbiased_from_one), \
                   1 (biased_from_zero), 2 (biased_from_one)";
    assert_eq!(plugin.describe(), Err(Error::invalid(message)));
}

/// A device of ABI 1.0 and 1.1 has two fields, and the next one lies right behind it.
/// It would take the bias that it expects from what is the next layer's.
#[test]
fn a_plugin_of_an_earlier_minor_version_gets_no_layer_without_a_bias() {
    let mut request = request();
    request.model.layers[1] = Layer::Linear { out_features: 3, bias: false };
    let earlier = load(|table| table.minor = 1).unwrap();
    let expected = Error::unsupported(
        "layer 1 (linear) of model tiny has no bias, which this plugin cannot know: it was built for ABI 1.1; \
         rebuild it against ABI 1.2",
    );
    assert_eq!(earlier.open(&request).err(), Some(expected));
    load(|table| table.minor = 2).unwrap().open(&request).unwrap();
    assert_eq!(opened().model, request.model);
}

#[test]
fn devices_of_earlier_minor_versions_name_no_adapter() {
    #[repr(C)]
    struct EarlierDevice {
        id: *const c_char,
        unavailable: *const c_char,
    }
    unsafe extern "C" fn earlier(out: *mut *const DescriptionData, _message: *mut Text) -> Status {
        let devices = [(c"cpu", std::ptr::null()), (c"wgpu:0", c"no adapter".as_ptr())];
        let devices = devices.map(|(id, unavailable)| EarlierDevice { id: id.as_ptr(), unavailable });
        let description = DescriptionData {
            struct_size: size_of::<DescriptionData>(),
            framework: c"earlier".as_ptr(),
            implementation_count: 0,
            implementation_size: 0,
            implementations: std::ptr::null(),
            device_count: 2,
            device_size: size_of::<EarlierDevice>(),
            devices: Box::leak(Box::new(devices)).as_ptr().cast(),
            note_count: 0,
            notes: std::ptr::null(),
        };
        // SAFETY: the host gives a writable place.
        unsafe { out.write(Box::leak(Box::new(description))) };
        TM_OK
    }
    let plugin = load(|table| table.describe = Some(earlier)).unwrap();
    let expected = [Device::available("cpu"), Device::unavailable("wgpu:0", "no adapter")];
    assert_eq!(plugin.describe().unwrap().devices, expected);
}

/// A description as ABI 1.0 knew it ends before the notes; what lies behind is not its own.
#[test]
fn a_description_of_abi_1_0_has_no_notes() {
    unsafe extern "C" fn old(out: *mut *const DescriptionData, _message: *mut Text) -> Status {
        let description = DescriptionData {
            struct_size: std::mem::offset_of!(DescriptionData, note_count),
            framework: c"old".as_ptr(),
            implementation_count: 0,
            implementation_size: 0,
            implementations: std::ptr::null(),
            device_count: 0,
            device_size: 0,
            devices: std::ptr::null(),
            note_count: 3,
            notes: std::ptr::dangling(),
        };
        // SAFETY: the host gives a writable place.
        unsafe { out.write(Box::leak(Box::new(description))) };
        TM_OK
    }
    let description = load(|table| table.describe = Some(old)).unwrap().describe().unwrap();
    assert_eq!((&*description.framework, description.notes.len()), ("old", 0));
}

#[test]
fn a_status_without_a_message_and_an_unknown_status_are_failures() {
    unsafe extern "C" fn unknown(_out: *mut *const DescriptionData, _message: *mut Text) -> Status {
        -3
    }
    unsafe extern "C" fn overlong(_out: *mut *const DescriptionData, message: *mut Text) -> Status {
        // SAFETY: the host's buffer is writable; the length lies about it on purpose.
        unsafe {
            std::ptr::write_bytes((*message).data, b'z', (*message).capacity);
            (*message).length = usize::MAX;
        }
        trainmark_plugin::abi::TM_DEVICE
    }
    unsafe extern "C" fn not_text(_out: *mut *const DescriptionData, message: *mut Text) -> Status {
        const BYTES: &[u8] = b"caf\xe9\0\0";
        // SAFETY: the host's buffer is writable and larger than this.
        unsafe {
            std::ptr::copy_nonoverlapping(BYTES.as_ptr().cast::<c_char>(), (*message).data, BYTES.len());
            (*message).length = BYTES.len();
        }
        trainmark_plugin::abi::TM_OUT_OF_MEMORY
    }
    let answer = |function| load(|table| table.describe = Some(function)).unwrap().describe().unwrap_err();
    assert_eq!(answer(unknown), Error::failed("status -3 without a message"));
    assert_eq!(answer(overlong), Error::device("z".repeat(4096)));
    assert_eq!(answer(not_text), Error::out_of_memory("caf\u{fffd}"));
}

#[test]
fn ok_without_a_session_is_a_failure() {
    use trainmark_plugin::abi::{OpenData, SessionData};
    unsafe extern "C" fn forgetful(
        _request: *const OpenData,
        _session: *mut *mut SessionData,
        _message: *mut Text,
    ) -> Status {
        TM_OK
    }
    let plugin = load(|table| table.open = Some(forgetful)).unwrap();
    assert_eq!(plugin.open(&request()).err(), Some(Error::failed("open answered ok but gave no session")));
}

fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: T,
    any: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![Just(usual), any]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever stands in the fields before the pointers, a table is accepted
    /// only if it is valid, and then it works.
    #[test]
    fn arbitrary_tables_are_accepted_only_if_valid(
        magic in mostly(TM_MAGIC, any::<u64>()),
        major in mostly(1, any::<u32>()),
        minor in any::<u32>(),
        struct_size in prop_oneof![0_usize..160, any::<usize>()],
    ) {
        let loaded = load(|table| {
            table.magic = magic;
            table.major = major;
            table.minor = minor;
            table.struct_size = struct_size;
        });
        let whole = struct_size >= offset_of!(BackendTable, extension) && struct_size.is_multiple_of(8);
        prop_assert_eq!(loaded.is_ok(), magic == TM_MAGIC && major == 1 && whole);
        if let Ok(plugin) = loaded {
            prop_assert_eq!(plugin.describe(), Ok(description()));
        }
    }

    #[test]
    fn arbitrary_names_are_accepted_only_if_legal(name in "[a-z0-9-]{0,8}[\\PC]{0,2}") {
        let text = std::ffi::CString::new(name.clone()).unwrap();
        let loaded = load(|table| table.name = text.into_raw());
        let legal = !name.is_empty()
            && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
        prop_assert_eq!(loaded.is_ok(), legal);
    }
}
