//! Reading and writing structs whose other side may be older or newer.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use crate::abi;
use crate::error::Error;

/// A C struct of which all-zero bytes are a valid value and which may be read
/// up to the size that its writer knew.
///
/// # Safety
/// The type is `repr(C)`, `Copy`-like plain data, and valid when zeroed.
pub(crate) unsafe trait Prefixed: Sized {
    /// Offset of `struct_size`.
    const SIZE_OFFSET: usize = 0;
    /// Size in ABI 1.0: a writer that knows less is refused.
    const FIRST_SIZE: usize = size_of::<Self>();
}

// SAFETY: integers and raw pointers only, repr(C).
unsafe impl Prefixed for abi::ModelData {}
// SAFETY: as above.
unsafe impl Prefixed for abi::SamplesData {}
// SAFETY: as above.
unsafe impl Prefixed for abi::OpenData {}
// SAFETY: as above.
unsafe impl Prefixed for abi::DescriptionData {
    const FIRST_SIZE: usize = std::mem::offset_of!(abi::DescriptionData, note_count);
}
// SAFETY: as above; nullable function pointers are valid when zero.
unsafe impl Prefixed for abi::BackendTable {
    const SIZE_OFFSET: usize = std::mem::offset_of!(abi::BackendTable, struct_size);
    const FIRST_SIZE: usize = abi::TABLE_PREFIX;
}

/// An element of an array, of which all-zero bytes are a valid value and which may be read up to the
/// size that its writer knew.
///
/// # Safety
/// The type is `repr(C)`, `Copy`-like plain data, and valid when zeroed.
pub(crate) unsafe trait Element: Sized {
    /// Size in ABI 1.0: a writer that knows less is refused.
    const FIRST_SIZE: usize = size_of::<Self>();
}

// SAFETY: integers, floats and raw pointers only, repr(C).
unsafe impl Element for abi::LayerData {
    const FIRST_SIZE: usize = std::mem::offset_of!(abi::LayerData, input);
}
// SAFETY: as above.
unsafe impl Element for abi::OptionData {}
// SAFETY: as above.
unsafe impl Element for abi::ImplementationData {}
// SAFETY: as above.
unsafe impl Element for abi::DeviceData {
    const FIRST_SIZE: usize = std::mem::offset_of!(abi::DeviceData, adapter);
}

/// Copies a struct that another side wrote, as far as both know it.
///
/// # Errors
/// `Invalid` where the pointer is null or misaligned, or the struct is smaller
/// than in ABI 1.0 or ends within a field.
///
/// # Safety
/// `pointer` is null or points to a readable struct whose `struct_size` is true.
pub(crate) unsafe fn read<T: Prefixed>(pointer: *const T, what: &str) -> Result<T, Error> {
    check_pointer(pointer, what)?;
    // SAFETY: every version has `struct_size` at this place, and the caller vouches for the pointer.
    let written = unsafe { pointer.byte_add(T::SIZE_OFFSET).cast::<usize>().read() };
    if written < T::FIRST_SIZE {
        let first = T::FIRST_SIZE;
        return Err(Error::invalid(format!("{what}: struct_size is {written}, at least {first} is needed")));
    }
    // Half a pointer would pass for a whole one; the size of a C struct is a multiple of its alignment.
    if !written.is_multiple_of(align_of::<T>()) {
        return Err(Error::invalid(format!("{what}: struct_size {written} ends within a field")));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    let size = written.min(size_of::<T>());
    // SAFETY: `size` bytes are readable by the caller's word and writable here.
    unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), size) };
    // SAFETY: a `Prefixed` type is valid zeroed, and the copied prefix comes from the same layout.
    Ok(unsafe { value.assume_init() })
}

/// Copies a C string.
///
/// # Errors
/// `Invalid` where it is null or no UTF-8.
///
/// # Safety
/// `pointer` is null or points to a zero-terminated string.
pub(crate) unsafe fn string(pointer: *const c_char, what: &str) -> Result<String, Error> {
    if pointer.is_null() {
        return Err(Error::invalid(format!("{what} is null")));
    }
    // SAFETY: the caller vouches for the pointer.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(str::to_owned).map_err(|_| Error::invalid(format!("{what} is not UTF-8")))
}

/// Copies a C string that may be left out.
///
/// # Errors
/// `Invalid` where it is no UTF-8.
///
/// # Safety
/// As [`string`].
pub(crate) unsafe fn optional_string(pointer: *const c_char, what: &str) -> Result<Option<String>, Error> {
    // SAFETY: the caller vouches for the pointer.
    if pointer.is_null() { Ok(None) } else { unsafe { string(pointer, what) }.map(Some) }
}

/// Borrows an array; an empty one may have a null pointer.
///
/// # Errors
/// `Invalid` where a non-empty array is null, misaligned or impossibly long.
///
/// # Safety
/// A non-null `pointer` is readable for `length` elements during `'a`.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, length: usize, what: &str) -> Result<&'a [T], Error> {
    if length == 0 {
        return Ok(&[]);
    }
    check_array(pointer, length, size_of::<T>(), what)?;
    // SAFETY: non-null, aligned, and the caller vouches for the length.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// Borrows an array for writing.
///
/// # Errors
/// As [`slice`].
///
/// # Safety
/// A non-null `pointer` is writable for `length` elements during `'a`, and nothing else refers to them.
pub(crate) unsafe fn slice_mut<'a, T>(
    pointer: *mut T,
    length: usize,
    what: &str,
) -> Result<&'a mut [T], Error> {
    if length == 0 {
        return Ok(&mut []);
    }
    check_array(pointer, length, size_of::<T>(), what)?;
    // SAFETY: non-null, aligned, and the caller vouches for length and uniqueness.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, length) })
}

/// Checks what can be seen of a pointer to a struct or to the place of an answer.
///
/// # Errors
/// `Invalid` where it is null or misaligned.
pub(crate) fn check_pointer<T>(pointer: *const T, what: &str) -> Result<(), Error> {
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Error::invalid(format!("{what}: the pointer is null or misaligned")));
    }
    Ok(())
}

fn check_array<T>(pointer: *const T, length: usize, stride: usize, what: &str) -> Result<(), Error> {
    check_pointer(pointer, what)?;
    if length.checked_mul(stride).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Error::invalid(format!("{what}: the length {length} is impossible")));
    }
    Ok(())
}

/// Copies the elements of an array, as far as both sides know them.
///
/// # Errors
/// `Invalid` where the array is null or its elements are smaller than in ABI 1.0.
///
/// # Safety
/// A non-null `pointer` is readable for `count · element_size` bytes.
pub(crate) unsafe fn elements<T: Element>(
    pointer: *const T,
    count: usize,
    element_size: usize,
    what: &str,
) -> Result<Vec<T>, Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if element_size < T::FIRST_SIZE || !element_size.is_multiple_of(align_of::<T>()) {
        return Err(Error::invalid(format!(
            "{what}: the element size is {element_size}, at least {} is needed, in steps of {}",
            T::FIRST_SIZE,
            align_of::<T>()
        )));
    }
    check_array(pointer, count, element_size, what)?;
    let known = element_size.min(size_of::<T>());
    let element = |index: usize| {
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: each element starts `element_size` bytes after the one before, of which `known` are
        // readable, and writable here.
        unsafe {
            let written = pointer.byte_add(index * element_size).cast::<u8>();
            std::ptr::copy_nonoverlapping(written, value.as_mut_ptr().cast::<u8>(), known);
        }
        // SAFETY: an `Element` is valid zeroed, and the copied prefix comes from the same layout.
        unsafe { value.assume_init() }
    };
    Ok((0..count).map(element).collect())
}
