//! Pebble, a real ACME authority for tests, and its DNS server.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tests::eventually;
use tests::stack::{Program, Recipe, free_port, part};

/// A name that the authority refuses.
pub(crate) const BLOCKED: &str = "blocked.test";

/// How the authority behaves.
pub(crate) struct Options {
    /// It takes a few seconds to check a challenge.
    pub(crate) slow: bool,
    /// How long a certificate is valid, in seconds.
    pub(crate) validity_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { slow: false, validity_seconds: 86_400 }
    }
}

/// A running authority.
pub(crate) struct Authority {
    pebble: Program,
    dns: Program,
    /// Where it checks challenges.
    pub(crate) tls_port: u16,
    /// The URL of its directory.
    pub(crate) directory: String,
    /// The roots of its own HTTPS.
    pub(crate) roots: PathBuf,
    management: String,
}

impl Authority {
    /// Starts it in this folder.
    pub(crate) async fn start(folder: &Path, options: &Options) -> Self {
        let (pebble, server) = (part("PEBBLE"), part("PEBBLE_CHALLTESTSRV"));
        let [api, management, tls_port, http_port, dns, dns_management] = std::array::from_fn(|_| free_port());
        let roots = certificates(folder);
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{api}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.join("api.pem"),
            "privateKey": folder.join("api.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "domainBlocklist": [BLOCKED],
            "retryAfter": { "authz": 1, "order": 1 },
            "keyAlgorithm": "ecdsa",
            "profiles": { "default": { "description": "for tests", "validityPeriod": options.validity_seconds } },
        }});
        std::fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
        let dns_program = Recipe::new("dns", &server, folder)
            .words(&format!("-dnsserver 127.0.0.1:{dns} -management 127.0.0.1:{dns_management} -defaultIPv4 127.0.0.1"))
            .words("-http01= -https01= -tlsalpn01= -doh= -defaultIPv6=")
            .start();
        let recipe = Recipe::new("pebble", &pebble, folder)
            .words("-config")
            .word(folder.join("pebble.json"))
            .words(&format!("-dnsserver 127.0.0.1:{dns}"))
            .env("PEBBLE_WFE_NONCEREJECT", "0");
        let recipe = if options.slow { recipe.env("PEBBLE_VA_SLEEPTIME", "5") } else { recipe.env("PEBBLE_VA_NOSLEEP", "1") };
        let directory = format!("https://localhost:{api}/dir");
        let authority = Self {
            pebble: recipe.start(),
            dns: dns_program,
            tls_port,
            directory,
            roots,
            management: format!("https://localhost:{management}"),
        };
        eventually("the authority", async || authority.client().get(&authority.directory).send().await.ok()).await;
        authority
    }

    fn client(&self) -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = reqwest::Certificate::from_pem_bundle(&std::fs::read(&self.roots).unwrap()).unwrap();
        reqwest::Client::builder().tls_certs_only(roots).no_proxy().build().unwrap()
    }

    /// The root of the certificates that it issues, in PEM.
    pub(crate) async fn issuer(&self) -> String {
        self.client().get(format!("{}/roots/0", self.management)).send().await.unwrap().text().await.unwrap()
    }

    /// The orders that it was asked for.
    pub(crate) fn orders(&self) -> usize {
        self.pebble.said().matches("POST /order-plz").count()
    }

    /// The requests that it got; reading its directory is one.
    pub(crate) fn requests(&self) -> usize {
        self.pebble.said().matches("-> calling handler()").count()
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        self.pebble.stop();
        self.dns.stop();
    }
}

/// Writes a certificate of the authority's API to the folder, and returns the file of its root.
fn certificates(folder: &Path) -> PathBuf {
    let root_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, root_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("api.pem"), own.pem()).unwrap();
    std::fs::write(folder.join("api.key"), key.serialize_pem()).unwrap();
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, root.pem()).unwrap();
    roots
}
