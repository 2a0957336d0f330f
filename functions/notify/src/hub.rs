//! Distributes news to open sockets. A slow socket misses frames without delaying others, and reads them from the table.

use std::sync::Arc;

use domain::Notification;
use domain::event::EventType;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

/// Number of frames that a slow socket may lag before it misses some.
const BEHIND_MAX: usize = 1024;

/// A message for open sockets.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// A stored notification.
    Notification(Notification),
    /// A change of a task, as the frame to send.
    Update(String),
}

/// Maximum sockets: a user has a few pages, and each socket of a client that does not read holds a few frames.
const SOCKETS_MAX: usize = 2_000;

/// The open sockets.
pub(crate) struct Hub {
    news: broadcast::Sender<News>,
    places: Arc<Semaphore>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { news: broadcast::Sender::new(BEHIND_MAX), places: Arc::new(Semaphore::new(SOCKETS_MAX)) }
    }

    /// Reserves a slot for another socket, if there is one.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    pub(crate) fn notification(&self, notification: Notification) {
        self.tell(News::Notification(notification));
    }

    /// Shows a change of a task, or that tasks were imported.
    pub(crate) fn update(&self, event_type: EventType, data: &Value) {
        let (ty, names): (_, &[&str]) = match event_type {
            EventType::TasksImported => ("imported", &["import_id", "count"]),
            _ => ("update", &["event_type", "task_id", "update_data"]),
        };
        let mut frame = Map::new();
        frame.insert("type".to_owned(), ty.into());
        for name in names {
            frame.insert((*name).to_owned(), data.get(*name).cloned().unwrap_or_default());
        }
        self.tell(News::Update(Value::Object(frame).to_string()));
    }

    fn tell(&self, news: News) {
        // An error means that there are no receivers.
        let _ = self.news.send(news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_sockets() {
        let hub = Hub::new();
        let mut places: Vec<_> = std::iter::from_fn(|| hub.place()).collect();
        assert_eq!(places.len(), SOCKETS_MAX);
        assert!(places.pop().is_some() && hub.place().is_some(), "a socket that closes makes room for the next");
    }
}
