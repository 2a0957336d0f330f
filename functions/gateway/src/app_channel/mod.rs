//! The app channel of the sidecar: Dapr's deliveries, and the watch over its scheduler. Only the gateway's own program includes it.

mod app_callback;
mod channel;
mod oversize;
mod record;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use function::Function;
use sidecar::Dapr;

use self::channel::Channel;
use crate::polls::Polls;

/// Returns the function as the app of a sidecar.
#[must_use]
pub fn behind_dapr(dapr: Dapr) -> Function {
    let (ahead, polls) = (Arc::default(), Arc::new(Polls::new(true)));
    let channel = Arc::new(Channel::new(dapr.broker, dapr.scheduler, dapr.deliveries, (Arc::clone(&ahead), polls.clone())));
    let listener = Mutex::new(Some(dapr.app_channel));
    crate::with(ahead, polls).at_start(move |app| {
        let channel = channel.clone();
        let listener = listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        channel.start(&app);
        async move {
            let watching = watch::watch(app.clone(), channel.clone());
            match listener {
                Some(listener) => drop(tokio::join!(watching, app_callback::serve(listener, app, channel))),
                None => watching.await,
            }
        }
    })
}
