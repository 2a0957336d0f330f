//! One page of a longer list.

/// Items of one page, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items asked for, in order.
    pub items: Vec<T>,
    /// How many match without the limit: exact.
    pub total_count: i64,
}
