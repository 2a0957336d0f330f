//! Checks the credentials of calendar clients.

use domain::app_password::AppPasswordKind;
use function::app_password::{self, AppSecret};
use function::{App, Error};
use http::{HeaderMap, Uri};

/// Accepts a call with an app password.
///
/// # Errors
/// [`Error::NoAppPassword`], after a pause; the database is unavailable.
pub(crate) async fn check(app: &App, headers: &HeaderMap) -> Result<(), Error> {
    is_kept(app, app_password::basic(headers), AppPasswordKind::Calendar).await
}

/// Accepts a call with the key of a feed.
///
/// # Errors
/// Those of [`check`].
pub(crate) async fn check_feed(app: &App, uri: &Uri) -> Result<(), Error> {
    is_kept(app, app_password::feed_key(uri), AppPasswordKind::Feed).await
}

async fn is_kept(app: &App, secret: Option<String>, kind: AppPasswordKind) -> Result<(), Error> {
    let secret = secret.and_then(|secret| AppSecret::read(&secret, &app.settings)).ok_or(Error::NoAppPassword)?;
    if app.store()?.use_app_password(&secret.digest(), kind, app.now()).await? {
        return Ok(());
    }
    Err(app_password::refuse(app).await)
}
