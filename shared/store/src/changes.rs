//! Limits which changes may hold a connection.
//!
//! A change that waits for a locked row holds a connection meanwhile. Therefore, changes of the same thing queue here without a connection: if
//! another session has locked a row, only one caller waits for it in the database. All changes together leave some connections to reads, because
//! another session may have locked many rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// The subject of a change: the name of an id, and the id.
pub type Subject = (&'static str, i64);

/// One of this many connections is reserved for reads. A pool with one connection cannot reserve any: there, a read waits for at most one change.
const READ_SHARE: u32 = 4;

/// Limits which changes hold a connection of a pool.
#[derive(Debug)]
pub struct Changes {
    places: Arc<Semaphore>,
    queues: Mutex<HashMap<Subject, Arc<Semaphore>>>,
    patience: Duration,
}

/// The right to hold a connection for a change, until it is dropped.
#[derive(Debug)]
pub struct Place {
    /// True if the next change must wait for a place.
    pub(crate) is_last: bool,
    _turn: Option<Turn>,
    _permit: OwnedSemaphorePermit,
}

/// A place in the queue of a subject. It is at the head if `head` is set. The queue is removed with its last place.
#[derive(Debug)]
pub(crate) struct Turn {
    changes: Arc<Changes>,
    subject: Subject,
    head: Option<OwnedSemaphorePermit>,
    queue: Option<Arc<Semaphore>>,
}

impl Changes {
    /// Creates the limits of this pool. A change waits for its turn as long as for a connection, and then as long for a place.
    #[must_use]
    pub fn new(pool: &PgPool) -> Arc<Self> {
        Self::of(pool.options().get_max_connections(), pool.options().get_acquire_timeout())
    }

    fn of(connections: u32, patience: Duration) -> Arc<Self> {
        let places = connections.saturating_sub(connections.div_ceil(READ_SHARE)).max(1);
        let places = Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS)));
        Arc::new(Self { places, queues: Mutex::default(), patience })
    }

    /// Waits for the turn of a change of `subject`, and for a place.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if either takes too long.
    pub async fn place(self: &Arc<Self>, subject: Option<Subject>) -> Result<Place, Error> {
        // The turn comes first, because a change that waits for its turn must not occupy a place.
        let turn = match subject {
            Some(subject) => Some(self.turn(subject).await?),
            None => None,
        };
        let permit = self.acquire(self.places.clone()).await?;
        Ok(Place { is_last: self.places.available_permits() == 0, _turn: turn, _permit: permit })
    }

    /// Returns the turn of a change of `subject`, if no other change has it.
    pub(crate) fn try_turn(self: &Arc<Self>, subject: Subject) -> Option<Turn> {
        let (mut turn, queue) = self.queue(subject);
        turn.head = Some(queue.try_acquire_owned().ok()?);
        Some(turn)
    }

    async fn turn(self: &Arc<Self>, subject: Subject) -> Result<Turn, Error> {
        let (mut turn, queue) = self.queue(subject);
        turn.head = Some(self.acquire(queue).await?);
        Ok(turn)
    }

    fn queue(self: &Arc<Self>, subject: Subject) -> (Turn, Arc<Semaphore>) {
        let queue = self.queues().entry(subject).or_insert_with(|| Arc::new(Semaphore::new(1))).clone();
        (Turn { changes: self.clone(), subject, head: None, queue: Some(queue.clone()) }, queue)
    }

    async fn acquire(&self, semaphore: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
        let acquired = tokio::time::timeout(self.patience, semaphore.acquire_owned()).await;
        acquired.ok().and_then(Result::ok).ok_or(Error::Unavailable(sqlx::Error::PoolTimedOut))
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Subject, Arc<Semaphore>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.head = None;
        let mut queues = self.changes.queues();
        // This happens under the lock, so that if two leave at once, one of them sees that it is the last.
        self.queue = None;
        if queues.get(&self.subject).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Option<Subject> = Some(("task_id", 7));
    const OTHER: Option<Subject> = Some(("task_id", 8));

    #[tokio::test(start_paused = true)]
    async fn changes_of_one_thing_take_turns_and_those_of_another_do_not_wait_for_them() {
        let changes = Changes::of(16, Duration::from_secs(3));
        let first = changes.place(TASK).await.unwrap();
        let waiting: Vec<_> = (0..64)
            .map(|_| {
                tokio::spawn({
                    let changes = changes.clone();
                    async move { changes.place(TASK).await }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(changes.places.available_permits(), 11, "those who wait for their turn hold no place");
        drop(changes.place(OTHER).await.unwrap());
        drop(changes.place(Some(("reminder_id", 7))).await.unwrap());
        for waiting in waiting {
            assert!(matches!(waiting.await.unwrap(), Err(Error::Unavailable(_))));
        }
        assert!(changes.try_turn(("task_id", 7)).is_none());
        drop(first);
        drop(changes.place(TASK).await.unwrap());
        drop(changes.try_turn(("task_id", 7)).unwrap());
        assert!(changes.queues().is_empty(), "a queue goes with the last one in it");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_leave_connections_to_reads_in_larger_pools() {
        for (connections, places) in [(1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (16, 12)] {
            let changes = Changes::of(connections, Duration::from_secs(3));
            let mut held = Vec::new();
            for id in 1..=places {
                let place = changes.place(Some(("task_id", id))).await.unwrap();
                assert_eq!(place.is_last, id == places, "{connections}");
                held.push(place);
            }
            assert!(matches!(changes.place(None).await, Err(Error::Unavailable(_))), "{connections}");
            held.pop();
            drop(changes.place(None).await.unwrap());
        }
    }
}
