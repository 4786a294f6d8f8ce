//! Reads of callers, from a pool of their own.

pub(crate) mod movements;
pub(crate) mod products;
pub(crate) mod stock;

/// The size of a page when none is asked for.
pub(crate) const PAGE_SIZE_DEFAULT: u32 = 100;
/// The largest page.
pub(crate) const PAGE_SIZE_MAX: u32 = 1_000;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Whether another one follows.
    pub(crate) more: bool,
}

impl<T> Paged<T> {
    /// A page of at most `size` of `items`, which were asked for with one more to see whether there are more.
    pub(crate) fn cut(mut items: Vec<T>, size: u32) -> Self {
        let size = size as usize;
        let more = items.len() > size;
        items.truncate(size);
        Self { items, more }
    }
}
