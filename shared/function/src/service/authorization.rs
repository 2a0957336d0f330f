//! Authorization: the trust or the token that a call needs.

use domain::event::EventType;
use http::HeaderMap;

use crate::guard::{self, Trust};
use crate::{App, Error};

/// Checks the token of a caller. An open path needs none, and neither does a delivery.
pub(super) async fn caller(app: &App, trust: Trust, is_open: bool, headers: &HeaderMap) -> Result<(), Error> {
    if is_open || trust >= Trust::Delivery { Ok(()) } else { guard::authorize(app, headers).await }
}

/// Refuses jobs that the scheduler did not start.
pub(super) fn job(trust: Trust) -> Result<(), Error> {
    if trust >= Trust::Delivery {
        return Ok(());
    }
    Err(Error::Forbidden("only the scheduler calls jobs, through the gateway".to_owned()))
}

/// Refuses facts that the bus did not deliver.
pub(super) fn fact(trust: Trust, ty: EventType) -> Result<(), Error> {
    if trust >= Trust::Delivery { Ok(()) } else { Err(Error::fact(ty)) }
}
