//! One page of a longer list.

/// Items of one page, and the total number of matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The requested items, in order.
    pub items: Vec<T>,
    /// Exact number of matches without the limit.
    pub total_count: i64,
}
