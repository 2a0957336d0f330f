//! What one consumer has to take, and what is known of its health.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::event::Topic;
use function::call::Tries;
use tokio::time::Instant;

/// Deliveries of one consumer in memory, beyond which the rest stays in the table: some MB.
const MEMORY_MAX: usize = 2_000;
/// Tasks in a row whose deliveries failed or are late, after which the consumer counts as failing.
const FAILING: usize = 3;
/// A failing consumer rests for this part of the time since it began to fail: it is back at most a sixteenth later than it could be.
const REST_SHARE: u32 = 16;
/// The shortest rest of a failing consumer.
const REST_MIN: Duration = Duration::from_millis(100);
/// The longest rest of a failing consumer.
const REST_MAX: Duration = Duration::from_mins(10);

/// Identifies a delivery: its row, and the consumer by its place in the list of consumers.
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
    /// When it arrived.
    pub(crate) created_at: Timestamp,
    /// Attempts are counted in the row.
    pub(crate) tries: Tries,
}

/// The deliveries of one consumer. A key is in `keys` while it has anything waiting or in flight, and in `ready` or `retries` if its first
/// waiting delivery may go.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The rows in memory, until they are deleted.
    pub(crate) known: HashSet<i64>,
    pub(crate) loaded: Loaded,
    keys: HashMap<i64, VecDeque<Item>>,
    ready: VecDeque<i64>,
    /// Keys whose first delivery failed before, with its id: the oldest goes first, so that it comes to its last attempt.
    retries: BTreeSet<(i64, i64)>,
    /// Whether a retry is next. Retries and others take turns: one bad event must not keep a consumer from showing that it is well.
    is_retry_next: bool,
    /// Number of calls in flight.
    pub(crate) running: usize,
    trouble: Trouble,
}

/// How much of the table a lane has in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Every row up to this id has been read; `None` if every row has.
    pub(crate) after: Option<i64>,
    /// The first of the rows that were written, and left in the table, since the last read began.
    missed: Option<i64>,
    /// The rows that were deleted since the read began, which may see them still.
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
        // What comes later must not overtake it.
        self.after = Some(self.after.map_or(id - 1, |after| after.min(id - 1)));
    }

    /// Begins to read the rows behind [`Loaded::after`].
    pub(crate) fn begin(&mut self) {
        self.missed = None;
        self.gone = Some(HashSet::new());
    }

    /// Ends a read that came to this row, or to the end of the table.
    pub(crate) fn end(&mut self, last: Option<i64>) {
        self.gone = None;
        let missed = self.missed.take().map(|missed| missed - 1);
        self.after = [last, missed].into_iter().flatten().min();
    }
}

/// The failures of a consumer since it last took anything.
#[derive(Debug, Default)]
struct Trouble {
    keys: HashSet<i64>,
    begin: Option<Instant>,
    rests_until: Option<Instant>,
}

impl Lane {
    /// True if the consumer failed for several tasks since it last took anything.
    pub(crate) fn is_failing(&self) -> bool {
        self.trouble.keys.len() >= FAILING
    }

    /// Returns how many calls may be in flight now.
    pub(crate) fn room(&self, parallel: usize) -> usize {
        match self.trouble.rests_until {
            _ if !self.is_failing() => parallel,
            Some(until) if Instant::now() < until => 0,
            _ => 1,
        }
    }

    /// Notes a failed or late delivery. Returns how long the consumer rests from now on, if it is failing.
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

    /// Notes that the consumer took a delivery.
    pub(crate) fn took(&mut self) {
        if self.trouble.begin.is_some() {
            self.trouble = Trouble::default();
        }
    }

    /// True if memory has room for more rows of the table.
    pub(crate) fn has_room(&self, rows: usize) -> bool {
        self.known.len() + rows <= MEMORY_MAX
    }

    /// Begins a call of an event that has just arrived. Returns false if it has to wait: behind others of its key, or because the consumer is
    /// failing or busy.
    pub(crate) fn begin(&mut self, key: i64, parallel: usize) -> bool {
        if self.loaded.after.is_some() || self.is_failing() || self.running >= parallel || self.keys.contains_key(&key) {
            return false;
        }
        self.keys.insert(key, VecDeque::new());
        self.running += 1;
        true
    }

    /// Puts in a delivery. Returns true if its key has no other, so somebody has to let it go. One that is in memory already stays as it is.
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

    /// Makes room: the row was deleted.
    pub(crate) fn forget(&mut self, id: i64) {
        self.known.remove(&id);
        if let Some(gone) = &mut self.loaded.gone {
            gone.insert(id);
        }
    }

    /// Puts a delivery back that failed.
    pub(crate) fn put_back(&mut self, item: Item) {
        self.keys.entry(item.key).or_default().push_front(item);
    }

    /// Lets a key go.
    pub(crate) fn go(&mut self, key: i64) {
        self.ready.push_back(key);
    }

    /// Returns how many keys may go.
    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len() + self.retries.len()
    }

    /// Lets a key go whose first delivery failed.
    pub(crate) fn retry(&mut self, key: i64) {
        if let Some(item) = self.keys.get(&key).and_then(VecDeque::front) {
            self.retries.insert((item.mark.id, key));
        }
    }

    /// Takes the next delivery that may go.
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let is_retry = self.ready.is_empty() || (self.is_retry_next && !self.retries.is_empty());
        self.is_retry_next = !is_retry;
        let key = if is_retry { self.retries.pop_first()?.1 } else { self.ready.pop_front()? };
        self.keys.get_mut(&key)?.pop_front()
    }

    /// Lets a key go on after a delivery.
    pub(crate) fn release(&mut self, key: i64) {
        if self.keys.get(&key).is_none_or(VecDeque::is_empty) {
            self.keys.remove(&key);
        } else {
            self.ready.push_back(key);
        }
    }
}
