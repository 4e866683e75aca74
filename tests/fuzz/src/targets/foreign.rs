//! Data of the C boundary as another side may write it: whatever the bytes say, in memory that
//! is really there.

use std::ffi::c_char;

use arbitrary::{Result, Unstructured};

/// Makes such data; it lives as long as this.
pub(super) struct Foreign<'b> {
    bytes: Unstructured<'b>,
    texts: Vec<Vec<u8>>,
    arrays: Vec<Vec<u64>>,
}

/// An array as the boundary tells of it.
pub(super) struct Array<T> {
    pub(super) start: *const T,
    pub(super) count: usize,
    /// Bytes from one element to the next.
    pub(super) stride: usize,
}

impl<'b> Foreign<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes: Unstructured::new(bytes), texts: Vec::new(), arrays: Vec::new() }
    }

    /// Whether its bytes are: everything is then the least that it can be.
    pub(super) fn is_used_up(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number of any size, more often a small one.
    pub(super) fn number(&mut self) -> Result<u32> {
        if self.is_rare()? { self.bytes.arbitrary() } else { self.below(12) }
    }

    /// A number below another.
    pub(super) fn below(&mut self, limit: u32) -> Result<u32> {
        self.bytes.int_in_range(0..=limit.saturating_sub(1))
    }

    pub(super) fn float(&mut self) -> Result<f64> {
        self.bytes.arbitrary()
    }

    /// Whether the rare thing happens: once in sixteen.
    pub(super) fn is_rare(&mut self) -> Result<bool> {
        self.bytes.ratio(1_u8, 16)
    }

    /// What a struct says that its size is: its own, rarely less.
    pub(super) fn size<T>(&mut self) -> Result<usize> {
        let whole = size_of::<T>();
        if self.is_rare()? { self.bytes.int_in_range(0..=whole) } else { Ok(whole) }
    }

    /// A string of C, one of those that are usual or any; rarely null.
    pub(super) fn text(&mut self, usual: &[&str]) -> Result<*const c_char> {
        if self.is_rare()? {
            return Ok(std::ptr::null());
        }
        let mut text = match usual.len() {
            0 => self.any_text()?,
            _ if self.is_rare()? => self.any_text()?,
            _ => self.bytes.choose(usual)?.as_bytes().to_vec(),
        };
        text.push(0);
        let start = text.as_ptr().cast();
        self.texts.push(text);
        Ok(start)
    }

    fn any_text(&mut self) -> Result<Vec<u8>> {
        let length = self.below(24)? as usize;
        let text = self.bytes.bytes(length.min(self.bytes.len()))?;
        Ok(text.iter().copied().filter(|&byte| byte != 0).collect())
    }

    /// Fewer than `limit` elements; rarely null, or of another size than we know.
    pub(super) fn array<T>(
        &mut self,
        limit: u32,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Array<T>> {
        let count = self.below(limit)? as usize;
        let stride = if self.is_rare()? { self.below(256)? as usize } else { size_of::<T>() };
        // What is too small or off its place must be refused before it is read.
        let room = stride.max(size_of::<T>()).next_multiple_of(8);
        let mut words = vec![0_u64; count * room / 8];
        let start: *mut T = words.as_mut_ptr().cast();
        for place in 0..count {
            let value = element(self)?;
            // SAFETY: there is room for each element, and 8 bytes align each.
            unsafe { start.byte_add(place * room).write(value) };
        }
        self.arrays.push(words);
        let start = if self.is_rare()? { std::ptr::null() } else { start.cast_const() };
        Ok(Array { start, count, stride })
    }
}
