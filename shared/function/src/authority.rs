//! Host names and page origins in a normal form, so that equal ones compare equal.

use std::fmt;
use std::net::IpAddr;

/// A host with an optional port, as in the header Host (RFC 9110, section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// In lower case, without a final dot; an IPv6 address in brackets.
    pub host: String,
    /// `None` means the default port of the scheme.
    pub port: Option<u16>,
}

impl Authority {
    /// Parses `host` or `host:port`; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let authority: http::uri::Authority = text.parse().ok()?;
        let host = authority.host();
        let port = match text.strip_prefix(host)? {
            "" => None,
            rest => Some(rest.strip_prefix(':')?.parse().ok()?),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[:]".contains(&byte);
        (!host.is_empty() && host.bytes().all(is_host)).then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    /// Returns host and port of an http or https URL.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let rest = url.split_once("://")?.1;
        Self::read(rest.split(['/', '?', '#']).next()?)
    }

    /// True for a numeric address.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    }

    /// True for a name that every resolver maps to this machine (RFC 6761, section 6.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

/// The origin of a page: scheme, host and port (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl WebOrigin {
    /// Parses `scheme://host` or `scheme://host:port`; `None` for anything else, such as `null`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let Authority { host, port } = Authority::read(authority)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.or_else(|| default_port(&scheme));
        (!scheme.is_empty() && scheme.bytes().all(is_scheme)).then_some(Self { scheme, host, port })
    }

    /// True if the page has the origin of the service that was called by this name. The scheme is not compared, because a proxy may have terminated
    /// TLS.
    #[must_use]
    pub fn is_of(&self, called: &Authority) -> bool {
        let default = default_port(&self.scheme);
        default.is_some() && self.host == called.host && self.port == called.port.or(default)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hosts_compare_equal_and_other_text_is_no_host() {
        for (text, read) in [
            ("Tasks.Example.org", "tasks.example.org"),
            ("tasks.example.org.", "tasks.example.org"),
            ("tasks.example.org.:8443", "tasks.example.org:8443"),
            ("[::1]:8080", "[::1]:8080"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(Authority::read(text).map(|own| own.to_string()).as_deref(), Some(read), "{text}");
        }
        for text in ["", ".", ":80", "a b", "a@b", "a:b", "a:", "a:99999", "a/b", "a,b", "http://a", "[::1", "a:80:80"] {
            assert_eq!(Authority::read(text), None, "{text}");
        }
    }

    #[test]
    fn only_numbers_are_addresses_and_only_names_of_this_machine_are_loopback() {
        for (text, is_address, is_loopback) in [
            ("127.0.0.1", true, false),
            ("10.0.0.7:8080", true, false),
            ("[::1]", true, false),
            ("2130706433", false, false),
            ("0x7f.1", false, false),
            ("localhost", false, true),
            ("LOCALHOST.:80", false, true),
            ("tasks.localhost", false, true),
            ("notlocalhost", false, false),
            ("localhost.evil.example", false, false),
            ("127.0.0.1.nip.io", false, false),
        ] {
            let own = Authority::read(text).unwrap();
            assert_eq!((own.is_address(), own.is_loopback()), (is_address, is_loopback), "{text}");
        }
    }

    #[test]
    fn a_page_is_of_a_service_if_host_and_port_are_the_same() {
        for (origin, called, is_own) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("https://tasks.example.org", "tasks.example.org", true),
            ("https://tasks.example.org", "TASKS.example.org:443", true),
            ("http://tasks.example.org:80", "tasks.example.org", true),
            ("http://localhost:5173", "localhost:8080", false),
            ("http://localhost", "localhost:8080", false),
            ("http://localhost:8080", "localhost", false),
            ("http://127.0.0.1:8080", "localhost:8080", false),
            ("https://tasks.example.org.evil.example", "tasks.example.org", false),
            ("https://evil.example", "tasks.example.org", false),
            ("app://localhost", "localhost", false),
        ] {
            assert_eq!(WebOrigin::read(origin).unwrap().is_of(&Authority::read(called).unwrap()), is_own, "{origin} {called}");
        }
        for text in ["null", "", "localhost", "://a", "https://", "https://a/b", "https://a@b", "*"] {
            assert_eq!(WebOrigin::read(text), None, "{text}");
        }
    }
}
