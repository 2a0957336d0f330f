//! Combines small pieces of work that arrive at the same time into batches.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::BoxFuture;

/// Processes a batch, and returns one answer per item, in order.
type Work<I, A> = dyn Fn(Vec<I>) -> BoxFuture<'static, Vec<A>> + Send + Sync;

/// Collects items while earlier batches run, and processes them together in the next one. A batch runs to its end even if every caller has left.
pub struct Batches<I, A> {
    most: usize,
    parallel: usize,
    queue: Mutex<Queue<I, A>>,
}

struct Queue<I, A> {
    waiting: VecDeque<(I, oneshot::Sender<A>)>,
    /// Number of running batches.
    running: usize,
}

impl<I: Send + 'static, A: Send + 'static> Batches<I, A> {
    /// Creates batches of at most `most` items, one batch at a time.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Self::parallel(most, 1)
    }

    /// Creates batches of at most `most` items, up to `parallel` batches at a time.
    #[must_use]
    pub fn parallel(most: usize, parallel: usize) -> Arc<Self> {
        Arc::new(Self { most, parallel, queue: Mutex::new(Queue { waiting: VecDeque::new(), running: 0 }) })
    }

    /// Adds an item to the next batch. Returns its answer, or `None` if the batch panicked.
    pub async fn join(self: &Arc<Self>, item: I, work: Arc<Work<I, A>>) -> Option<A> {
        let (done, told) = oneshot::channel();
        let begins = {
            let mut queue = self.queue();
            queue.waiting.push_back((item, done));
            let begins = queue.running < self.parallel;
            queue.running += usize::from(begins);
            begins
        };
        if begins {
            // Spawned, so that a caller that disconnects does not end the batch of others.
            tokio::spawn(self.clone().run(work));
        }
        told.await.ok()
    }

    /// Runs batches while items wait.
    async fn run(self: Arc<Self>, work: Arc<Work<I, A>>) {
        let mut running = Running(Some(self.clone()));
        loop {
            let (items, waiting): (Vec<I>, Vec<oneshot::Sender<A>>) = {
                let mut queue = self.queue();
                let count = queue.waiting.len().min(self.most);
                queue.running -= usize::from(count == 0);
                queue.waiting.drain(..count).unzip()
            };
            if items.is_empty() {
                running.0 = None;
                return;
            }
            for (done, answer) in waiting.into_iter().zip(work(items).await) {
                // A caller that has left needs no answer.
                drop(done.send(answer));
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<I, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Clone + Send + 'static, A: Send + 'static> Batches<I, Option<A>> {
    /// Adds an item to the next batch, whose work succeeds or fails as a whole. If it fails or panics, does the item alone, because another item may be
    /// the reason.
    ///
    /// # Errors
    ///
    /// The work on the item alone failed.
    pub async fn join_or_alone<E: Display + Send + 'static>(
        self: &Arc<Self>,
        item: I,
        work: impl Fn(Vec<I>) -> BoxFuture<'static, Result<Vec<A>, E>> + Clone + Send + Sync + 'static,
    ) -> Result<Option<A>, E> {
        let alone = work.clone();
        let together = Arc::new(move |items: Vec<I>| -> BoxFuture<'static, Vec<Option<A>>> {
            let (count, done) = (items.len(), work(items));
            Box::pin(async move {
                match done.await {
                    Ok(answers) => answers.into_iter().map(Some).collect(),
                    Err(error) => {
                        tracing::debug!(%error, count, "a batch failed");
                        (0..count).map(|_| None).collect()
                    }
                }
            })
        });
        match self.join(item.clone(), together).await.flatten() {
            Some(answer) => Ok(Some(answer)),
            None => Ok(alone(vec![item]).await?.into_iter().next()),
        }
    }
}

/// Ends a run that panicked. Waiting callers get no answer, unless another run continues.
struct Running<I: Send + 'static, A: Send + 'static>(Option<Arc<Batches<I, A>>>);

impl<I: Send + 'static, A: Send + 'static> Drop for Running<I, A> {
    fn drop(&mut self) {
        if let Some(batches) = &self.0 {
            let mut queue = batches.queue();
            queue.running -= 1;
            if queue.running == 0 {
                queue.waiting.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn items_that_arrive_meanwhile_join_the_next_batch() {
        let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
        let batches = Batches::new(4);
        let work: Arc<Work<usize, usize>> = Arc::new({
            let sizes = sizes.clone();
            move |items: Vec<usize>| {
                sizes.lock().unwrap().push(items.len());
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    items.into_iter().map(|item| item * 2).collect()
                })
            }
        });
        let joined = (0..9).map(|item| batches.join(item, work.clone()));
        let answers = futures_util::future::join_all(joined).await;
        assert_eq!(answers, (0..9).map(|item| Some(item * 2)).collect::<Vec<_>>());
        assert_eq!(sizes.lock().unwrap().as_slice(), [4, 4, 1]);
        assert_eq!(batches.join(21, work).await, Some(42));
    }

    #[tokio::test]
    async fn after_a_panic_the_next_batch_is_done() {
        let batches = Batches::new(4);
        let work: Arc<Work<bool, bool>> = Arc::new(|items: Vec<bool>| {
            Box::pin(async move {
                assert!(items.iter().all(|item| *item), "as asked");
                items
            })
        });
        assert_eq!(batches.join(false, work.clone()).await, None);
        assert_eq!(batches.join(true, work).await, Some(true));
    }

    #[tokio::test]
    async fn an_item_of_a_failed_batch_is_done_alone() {
        let batches = Batches::new(4);
        let work = |items: Vec<i32>| -> BoxFuture<'static, Result<Vec<i32>, &'static str>> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                if items.contains(&-1) { Err("negative") } else { Ok(items) }
            })
        };
        let joined = [1, 2, -1, 3].map(|item| batches.join_or_alone(item, work));
        let answers = futures_util::future::join_all(joined).await;
        assert_eq!(answers, [Ok(Some(1)), Ok(Some(2)), Err("negative"), Ok(Some(3))]);
    }

    #[tokio::test]
    async fn batches_run_side_by_side_up_to_their_number() {
        let (gate, running) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let batches = Batches::parallel(1, 2);
        let work: Arc<Work<usize, usize>> = Arc::new({
            let (gate, running) = (gate.clone(), running.clone());
            move |items: Vec<usize>| {
                let (gate, running) = (gate.clone(), running.clone());
                running.lock().unwrap().extend(items.clone());
                Box::pin(async move {
                    gate.acquire().await.unwrap().forget();
                    items
                })
            }
        });
        let joined = futures_util::future::join_all((0..3).map(|item| batches.join(item, work.clone())));
        let checked = async {
            while running.lock().unwrap().len() < 2 {
                tokio::task::yield_now().await;
            }
            assert_eq!(running.lock().unwrap().as_slice(), [0, 1], "the third waits for one of them");
            gate.add_permits(3);
        };
        assert_eq!(tokio::join!(joined, checked).0, [Some(0), Some(1), Some(2)]);
    }
}
