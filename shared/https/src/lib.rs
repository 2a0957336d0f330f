//! HTTPS for the gateway and the one process.
//!
//! `TASKFLOW_DOMAIN` opens two ports beside the plain one: HTTPS, with a certificate that Taskflow orders and renews (ACME, RFC 8555), and a port
//! that redirects to it. The authority validates a name by a TLS handshake on the HTTPS port (TLS-ALPN-01, RFC 8737).
//!
//! - [`open`] binds the ports and starts everything.
//! - `renewal` decides when to order, and handles restarts, failures and a second gateway.
//! - `acme` has the steps of an order.
//! - `keeper` stores account, certificate and open order, in the data folder or in a Kubernetes Secret.
//! - `listener` serves HTTPS, `redirect` the port beside it.

mod acme;
mod certificate;
mod keeper;
mod listener;
mod redirect;
mod renewal;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use function::authority::Authority as HostName;
use function::service::Service;
use function::settings::Settings;
use function::{BoxError, host};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::acme::Authority;
use crate::certificate::Certificates;
use crate::keeper::{Folder, Keeper, Secret};
use crate::listener::{Listener, Named};
use crate::redirect::Redirect;
use crate::renewal::Renewals;

/// Maximum names of a certificate at Let's Encrypt.
const NAMES_MAX: usize = 100;
/// Folder of the certificate, inside the data folder.
const FOLDER: &str = "https";

/// Opens the HTTPS port and the port that redirects to it, if `TASKFLOW_DOMAIN` is set. They close when the app stops.
///
/// `functions` are the services with names of their own, beside the gateway's.
///
/// # Errors
/// A port is taken; no token is set although other machines reach the ports; there is no place to store the certificate.
pub async fn open(gateway: &Service, functions: impl IntoIterator<Item = (String, Service)>) -> Result<(), BoxError> {
    let app = gateway.app().clone();
    let settings = &app.settings;
    let Some(home) = settings.domains.first().cloned() else { return Ok(()) };
    let functions: HashMap<String, Service> = functions.into_iter().collect();
    let mut names: Vec<String> = settings.domains.iter().cloned().chain(functions.keys().cloned()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > NAMES_MAX {
        let names = names.len();
        return Err(format!("TASKFLOW_DOMAIN and TASKFLOW_FUNCTION_HOSTS make {names} names; a certificate has {NAMES_MAX} at most").into());
    }
    check_token(settings)?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let https = &settings.https;
    let keeper = Arc::new(keeper(settings)?);
    let roots = https.roots.as_ref().map(std::fs::read).transpose();
    let roots = roots.map_err(|error| format!("TASKFLOW_ACME_ROOTS cannot be read: {error}"))?;
    let authority = Authority::new(https.directory.clone(), https.email.clone(), roots.as_deref())
        .map_err(|error| format!("TASKFLOW_ACME_ROOTS: {error}"))?;
    let secure = listen(https.bind, https.port, "TASKFLOW_HTTPS_PORT says where to serve HTTPS").await?;
    let plain = listen(https.bind, https.redirect_port, "TASKFLOW_HTTP_PORT says where to redirect to HTTPS").await?;
    tracing::info!(address = %secure.local_addr()?, redirects = %plain.local_addr()?, domains = settings.domains.join(", "), "listening for HTTPS");

    let certificates = Arc::new(Certificates::default());
    let renewals = Renewals {
        app: app.clone(),
        authority,
        keeper: keeper.clone(),
        certificates: certificates.clone(),
        names: names.clone(),
        holder: app.ids.next().to_string(),
        started: Instant::now(),
        must_keep: Mutex::default(),
        chance: f64::from(u16::from_ne_bytes(random()?)) / f64::from(u16::MAX),
    };
    let url = settings.url.as_deref().filter(|url| url.starts_with("https://"));
    let home = url.and_then(HostName::of_url).unwrap_or(HostName { host: home, port: None });
    let redirect = Redirect { app: app.clone(), certificates: certificates.clone(), names, home };
    let services = Named { gateway: gateway.clone(), functions };
    let listener = Listener { app: app.clone(), named: services, certificates, keeper, last_read: Mutex::default() };
    let background = &app.background;
    background.spawn(renewals.run());
    background.spawn(redirect.serve(plain));
    background.spawn(async move {
        if let Err(error) = listener.serve(secure).await {
            tracing::error!(%error, "HTTPS stopped");
        }
    });
    Ok(())
}

/// Listens on an address. "Every address" means IPv4 only on a machine without IPv6.
async fn listen(address: IpAddr, port: u16, settings: &str) -> Result<TcpListener, BoxError> {
    if address == Ipv6Addr::UNSPECIFIED && TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).await.is_err() {
        return host::bind((Ipv4Addr::UNSPECIFIED, port).into(), settings).await;
    }
    host::bind((address, port).into(), settings).await
}

/// Refuses to listen for other machines without a token, because they could read and change everything.
fn check_token(settings: &Settings) -> Result<(), BoxError> {
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    if settings.api_token.is_some() || is_loopback(settings.https.bind) {
        return Ok(());
    }
    Err("TASKFLOW_DOMAIN is set but TASKFLOW_API_TOKEN is not; set a token, such as the output of `openssl rand -hex 32`".into())
}

fn keeper(settings: &Settings) -> Result<Keeper, BoxError> {
    if let Some(name) = &settings.https.secret {
        return Ok(Keeper::Secret(Box::new(Secret::new(name)?)));
    }
    let folder = settings
        .data_dir
        .as_ref()
        .ok_or("TASKFLOW_DOMAIN is set, but there is no place to store the certificate; set TASKFLOW_DATA_DIR or TASKFLOW_ACME_SECRET")?;
    Ok(Keeper::Folder(Arc::new(Folder::new(folder.join(FOLDER)))))
}

fn random() -> Result<[u8; 2], BoxError> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
