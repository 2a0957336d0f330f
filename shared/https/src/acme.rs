//! The steps of an ACME order (RFC 8555), over the HTTP client that Taskflow links anyway.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use function::BoxError;
use http_body_util::Limited;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeStatus, ChallengeType, Error, HttpClient,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::certificate::Certificate;
use crate::keeper::Renewal;

/// Time limit of one call to the authority.
const CALL: Duration = Duration::from_secs(30);
/// Maximum bytes of an answer of the authority.
const ANSWER_MAX: usize = 1024 * 1024;
/// Polling of an order's state, which usually changes within a few seconds.
const POLLING: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(90));

/// A certificate authority.
#[derive(Clone)]
pub(crate) struct Authority {
    http: reqwest::Client,
    /// The URL of its directory.
    pub(crate) directory: String,
    email: Option<String>,
}

struct Http(reqwest::Client);

impl HttpClient for Http {
    fn request(&self, request: http::Request<BodyWrapper<Bytes>>) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let failed = |error: reqwest::Error| Error::Other(error.into());
            let (parts, body) = request.into_parts();
            let body = http_body_util::BodyExt::collect(body).await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let url = parts.uri.to_string();
            let answer = client.request(parts.method, &url).headers(parts.headers).body(body).send().await.map_err(failed)?;
            let content_type = answer.headers().get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
            let is_problem = content_type.is_some_and(|ty| ty.starts_with(b"application/problem+json"));
            // A page of a proxy, or of an authority that is down.
            if !answer.status().is_success() && !is_problem {
                return Err(Error::Other(format!("{url} answers {}", answer.status()).into()));
            }
            Ok(BytesResponse::from(http::Response::from(answer).map(|body| Limited::new(body, ANSWER_MAX))))
        })
    }
}

impl Authority {
    /// Returns the authority with this directory. `roots` replaces the machine's roots.
    ///
    /// # Errors
    /// The roots cannot be read.
    pub(crate) fn new(directory: String, email: Option<String>, roots: Option<&[u8]>) -> Result<Self, BoxError> {
        let builder = reqwest::Client::builder().timeout(CALL).https_only(true);
        let builder = match roots {
            Some(roots) => builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(roots)?),
            None => builder,
        };
        Ok(Self { http: builder.build()?, directory, email })
    }

    fn http(&self) -> Box<dyn HttpClient> {
        Box::new(Http(self.http.clone()))
    }

    /// Creates an account and agrees to the authority's terms of service.
    pub(crate) async fn new_account(&self) -> Result<(Account, AccountCredentials), Error> {
        let contact = self.email.iter().map(|email| format!("mailto:{email}")).collect::<Vec<_>>();
        let contact = contact.iter().map(String::as_str).collect::<Vec<_>>();
        let account = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        Account::builder_with_http(self.http()).create(&account, self.directory.clone(), None).await
    }

    /// Returns an existing account.
    pub(crate) async fn account(&self, credentials: AccountCredentials) -> Result<Account, Error> {
        Account::builder_with_http(self.http()).from_credentials(credentials).await
    }
}

/// The authority's validation of a name failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

/// True if the authority's decision is final. After any other error, another attempt of the same order may succeed.
fn is_verdict(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if !matches!(problem.status, Some(429 | 500..)))
}

/// True if the order itself has failed, not only this attempt.
pub(crate) fn is_over(error: &BoxError) -> bool {
    error.is::<Refused>() || error.downcast_ref::<Error>().is_some_and(|error| is_verdict(error) || matches!(error, Error::Str(_)))
}

/// True if the reason comes from the authority.
pub(crate) fn is_from_authority(error: &BoxError) -> bool {
    error.is::<Refused>() || matches!(error.downcast_ref(), Some(Error::Api(_)))
}

/// True if the authority does not know the account.
pub(crate) fn is_without_account(error: &BoxError) -> bool {
    const UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
    matches!(error.downcast_ref(), Some(Error::Api(problem)) if problem.r#type.as_deref() == Some(UNKNOWN))
}

/// Orders a certificate for these names. `replaced` is its predecessor, if the same authority issued it.
pub(crate) async fn order(account: &Account, names: &[String], replaced: Option<&Certificate>) -> Result<Order, Error> {
    let identifiers: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
    if let Some(replaced) = replaced {
        match account.new_order(&NewOrder::new(&identifiers).replaces(replaced.id.clone())).await {
            // Naming the old certificate is optional. An authority that does not know it, or has no renewal information, still issues a new one.
            Err(Error::Unsupported(_)) => {}
            Err(error) if is_verdict(&error) => {}
            answer => return answer,
        }
    }
    account.new_order(&NewOrder::new(&identifiers)).await
}

/// Returns the key authorization of each name whose authorization is still open.
pub(crate) async fn challenges(order: &mut Order) -> Result<BTreeMap<String, String>, Error> {
    let mut open = BTreeMap::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Pending {
            let name = authorization.identifier().to_string();
            let challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or(Error::Str("a challenge of the type tls-alpn-01"))?;
            open.insert(name, challenge.key_authorization().as_str().to_owned());
        }
    }
    Ok(open)
}

/// Has the authority validate the open challenges, and waits until the order can be finalized.
pub(crate) async fn prove(order: &mut Order) -> Result<(), BoxError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let mut challenge =
            authorization.challenge(ChallengeType::TlsAlpn01).ok_or("the authority has no challenge of the type tls-alpn-01")?;
        if challenge.status == ChallengeStatus::Pending {
            challenge.set_ready().await?;
        }
    }
    match order.poll_ready(&POLLING).await {
        Ok(OrderStatus::Ready) => Ok(()),
        Ok(_) => Err(Refused(refusal(order).await).into()),
        Err(error) if is_verdict(&error) => Err(Refused(refusal(order).await).into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the authority's reason for refusing an order.
async fn refusal(order: &mut Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let name = state.identifier().to_string();
        let errors = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(errors.map(|error| format!("{name}: {}", error.detail.as_deref().unwrap_or("no reason given"))));
    }
    if reasons.is_empty() { "the order became invalid".to_owned() } else { reasons.join("; ") }
}

/// Finalizes an order with this private key, and returns the certificate chain in PEM.
pub(crate) async fn finish(order: &mut Order, names: &[String], key: &str) -> Result<String, BoxError> {
    if order.state().status == OrderStatus::Ready {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&KeyPair::from_pem(key)?)?;
        order.finalize_csr(request.der()).await?;
    }
    Ok(order.poll_certificate(&POLLING).await?)
}

/// Minimum and maximum pause between two queries for renewal information.
const ASK: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(24));
/// Pause before a retry of such a query, if the authority did not answer.
const ASK_AGAIN: Duration = Duration::from_hours(6);

/// Returns when to renew a certificate: a time in the window that the authority suggests. `chance` is the position in it, from 0 to 1.
///
/// # Errors
/// The authority does not answer or suggests nothing.
pub(crate) async fn renewal(account: &Account, certificate: &Certificate, now: Timestamp, chance: f64) -> Result<Renewal, Error> {
    let (info, pause) = account.renewal_info(&certificate.id).await?;
    let window = (info.suggested_window.start.unix_timestamp(), info.suggested_window.end.unix_timestamp());
    Ok(Renewal { at: within(window.0, window.1, chance), ask_at: later(now, pause.clamp(ASK.0, ASK.1)) })
}

/// Returns when to renew a certificate if the authority suggests nothing: after 2/3 of its life.
pub(crate) fn unasked(certificate: &Certificate, now: Timestamp) -> Renewal {
    let (start, end) = (certificate.not_before.as_second(), certificate.not_after.as_second());
    Renewal { at: within(start, end, 2.0 / 3.0), ask_at: later(now, ASK_AGAIN) }
}

/// Returns the earliest renewal of a new certificate: after a third of its life, or a day. Without this limit, a fast clock, or a window in the past,
/// would cause one order after the other.
pub(crate) fn earliest(certificate: &Certificate, now: Timestamp) -> Timestamp {
    let life = Duration::try_from(certificate.not_after.duration_since(certificate.not_before)).unwrap_or_default();
    later(now, (life / 3).min(ASK.1))
}

pub(crate) fn later(now: Timestamp, pause: Duration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

/// Returns the time at this fraction of a window, in seconds.
fn within(start: i64, end: i64, chance: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the position in a window need not be exact")]
    let offset = ((end - start).max(0) as f64 * chance) as i64;
    Timestamp::from_second(start.saturating_add(offset)).unwrap_or(Timestamp::MAX)
}
