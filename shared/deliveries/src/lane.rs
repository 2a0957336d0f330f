//! The deliveries that wait for one consumer, and the consumer's health.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::event::Topic;
use function::call::Tries;
use tokio::time::Instant;

/// Maximum number of deliveries of one consumer in memory, which take some MB. The others stay in the table.
const MEMORY_MAX: usize = 2_000;
/// Number of tasks in a row with a failed or late delivery after which a consumer counts as failing.
const FAILING: usize = 3;
/// A failing consumer rests for this fraction of the time since it began to fail, so its return is noticed at most a sixteenth late.
const REST_SHARE: u32 = 16;
/// The shortest rest of a failing consumer.
const REST_MIN: Duration = Duration::from_millis(100);
/// The longest rest of a failing consumer.
const REST_MAX: Duration = Duration::from_mins(10);

/// Identifies a delivery: its row, and the index of its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) id: i64,
    pub(crate) consumer: usize,
}

/// A delivery in memory.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) mark: Mark,
    pub(crate) key: i64,
    pub(crate) topic: Topic,
    pub(crate) event: Bytes,
    /// When the event arrived.
    pub(crate) created_at: Timestamp,
    /// Attempts are counted in the row.
    pub(crate) tries: Tries,
}

/// The deliveries of one consumer. A key is in `keys` while it has deliveries waiting or in flight. It is in `ready` or `retries` if its first
/// waiting delivery may be made.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The rows in memory, until they are deleted.
    pub(crate) known: HashSet<i64>,
    pub(crate) loaded: Loaded,
    keys: HashMap<i64, VecDeque<Item>>,
    ready: VecDeque<i64>,
    /// Keys whose first delivery has failed before, with its id. The oldest goes first, so that it reaches its last attempt.
    retries: BTreeSet<(i64, i64)>,
    /// True if a retry is next. Retries and first attempts take turns, so that one bad event cannot hide that the consumer is healthy.
    is_retry_next: bool,
    /// Number of calls in flight.
    pub(crate) running: usize,
    trouble: Trouble,
}

/// The part of the table that a lane has in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Every row up to this id has been read. `None` if all rows have been read.
    pub(crate) after: Option<i64>,
    /// The first row that was written, but left in the table, since the last read began.
    missed: Option<i64>,
    /// The rows that were deleted since the read began, and that it may still return.
    gone: Option<HashSet<i64>>,
}

impl Default for Loaded {
    fn default() -> Self {
        Self { after: Some(i64::MIN), missed: None, gone: None }
    }
}

impl Loaded {
    /// Leaves a row in the table.
    pub(crate) fn miss(&mut self, id: i64) {
        self.missed = Some(self.missed.map_or(id, |missed| missed.min(id)));
        // Later rows must not overtake it.
        self.after = Some(self.after.map_or(id - 1, |after| after.min(id - 1)));
    }

    /// Begins to read the rows after [`Loaded::after`].
    pub(crate) fn begin(&mut self) {
        self.missed = None;
        self.gone = Some(HashSet::new());
    }

    /// Ends a read that reached this row, or the end of the table.
    pub(crate) fn end(&mut self, last: Option<i64>) {
        self.gone = None;
        let missed = self.missed.take().map(|missed| missed - 1);
        self.after = [last, missed].into_iter().flatten().min();
    }
}

/// The failures of a consumer since its last success.
#[derive(Debug, Default)]
struct Trouble {
    keys: HashSet<i64>,
    begin: Option<Instant>,
    rests_until: Option<Instant>,
}

impl Lane {
    /// True if the consumer has failed for several tasks since its last success.
    pub(crate) fn is_failing(&self) -> bool {
        self.trouble.keys.len() >= FAILING
    }

    /// Returns the number of calls that may be in flight now.
    pub(crate) fn room(&self, parallel: usize) -> usize {
        match self.trouble.rests_until {
            _ if !self.is_failing() => parallel,
            Some(until) if Instant::now() < until => 0,
            _ => 1,
        }
    }

    /// Records a failed or late delivery. Returns the time that the consumer rests from now on, if it is failing.
    pub(crate) fn failed(&mut self, key: i64) -> Option<Duration> {
        let now = Instant::now();
        let begin = *self.trouble.begin.get_or_insert(now);
        if !self.is_failing() {
            self.trouble.keys.insert(key);
        }
        let rest = (now.duration_since(begin) / REST_SHARE).clamp(REST_MIN, REST_MAX);
        self.is_failing().then(|| {
            self.trouble.rests_until = Some(now + rest);
            rest
        })
    }

    /// Records a successful delivery.
    pub(crate) fn took(&mut self) {
        if self.trouble.begin.is_some() {
            self.trouble = Trouble::default();
        }
    }

    /// True if memory has room for more rows of the table.
    pub(crate) fn has_room(&self, rows: usize) -> bool {
        self.known.len() + rows <= MEMORY_MAX
    }

    /// Begins a call for an event that has just arrived. Returns false if it must wait, because others of its key wait or because the consumer is
    /// failing or busy.
    pub(crate) fn begin(&mut self, key: i64, parallel: usize) -> bool {
        if self.loaded.after.is_some() || self.is_failing() || self.running >= parallel || self.keys.contains_key(&key) {
            return false;
        }
        self.keys.insert(key, VecDeque::new());
        self.running += 1;
        true
    }

    /// Adds a delivery. Returns true if it is the only one of its key, so the caller must release the key. Does nothing if it is in memory already.
    pub(crate) fn put(&mut self, item: Item) -> bool {
        let is_gone = self.loaded.gone.as_ref().is_some_and(|gone| gone.contains(&item.mark.id));
        if is_gone || !self.known.insert(item.mark.id) {
            return false;
        }
        let key = item.key;
        let is_first = !self.keys.contains_key(&key);
        self.keys.entry(key).or_default().push_back(item);
        is_first
    }

    /// Removes a deleted row.
    pub(crate) fn forget(&mut self, id: i64) {
        self.known.remove(&id);
        if let Some(gone) = &mut self.loaded.gone {
            gone.insert(id);
        }
    }

    /// Puts a failed delivery back.
    pub(crate) fn put_back(&mut self, item: Item) {
        self.keys.entry(item.key).or_default().push_front(item);
    }

    /// Makes a key ready.
    pub(crate) fn go(&mut self, key: i64) {
        self.ready.push_back(key);
    }

    /// Returns the number of ready keys.
    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len() + self.retries.len()
    }

    /// Makes a key ready whose first delivery failed.
    pub(crate) fn retry(&mut self, key: i64) {
        if let Some(item) = self.keys.get(&key).and_then(VecDeque::front) {
            self.retries.insert((item.mark.id, key));
        }
    }

    /// Takes the next ready delivery.
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let is_retry = self.ready.is_empty() || (self.is_retry_next && !self.retries.is_empty());
        self.is_retry_next = !is_retry;
        let key = if is_retry { self.retries.pop_first()?.1 } else { self.ready.pop_front()? };
        self.keys.get_mut(&key)?.pop_front()
    }

    /// Releases a key after a delivery.
    pub(crate) fn release(&mut self, key: i64) {
        if self.keys.get(&key).is_none_or(VecDeque::is_empty) {
            self.keys.remove(&key);
        } else {
            self.ready.push_back(key);
        }
    }
}
