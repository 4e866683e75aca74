//! The table's functions, called as a C host could call them.

use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};

use trainmark_plugin::Shape;
use trainmark_plugin::abi::{
    LayerData, ModelData, OpenData, OptionData, OutcomeData, SamplesData, SessionData, Status, TM_ADD,
    TM_FLATTEN, TM_INVALID, TM_LINEAR, TM_OK, TM_TEST, TM_UNSUPPORTED, Text,
};

use crate::backend::{DATASET, LENGTHS, Misbehaviour, TABLE, opened, plan, reached, request};

/// A layer of a later version: it has a field that this SDK does not know.
#[repr(C)]
#[derive(Clone, Copy)]
struct LaterLayer {
    known: LayerData,
    unknown: f64,
}

fn layer(kind: u32, channels: u32) -> LaterLayer {
    let known = LayerData {
        kind,
        channels,
        window: 0,
        stride: 0,
        padding: 0,
        height: 0,
        width: 0,
        reserved: 0,
        epsilon: 0.0,
        momentum: 0.0,
        rate: 0.0,
        input: 0,
        other: 0,
        without_bias: 0,
        reserved_too: 0,
    };
    LaterLayer { known, unknown: f64::NAN }
}

/// A request in pieces; an empty list or `None` becomes a null pointer.
struct Request {
    layers: Vec<LaterLayer>,
    model: Option<ModelData>,
    train: SamplesData,
    test: SamplesData,
    options: Vec<OptionData>,
    open: OpenData,
}

fn samples(samples: trainmark_plugin::Samples<'static>) -> SamplesData {
    SamplesData {
        struct_size: size_of::<SamplesData>(),
        count: samples.count(),
        sample_size: 4,
        pixels: samples.pixels.as_ptr(),
        labels: samples.labels.as_ptr(),
    }
}

/// The request of `backend::request`, with layers of a later version.
fn pieces() -> Request {
    let model = ModelData {
        struct_size: size_of::<ModelData>(),
        name: c"tiny".as_ptr(),
        input_channels: 1,
        input_height: 2,
        input_width: 2,
        reserved: 0,
        layer_count: 2,
        layer_size: size_of::<LaterLayer>(),
        layers: null(),
    };
    let open = OpenData {
        struct_size: size_of::<OpenData>(),
        model: null(),
        train: null(),
        test: null(),
        implementation: c"none".as_ptr(),
        device: c"cpu".as_ptr(),
        threads: 2,
        reserved: 0,
        batch_size: 2,
        learning_rate: 0.5,
        option_count: 0,
        option_size: size_of::<OptionData>(),
        options: null(),
    };
    Request {
        layers: vec![layer(TM_FLATTEN, 0), layer(TM_LINEAR, 3)],
        model: Some(model),
        train: samples(DATASET.train),
        test: samples(DATASET.test),
        options: Vec::new(),
        open,
    }
}

fn pointer<T>(list: &[T]) -> *const T {
    if list.is_empty() { null() } else { list.as_ptr() }
}

/// Calls with a buffer for the message.
fn answer(call: impl FnOnce(*mut Text) -> Status) -> (Status, String) {
    let mut buffer = [0_u8; 200];
    let mut text = Text {
        struct_size: size_of::<Text>(),
        data: buffer.as_mut_ptr().cast::<c_char>(),
        capacity: buffer.len(),
        length: 0,
    };
    let status = call(&raw mut text);
    let length = text.length;
    (status, String::from_utf8(buffer[..length].to_vec()).expect("messages are UTF-8"))
}

fn open(edit: impl FnOnce(&mut Request)) -> Result<*mut SessionData, (Status, String)> {
    let mut request = pieces();
    edit(&mut request);
    if let Some(model) = &mut request.model {
        model.layers = pointer(&request.layers).cast();
    }
    request.open.model = request.model.as_ref().map_or(null(), |model| model);
    request.open.train = &raw const request.train;
    request.open.test = &raw const request.test;
    request.open.options = pointer(&request.options);
    let mut session = null_mut();
    // SAFETY: everything is valid during the call, or wrong in a way that the SDK must see; the data set is static.
    let answer =
        answer(|text| unsafe { TABLE.open.unwrap()(&raw const request.open, &raw mut session, text) });
    if answer.0 == TM_OK { Ok(session) } else { Err(answer) }
}

fn close(session: *mut SessionData) {
    // SAFETY: `open` gave it, and each test closes once.
    unsafe { TABLE.close.unwrap()(session) }
}

/// Opens with what `edit` spoilt and expects `invalid`.
fn refused(message: &str, edit: impl FnOnce(&mut Request)) {
    assert_eq!(open(edit).unwrap_err(), (TM_INVALID, message.to_owned()));
}

/// Opens, sets parameters and hands the session to `test`.
fn with_session(test: impl FnOnce(*mut SessionData)) {
    let session = open(|_| {}).expect("the request is valid");
    let values = [0.5_f32; LENGTHS[0]];
    let pointers = [values.as_ptr(); 2];
    // SAFETY: the session is open, the arrays are as long as they say.
    let status = answer(|text| unsafe {
        TABLE.set_parameters.unwrap()(session, pointers.as_ptr(), LENGTHS.as_ptr(), 2, text)
    });
    assert_eq!(status.0, TM_OK);
    reached();
    test(session);
    assert_eq!(reached(), [""; 0], "a wrong call must not reach the backend");
    close(session);
}

fn invalid(message: &str) -> (Status, String) {
    (TM_INVALID, message.to_owned())
}

#[test]
fn layers_of_a_later_version_are_read() {
    close(open(|_| {}).unwrap());
    let (arrived, expected) = (opened(), request());
    assert_eq!(arrived.model, expected.model);
    assert_eq!(arrived.model.input, Shape::Image { channels: 1, height: 2, width: 2 });
    assert_eq!(arrived.dataset, DATASET);
}

#[test]
fn an_unknown_layer_kind_is_unsupported() {
    let answer = open(|request| request.layers[0] = layer(TM_ADD + 1, 0)).unwrap_err();
    assert_eq!(answer, (TM_UNSUPPORTED, "layer kind 13 is newer than this plugin".into()));
}

#[test]
fn only_required_options_matter() {
    let option = |key: &'static CStr, required| OptionData {
        key: key.as_ptr(),
        value: c"1".as_ptr(),
        required,
        reserved: 0,
    };
    let give = |options: Vec<OptionData>| {
        open(|request| {
            request.open.option_count = options.len();
            request.options = options;
        })
    };
    close(give(vec![option(c"hint", 0)]).unwrap());
    let answer = give(vec![option(c"hint", 0), option(c"tf32", 1)]).unwrap_err();
    assert_eq!(answer, (TM_UNSUPPORTED, "option tf32 is not known to this plugin".into()));
    let valued = |key, value: &'static CStr| OptionData { value: value.as_ptr(), ..option(key, 1) };
    close(give(vec![valued(c"optimiser", c"sgd")]).unwrap());
    let momentum =
        [valued(c"momentum", c"0.9"), valued(c"weight_decay", c"0"), valued(c"optimiser", c"momentum")];
    let answer = give(momentum.to_vec()).unwrap_err();
    assert_eq!(answer, (TM_UNSUPPORTED, "this backend does not train with optimiser momentum".into()));
    let answer = give([momentum.to_vec(), vec![valued(c"beta1", c"0")]].concat()).unwrap_err();
    assert_eq!(answer, (TM_UNSUPPORTED, "option beta1 is not known to this plugin".into()));
    let answer = give(momentum[1..].to_vec()).unwrap_err();
    assert_eq!(answer, (TM_INVALID, "option momentum is missing".into()));
}

#[test]
fn null_and_wrong_requests_are_invalid() {
    refused("the model: the pointer is null or misaligned", |request| request.model = None);
    refused("layers: the pointer is null or misaligned", |request| request.layers.clear());
    refused("options: the pointer is null or misaligned", |request| request.open.option_count = 1);
    refused("the implementation's name is null", |request| request.open.implementation = null());
    refused("the device id is null", |request| request.open.device = null());
    refused("the device id is not UTF-8", |request| request.open.device = c"\xff".as_ptr());
    refused("the training samples: the pointer is null or misaligned", |request| {
        request.train.pixels = null()
    });
    refused("the test samples: the pointer is null or misaligned", |request| request.test.labels = null());
    refused("the test samples have an impossible size", |request| request.test.count = usize::MAX);
    refused("test samples do not have 4 bytes each", |request| request.test.sample_size = 3);
    refused("the open request: struct_size is 88, at least 96 is needed", |request| {
        request.open.struct_size = 88;
    });
    refused("the training samples: struct_size is 0, at least 40 is needed", |request| {
        request.train.struct_size = 0;
    });
    fn model(request: &mut Request) -> &mut ModelData {
        request.model.as_mut().unwrap()
    }
    refused("the model: struct_size is 48, at least 56 is needed", |request| {
        model(request).struct_size = 48;
    });
    refused("the model's name is null", |request| model(request).name = null());
    refused("layers: the element size is 48, at least 56 is needed, in steps of 8", |request| {
        model(request).layer_size = 48
    });
    refused("layers: the element size is 60, at least 56 is needed, in steps of 8", |request| {
        model(request).layer_size = 60
    });
    refused("layers: the length 2 is impossible", |request| model(request).layer_size = 1 << 63);
    refused("the input of model tiny: it holds no value", |request| model(request).input_height = 0);
    assert_eq!(reached(), [""; 0]);
}

#[test]
fn null_and_misaligned_places_are_invalid() {
    let mut session = null_mut();
    // SAFETY: null and misaligned pointers are never read.
    unsafe {
        let open = TABLE.open.unwrap();
        let request = answer(|text| open(null(), &raw mut session, text));
        assert_eq!(request, invalid("the open request: the pointer is null or misaligned"));
        let place = answer(|text| open(null(), null_mut(), text));
        assert_eq!(place, invalid("the place for the session: the pointer is null or misaligned"));
        let describe = TABLE.describe.unwrap();
        let place = answer(|text| describe(null_mut(), text));
        assert_eq!(place, invalid("the place for the description: the pointer is null or misaligned"));
        let odd =
            (&raw mut session).cast::<*const trainmark_plugin::abi::DescriptionData>().wrapping_byte_add(1);
        let place = answer(|text| describe(odd, text));
        assert_eq!(place, invalid("the place for the description: the pointer is null or misaligned"));
    }
    assert_eq!(reached(), [""; 0]);
}

#[test]
fn a_null_session_is_invalid_and_closing_it_does_nothing() {
    close(null_mut());
    let null_session = invalid("the session is null");
    let index = 0_u32;
    // SAFETY: a null session is never followed, and the other arguments are valid.
    unsafe {
        let t = &TABLE;
        let mut outcome = OutcomeData { struct_size: size_of::<OutcomeData>(), loss: 0.0, correct: 0 };
        let out = &raw mut outcome;
        assert_eq!(answer(|m| t.set_parameters.unwrap()(null_mut(), null(), null(), 0, m)), null_session);
        assert_eq!(answer(|m| t.get_parameters.unwrap()(null_mut(), null(), null(), 0, m)), null_session);
        assert_eq!(answer(|m| t.train_step.unwrap()(null_mut(), &raw const index, 1, out, m)), null_session);
        let epoch = answer(|m| t.train_epoch.unwrap()(null_mut(), &raw const index, 1, 1, out, m));
        assert_eq!(epoch, null_session);
        let predict =
            answer(|m| t.predict.unwrap()(null_mut(), TM_TEST, &raw const index, 1, 1, null_mut(), 0, m));
        assert_eq!(predict, null_session);
    }
}

#[test]
fn null_and_misaligned_parameter_lists_are_invalid() {
    with_session(|session| {
        let mut values = [0.0_f32; LENGTHS[0] + 1];
        let odd = values.as_mut_ptr().wrapping_byte_add(2);
        // SAFETY: null and misaligned pointers are never read.
        unsafe {
            let set = TABLE.set_parameters.unwrap();
            let get = TABLE.get_parameters.unwrap();
            let no_list = answer(|text| set(session, null(), LENGTHS.as_ptr(), 2, text));
            assert_eq!(no_list, invalid("the list of parameters: the pointer is null or misaligned"));
            let good = [values.as_ptr(); 2];
            let no_lengths = answer(|text| set(session, good.as_ptr(), null(), 2, text));
            assert_eq!(no_lengths, invalid("the list of lengths: the pointer is null or misaligned"));
            let endless = [usize::MAX; 2];
            let impossible = answer(|text| set(session, good.as_ptr(), endless.as_ptr(), 2, text));
            assert_eq!(impossible, invalid("a parameter: the length 18446744073709551615 is impossible"));
            for bad in [null_mut(), odd] {
                let parameter = invalid("a parameter: the pointer is null or misaligned");
                let list = [bad.cast_const(); 2];
                assert_eq!(answer(|text| set(session, list.as_ptr(), LENGTHS.as_ptr(), 2, text)), parameter);
                let list = [bad; 2];
                assert_eq!(answer(|text| get(session, list.as_ptr(), LENGTHS.as_ptr(), 2, text)), parameter);
            }
        }
    });
}

#[test]
fn null_and_misaligned_batches_and_places_are_invalid() {
    with_session(|session| {
        let indices = [0_u32; 3];
        let first = indices.as_ptr();
        let mut outcome = OutcomeData { struct_size: size_of::<OutcomeData>(), loss: 0.0, correct: 0 };
        let out = &raw mut outcome;
        // SAFETY: null and misaligned pointers are never read, the others are valid.
        unsafe {
            let (step, epoch) = (TABLE.train_step.unwrap(), TABLE.train_epoch.unwrap());
            for bad in [null(), first.wrapping_byte_add(1)] {
                let batch = answer(|text| step(session, bad, 2, out, text));
                assert_eq!(batch, invalid("the batch: the pointer is null or misaligned"));
                let order = answer(|text| epoch(session, bad, 2, 1, out, text));
                assert_eq!(order, invalid("the order: the pointer is null or misaligned"));
            }
            for bad in [null_mut(), out.wrapping_byte_add(4)] {
                let place = invalid("the place for the outcome: the pointer is null or misaligned");
                assert_eq!(answer(|text| step(session, first, 1, bad, text)), place);
                assert_eq!(answer(|text| epoch(session, first, 1, 1, bad, text)), place);
            }
            (*out).struct_size = 16;
            let place = answer(|text| step(session, first, 1, out, text));
            assert_eq!(place, invalid("the place for the outcome is too small"));
        }
    });
}

#[test]
fn wrong_predictions_are_invalid() {
    with_session(|session| {
        let index = 0_u32;
        let mut logits = [0.0_f32; 4];
        let (first, place) = (&raw const index, logits.as_mut_ptr());
        // SAFETY: null and misaligned pointers are never read, the others are valid.
        unsafe {
            let predict = TABLE.predict.unwrap();
            let split = answer(|text| predict(session, 2, first, 1, 1, place, 3, text));
            assert_eq!(split, invalid("split 2 is unknown"));
            let indices = answer(|text| predict(session, TM_TEST, null(), 1, 1, place, 3, text));
            assert_eq!(indices, invalid("the indices: the pointer is null or misaligned"));
            for bad in [null_mut(), place.wrapping_byte_add(3)] {
                let room = answer(|text| predict(session, TM_TEST, first, 1, 1, bad, 3, text));
                assert_eq!(room, invalid("the logits: the pointer is null or misaligned"));
            }
        }
    });
}

#[test]
fn messages_are_cut_between_characters_and_may_be_unwanted() {
    let describe = TABLE.describe.unwrap();
    let mut out = null();
    let fail = || plan("describe", Misbehaviour::Fail(trainmark_plugin::Error::failed("aäb")));
    for (capacity, expected) in [(0, ""), (1, "a"), (2, "a"), (3, "aä"), (4, "aäb"), (5, "aäb")] {
        fail();
        let mut buffer = [b'#'; 8];
        let mut text =
            Text { struct_size: size_of::<Text>(), data: buffer.as_mut_ptr().cast(), capacity, length: 99 };
        // SAFETY: the buffer has at least the capacity that it says.
        assert_ne!(unsafe { describe(&raw mut out, &raw mut text) }, TM_OK);
        assert_eq!(text.length, expected.len());
        assert_eq!(&buffer[..text.length], expected.as_bytes());
        assert!(buffer[text.length..].iter().all(|&byte| byte == b'#'), "nothing written behind the message");
    }
    fail();
    // SAFETY: a null buffer means that no message is wanted.
    assert_ne!(unsafe { describe(&raw mut out, null_mut()) }, TM_OK);
    fail();
    let mut text = Text { struct_size: size_of::<Text>(), data: null_mut(), capacity: 8, length: 0 };
    // SAFETY: as above, with a struct around it.
    assert_ne!(unsafe { describe(&raw mut out, &raw mut text) }, TM_OK);
    assert_eq!(text.length, 0);
}
