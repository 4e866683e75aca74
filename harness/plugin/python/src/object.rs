//! Python's objects as owned references, and the lock that all handling of them needs.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;

use trainmark_plugin::Error;

use crate::interface::{BUFFER_READ, BUFFER_WRITE, Interface, Pointer, PyObject};

/// The interpreter's lock (GIL), held by this thread until it is dropped.
pub(crate) struct Lock {
    interface: &'static Interface,
    state: c_int,
    /// It is given back by the thread that took it.
    not_send: PhantomData<*mut ()>,
}

impl Lock {
    /// Waits for the lock; a thread that holds it may take it again.
    ///
    /// # Safety
    /// The interpreter is initialised, and never finalised.
    pub(crate) unsafe fn take(interface: &'static Interface) -> Self {
        // SAFETY: the caller vouches for the interpreter.
        let state = unsafe { (interface.PyGILState_Ensure)() };
        Self { interface, state, not_send: PhantomData }
    }

    /// A new reference that a call of the interface gave, or the exception in its place.
    fn owned(&self, pointer: Pointer) -> Result<Object<'_>, Error> {
        match NonNull::new(pointer) {
            Some(pointer) => Ok(Object { lock: self, pointer }),
            None => Err(self.exception()),
        }
    }

    /// A borrowed reference that a call of the interface gave, made one of our own.
    fn borrowed(&self, pointer: Pointer) -> Result<Object<'_>, Error> {
        // SAFETY: null, or an object that its owner holds while we hold the lock.
        unsafe { (self.interface.Py_IncRef)(pointer) };
        self.owned(pointer)
    }

    /// The exception that is set, which it is no longer then: an error of the bridge's own,
    /// since whatever a backend raises is answered by the bridge's Python.
    fn exception(&self) -> Error {
        let mut parts = [std::ptr::null_mut(); 3];
        let [kind, value, traceback] = &mut parts;
        // SAFETY: the places are ours; what comes are new references or null.
        unsafe { (self.interface.PyErr_Fetch)(kind, value, traceback) };
        let parts = parts.map(NonNull::new);
        let [kind, value, _] = parts.map(|part| part.map(|pointer| Object { lock: self, pointer }));
        let text = [value, kind].into_iter().flatten().find_map(|part| part.in_words().ok());
        Error::failed(
            text.unwrap_or_else(|| "a call of Python's interface failed and does not say why".into()),
        )
    }

    /// A number that the interface gave, where one of its values may stand for an exception.
    fn unless_exception<T>(&self, value: T, is_suspect: bool) -> Result<T, Error> {
        // SAFETY: the lock is held; what comes is borrowed, or null.
        if is_suspect && !unsafe { (self.interface.PyErr_Occurred)() }.is_null() {
            return Err(self.exception());
        }
        Ok(value)
    }

    pub(crate) fn text(&self, text: &str) -> Result<Object<'_>, Error> {
        // SAFETY: Python copies the text, which has this length: no more than isize::MAX bytes.
        self.owned(unsafe {
            (self.interface.PyUnicode_FromStringAndSize)(text.as_ptr().cast(), text.len().cast_signed())
        })
    }

    pub(crate) fn integer(&self, value: usize) -> Result<Object<'_>, Error> {
        let value = i64::try_from(value).map_err(|_| Error::invalid(format!("{value} is too large")))?;
        // SAFETY: any value will do.
        self.owned(unsafe { (self.interface.PyLong_FromLongLong)(value) })
    }

    /// The bytes of these numbers as a read-only memory view. Python's side of the bridge sees
    /// to it that nobody keeps the view longer than the numbers live.
    pub(crate) fn view<'l, T: Number>(&'l self, numbers: &'l [T]) -> Result<Object<'l>, Error> {
        let bytes = size_of_val(numbers).cast_signed();
        // SAFETY: plain numbers, readable while the view may be used; it is read only.
        self.owned(unsafe {
            (self.interface.PyMemoryView_FromMemory)(numbers.as_ptr().cast_mut().cast(), bytes, BUFFER_READ)
        })
    }

    /// As [`Lock::view`], to be written to.
    pub(crate) fn writable<'l, T: Number>(&'l self, numbers: &'l mut [T]) -> Result<Object<'l>, Error> {
        let bytes = size_of_val(numbers).cast_signed();
        // SAFETY: plain numbers, of which any bytes are valid, and ours alone while the view may be used.
        self.owned(unsafe {
            (self.interface.PyMemoryView_FromMemory)(numbers.as_mut_ptr().cast(), bytes, BUFFER_WRITE)
        })
    }

    pub(crate) fn tuple<'l>(&'l self, items: Vec<Object<'l>>) -> Result<Object<'l>, Error> {
        // SAFETY: any length will do; the empty places are filled before anyone sees them.
        let tuple = self.owned(unsafe { (self.interface.PyTuple_New)(items.len().cast_signed()) })?;
        for (item, index) in items.into_iter().zip(0..) {
            // SAFETY: a place of a new tuple; the tuple takes the reference over, even if it fails.
            unsafe { (self.interface.PyTuple_SetItem)(tuple.pointer.as_ptr(), index, item.into_raw()) };
        }
        Ok(tuple)
    }

    /// Imports a module.
    pub(crate) fn import(&self, name: &CStr) -> Result<Object<'_>, Error> {
        // SAFETY: a zero-terminated name.
        self.owned(unsafe { (self.interface.PyImport_ImportModule)(name.as_ptr()) })
    }

    /// Puts an entry before all others that modules are imported from.
    pub(crate) fn import_first_from(&self, entry: &str) -> Result<(), Error> {
        let entry = self.text(entry)?;
        // SAFETY: a zero-terminated name.
        let path = self.borrowed(unsafe { (self.interface.PySys_GetObject)(c"path".as_ptr()) })?;
        // SAFETY: `sys.path` is a list, else this fails; it takes a reference of its own.
        match unsafe { (self.interface.PyList_Insert)(path.pointer.as_ptr(), 0, entry.pointer.as_ptr()) } {
            0 => Ok(()),
            _ => Err(self.exception()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: taken by this thread, since a lock is not sent, and every object is gone before it.
        unsafe { (self.interface.PyGILState_Release)(self.state) }
    }
}

/// Numbers without padding, of which any bytes are valid ones.
pub(crate) trait Number {}
impl Number for u8 {}
impl Number for u32 {}
impl Number for f32 {}

/// A reference to an object, given back when it is dropped.
pub(crate) struct Object<'l> {
    lock: &'l Lock,
    pointer: NonNull<PyObject>,
}

impl<'l> Object<'l> {
    /// Calls a method, or a module's function.
    pub(crate) fn call(&self, name: &CStr, arguments: Vec<Object<'l>>) -> Result<Object<'l>, Error> {
        let interface = self.lock.interface;
        // SAFETY: an object that we hold, and a zero-terminated name.
        let function = unsafe { (interface.PyObject_GetAttrString)(self.pointer.as_ptr(), name.as_ptr()) };
        let function = self.lock.owned(function)?;
        let arguments = self.lock.tuple(arguments)?;
        // SAFETY: objects that we hold; the second is a tuple.
        self.lock.owned(unsafe {
            (interface.PyObject_CallObject)(function.pointer.as_ptr(), arguments.pointer.as_ptr())
        })
    }

    /// An item of a tuple.
    pub(crate) fn item(&self, index: isize) -> Result<Object<'l>, Error> {
        // SAFETY: an object that we hold; what is no tuple, or too short, is an exception.
        self.lock.borrowed(unsafe { (self.lock.interface.PyTuple_GetItem)(self.pointer.as_ptr(), index) })
    }

    pub(crate) fn as_integer(&self) -> Result<i64, Error> {
        // SAFETY: an object that we hold.
        let value = unsafe { (self.lock.interface.PyLong_AsLongLong)(self.pointer.as_ptr()) };
        self.lock.unless_exception(value, value == -1)
    }

    pub(crate) fn as_real(&self) -> Result<f64, Error> {
        // SAFETY: an object that we hold.
        let value = unsafe { (self.lock.interface.PyFloat_AsDouble)(self.pointer.as_ptr()) };
        self.lock.unless_exception(value, value == -1.0)
    }

    pub(crate) fn as_text(&self) -> Result<String, Error> {
        let interface = self.lock.interface;
        // SAFETY: an object that we hold.
        let bytes = self.lock.owned(unsafe { (interface.PyUnicode_AsUTF8String)(self.pointer.as_ptr()) })?;
        let (mut data, mut length) = (std::ptr::null_mut::<c_char>(), 0);
        // SAFETY: an object that we hold, and places for two answers.
        let status = unsafe {
            (interface.PyBytes_AsStringAndSize)(bytes.pointer.as_ptr(), &raw mut data, &raw mut length)
        };
        let (0, Ok(length)) = (status, usize::try_from(length)) else { return Err(self.lock.exception()) };
        // SAFETY: the bytes of an object that we hold, and that nothing changes.
        let text = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) };
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// `str(self)`; an exception in it is dropped.
    fn in_words(&self) -> Result<String, Error> {
        // SAFETY: an object that we hold.
        self.lock.owned(unsafe { (self.lock.interface.PyObject_Str)(self.pointer.as_ptr()) })?.as_text()
    }

    /// Gives the reference away.
    fn into_raw(self) -> Pointer {
        let pointer = self.pointer.as_ptr();
        std::mem::forget(self);
        pointer
    }

    /// Keeps it beyond the lock.
    pub(crate) fn keep(self) -> Kept {
        let interface = self.lock.interface;
        let pointer = self.pointer;
        std::mem::forget(self);
        Kept { interface, pointer }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        // SAFETY: our reference, given back once; the lock is held.
        unsafe { (self.lock.interface.Py_DecRef)(self.pointer.as_ptr()) }
    }
}

/// A reference that outlives the lock under which it was made.
pub(crate) struct Kept {
    interface: &'static Interface,
    pointer: NonNull<PyObject>,
}

// SAFETY: the object is only touched under the lock, which any thread may take.
unsafe impl Send for Kept {}
// SAFETY: as above.
unsafe impl Sync for Kept {}

impl Kept {
    /// Takes the lock of the object's interpreter.
    pub(crate) fn lock(&self) -> Lock {
        // SAFETY: there is an object, so that its interpreter runs.
        unsafe { Lock::take(self.interface) }
    }

    /// The object, under the lock.
    pub(crate) fn under<'l>(&self, lock: &'l Lock) -> Result<Object<'l>, Error> {
        lock.borrowed(self.pointer.as_ptr())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _lock = self.lock();
        // SAFETY: our reference, given back once; the lock is held.
        unsafe { (self.interface.Py_DecRef)(self.pointer.as_ptr()) }
    }
}
