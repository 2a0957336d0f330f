//! Authorization: the trust or the credential that a call needs.

use domain::event::EventType;
use domain::routes::Access;

use crate::app_password::{self, Head};
use crate::guard::{self, Trust};
use crate::{App, Error};

/// Checks the form of a caller's credential. Deliveries and public paths need none.
pub(super) async fn caller(app: &App, trust: Trust, access: Access, head: Head<'_>) -> Result<(), Error> {
    let secret = match access {
        _ if trust >= Trust::Delivery => return Ok(()),
        Access::Public | Access::Link => return Ok(()),
        Access::Bearer => return guard::authorize(app, head.headers).await,
        Access::AppPassword => app_password::basic(head.headers),
        Access::FeedKey => app_password::feed_key(head.uri),
    };
    app_password::admit(app, trust >= Trust::Named || head.is_private(), secret).await
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
