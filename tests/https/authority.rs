//! Pebble, a real ACME authority for tests, and its DNS server.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tests::eventually;
use tests::stack::{Program, Recipe, free_port, part};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A name that the authority refuses.
pub(crate) const BLOCKED: &str = "blocked.test";

/// Address where validations wait; the system accepts their connections.
const GATE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Behaviour of the authority.
pub(crate) struct Options {
    /// Validations wait until they are let through.
    pub(crate) held: bool,
    /// How long a certificate is valid, in seconds.
    pub(crate) validity_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { held: false, validity_seconds: 86_400 }
    }
}

/// A running authority.
pub(crate) struct Authority {
    pebble: Program,
    dns: Program,
    gate: Option<TcpListener>,
    /// The port of its validations.
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
        let checked = if options.held { GATE } else { Ipv4Addr::LOCALHOST };
        let gate = if options.held { Some(TcpListener::bind((GATE, tls_port)).await.unwrap()) } else { None };
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
            .words(&format!("-dnsserver 127.0.0.1:{dns} -management 127.0.0.1:{dns_management} -defaultIPv4 {checked}"))
            .words("-http01= -https01= -tlsalpn01= -doh= -defaultIPv6=")
            .start();
        let recipe = Recipe::new("pebble", &pebble, folder)
            .words("-config")
            .word(folder.join("pebble.json"))
            .words(&format!("-dnsserver 127.0.0.1:{dns}"))
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .env("PEBBLE_VA_NOSLEEP", "1");
        let directory = format!("https://localhost:{api}/dir");
        let authority = Self {
            pebble: recipe.start(),
            dns: dns_program,
            gate,
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

    /// Returns the root of its certificates, in PEM.
    pub(crate) async fn issuer(&self) -> String {
        self.client().get(format!("{}/roots/0", self.management)).send().await.unwrap().text().await.unwrap()
    }

    /// Number of orders.
    pub(crate) fn orders(&self) -> usize {
        self.pebble.said().matches("POST /order-plz").count()
    }

    /// Waits until it validates a challenge.
    pub(crate) async fn checks(&self) {
        eventually("a check", async || self.pebble.said().contains("Starting 3 validations.").then_some(())).await;
    }

    /// Lets validations through, beginning with the waiting ones.
    pub(crate) fn let_checks_through(&mut self) {
        let (gate, port) = (self.gate.take().unwrap(), self.tls_port);
        tokio::spawn(async move {
            loop {
                let (mut check, _) = gate.accept().await.unwrap();
                tokio::spawn(async move {
                    // Without a listener the validation's connection ends.
                    let mut served = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                    copy_bidirectional(&mut check, &mut served).await
                });
            }
        });
    }

    /// Waits until it has refused a challenge.
    pub(crate) async fn refuses(&self) {
        eventually("a refusal", async || self.pebble.said().contains("set INVALID by invalid authz").then_some(())).await;
    }

    /// Number of requests, including reads of its directory.
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
