//! What one consumer has to take, and what is known of its health.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use domain::event::Topic;
use function::call::Tries;
use tokio::time::Instant;

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
    pub(crate) keys: HashMap<i64, VecDeque<Item>>,
    pub(crate) ready: VecDeque<i64>,
    /// Keys whose first delivery failed before, with its id: the oldest goes first, so that it comes to its last attempt.
    retries: BTreeSet<(i64, i64)>,
    /// Whether a retry is next. Retries and others take turns: one bad event must not keep a consumer from showing that it is well.
    is_retry_next: bool,
    /// Number of calls in flight.
    pub(crate) running: usize,
    trouble: Trouble,
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
