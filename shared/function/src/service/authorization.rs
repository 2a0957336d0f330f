//! Authorization: the trust or token that a call needs.

use domain::event::EventType;
use http::HeaderMap;

use crate::guard::{self, Trust};
use crate::{App, Error};

/// Checks a caller's token. Open paths and deliveries need none.
pub(super) async fn caller(app: &App, trust: Trust, is_open: bool, headers: &HeaderMap) -> Result<(), Error> {
    if is_open || trust >= Trust::Delivery { Ok(()) } else { guard::authorize(app, headers).await }
}

/// Refuses jobs that do not come from the scheduler.
pub(super) fn job(trust: Trust) -> Result<(), Error> {
    if trust >= Trust::Delivery {
        return Ok(());
    }
    Err(Error::Forbidden("only the scheduler calls jobs, through the gateway".to_owned()))
}

/// Refuses facts that do not come from the bus.
pub(super) fn fact(trust: Trust, ty: EventType) -> Result<(), Error> {
    if trust >= Trust::Delivery { Ok(()) } else { Err(Error::fact(ty)) }
}
