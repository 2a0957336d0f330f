//! HTTP clients for sends: no redirects, public addresses only where a caller supplies the URL, and the receivers' answers.

use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use function::BoxError;
use http::{StatusCode, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, RequestBuilder};

use crate::Outcome;

/// Time limit of a receiver's answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Maximum pause that a receiver may request.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Creates a client that follows no redirect.
///
/// # Errors
/// The system's roots cannot be read.
pub fn client(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client, reqwest::Error> {
    // Another part of this process may have installed one already; then that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().timeout(ANSWER_MAX).redirect(reqwest::redirect::Policy::none()).user_agent("Taskflow");
    configure(builder).build()
}

/// A receiver's answer: its status, and the pause that it requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The value of `Retry-After`.
    pub after: Option<Duration>,
}

impl Answered {
    /// True if another attempt may succeed.
    #[must_use]
    pub fn retry(&self) -> Outcome {
        Outcome::Retry { error: self.status.to_string(), after: self.after }
    }
}

/// Sends a request, and ignores the answer's body.
///
/// # Errors
/// The outcome if there is no answer. It does not contain the URL, which may hold a secret.
pub async fn send(request: RequestBuilder, now: Timestamp) -> Result<Answered, Outcome> {
    match request.send().await {
        Ok(response) => {
            let after = response.headers().get(header::RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
            Ok(Answered { status: response.status(), after })
        }
        Err(error) => {
            let error = error.without_url();
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(own) = cause {
                text = format!("{text}: {own}");
                cause = own.source();
            }
            // There is no retry for an address that is not public.
            Err(if text.contains(NOT_PUBLIC) { Outcome::Failed(text) } else { Outcome::retry(text) })
        }
    }
}

/// Parses `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let seconds = value.trim().parse().map(Duration::from_secs).ok();
    let date = || {
        let date = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
        Timestamp::new(date).ok().map(|date| date.since(now))
    };
    seconds.or_else(date).map(|pause| pause.min(RETRY_AFTER_MAX))
}

/// Text of the error for an address that is not public.
const NOT_PUBLIC: &str = "the address is not public";

/// True if packets to this address leave for the internet: not this machine, its network, the cluster, or a cloud's metadata service.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        // Only 2000::/3 is global unicast, which excludes loopback, unique local, link-local, mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96).
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Follows the IANA registry of special-purpose addresses (RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(matches!(a, 0 | 10 | 127 | 224..)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && (b == 168 || (b == 0 && matches!(c, 0 | 2)) || (b == 88 && c == 99)))
        || (a == 198 && (matches!(b, 18 | 19) || (b == 51 && c == 100)))
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = a & 0xe000 == 0x2000;
    // IETF protocols with Teredo and ORCHID, documentation, and 6to4, which leads to any IPv4 address.
    let is_special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    is_global && !is_special
}

/// Resolves names to public addresses only. The client connects to the returned address, so a name cannot change in between.
#[derive(Clone, Copy, Debug)]
pub struct PublicOnly {
    /// An address that counts as public, for tests.
    pub exempt: Option<IpAddr>,
}

impl PublicOnly {
    /// True if a client may connect to this address.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        is_public(address) || self.exempt == Some(address)
    }

    /// Creates a client that connects to such addresses only. It uses no proxy, because a proxy would connect to any.
    ///
    /// # Errors
    /// The system's roots cannot be read.
    pub fn client(self) -> Result<Client, reqwest::Error> {
        client(|builder| builder.no_proxy().dns_resolver(Arc::new(self)))
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let own = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| own.allows(address.ip())).collect();
            if allowed.is_empty() { Err(BoxError::from(NOT_PUBLIC)) } else { Ok(Box::new(allowed.into_iter()) as Addrs) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_exempt_address_is_one_address() {
        let exempt = PublicOnly { exempt: Some("127.0.0.1".parse().unwrap()) };
        assert_eq!(
            ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"].map(|address| exempt.allows(address.parse().unwrap())),
            [true, false, false, false]
        );
    }

    #[tokio::test]
    async fn a_name_leads_to_public_addresses_only() {
        let resolved = async |exempt: Option<&str>| {
            let own = PublicOnly { exempt: exempt.map(|address| address.parse().unwrap()) };
            let found = own.resolve("localhost".parse().unwrap()).await.map_err(|error| error.to_string())?;
            Ok::<Vec<IpAddr>, String>(found.map(|address| address.ip()).collect())
        };
        assert_eq!(resolved(None).await, Err(NOT_PUBLIC.to_owned()));
        assert_eq!(resolved(Some("127.0.0.2")).await, Err(NOT_PUBLIC.to_owned()));
        let found = resolved(Some("127.0.0.1")).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(|address| address.to_string() == "127.0.0.1"), "{found:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2027-01-05T09:00:00Z".parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Tue, 05 Jan 2027 09:01:30 GMT", Some(90)),
            ("Tue, 05 Jan 2027 08:00:00 GMT", Some(0)),
            ("99999999999", Some(86_400)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(value, now).map(|pause| pause.as_secs()), seconds, "{value}");
        }
    }
}
