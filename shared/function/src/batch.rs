//! Does small things together that come at the same time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::BoxFuture;

/// Does a batch: as many answers as items, in their order.
type Work<I, A> = dyn Fn(Vec<I>) -> BoxFuture<'static, Vec<A>> + Send + Sync;

/// Whoever comes while a batch is under way joins the next one. A batch goes on even if nobody waits for it any more.
pub struct Batches<I, A> {
    most: usize,
    queue: Mutex<Queue<I, A>>,
}

struct Queue<I, A> {
    waiting: VecDeque<(I, oneshot::Sender<A>)>,
    is_running: bool,
}

impl<I: Send + 'static, A: Send + 'static> Batches<I, A> {
    /// Batches of at most so many items, one at a time.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, queue: Mutex::new(Queue { waiting: VecDeque::new(), is_running: false }) })
    }

    /// Has an item done with the next batch. `None` if the batch came to no end.
    pub async fn join(self: &Arc<Self>, item: I, work: Arc<Work<I, A>>) -> Option<A> {
        let (done, told) = oneshot::channel();
        let begins = {
            let mut queue = self.queue();
            queue.waiting.push_back((item, done));
            !std::mem::replace(&mut queue.is_running, true)
        };
        if begins {
            tokio::spawn(self.clone().run(work));
        }
        told.await.ok()
    }

    async fn run(self: Arc<Self>, work: Arc<Work<I, A>>) {
        let mut running = Running(Some(self.clone()));
        loop {
            let (items, waiting): (Vec<I>, Vec<oneshot::Sender<A>>) = {
                let mut queue = self.queue();
                let count = queue.waiting.len().min(self.most);
                queue.is_running = count > 0;
                queue.waiting.drain(..count).unzip()
            };
            if items.is_empty() {
                running.0 = None;
                return;
            }
            for (done, answer) in waiting.into_iter().zip(work(items).await) {
                // Whoever does not wait any more need not know.
                drop(done.send(answer));
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<I, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the next caller begin, should the work panic: whoever waits hears that there is no answer.
struct Running<I: Send + 'static, A: Send + 'static>(Option<Arc<Batches<I, A>>>);

impl<I: Send + 'static, A: Send + 'static> Drop for Running<I, A> {
    fn drop(&mut self) {
        if let Some(batches) = &self.0 {
            let mut queue = batches.queue();
            queue.waiting.clear();
            queue.is_running = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_meanwhile_goes_with_the_next_batch() {
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
}
