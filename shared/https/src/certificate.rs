//! The certificate in use, and the certificates that answer challenges.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use function::BoxError;
use instant_acme::CertificateIdentifier;
use jiff::Timestamp;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate with its key and its parsed fields.
#[derive(Clone)]
pub(crate) struct Certificate {
    key: Arc<CertifiedKey>,
    /// Names in lower case.
    pub(crate) names: Vec<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Its id in renewal information (RFC 9773).
    pub(crate) id: CertificateIdentifier<'static>,
}

impl Certificate {
    /// Parses a chain and a key in PEM.
    ///
    /// # Errors
    /// One of them cannot be parsed, or the key does not match the certificate.
    pub(crate) fn read(chain: &str, key: &str) -> Result<Self, BoxError> {
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let leaf = chain.first().ok_or("the chain has no certificate")?.clone();
        let key = CertifiedKey::new(chain, any_supported_type(&PrivateKeyDer::from_pem_slice(key.as_bytes())?)?);
        key.keys_match()?;
        let (_, read) = X509Certificate::from_der(&leaf)?;
        let names = read.subject_alternative_name()?.map(|names| &names.value.general_names).into_iter().flatten();
        let names = names.filter_map(|name| if let GeneralName::DNSName(name) = name { Some(name.to_ascii_lowercase()) } else { None });
        Ok(Self {
            names: names.collect(),
            not_before: Timestamp::from_second(read.validity().not_before.timestamp())?,
            not_after: Timestamp::from_second(read.validity().not_after.timestamp())?,
            id: CertificateIdentifier::try_from(&leaf)?.into_owned(),
            key: Arc::new(key),
        })
    }

    /// True if the certificate covers all of these names.
    pub(crate) fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }
}

/// Creates the certificate that answers a challenge (RFC 8737, section 3).
fn challenge(name: &str, key_authorization: &str) -> Result<Arc<CertifiedKey>, BoxError> {
    let digest = ring_digest(key_authorization);
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let signer = any_supported_type(&PrivateKeyDer::try_from(key.serialize_der())?)?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signer)))
}

fn ring_digest(text: &str) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// The certificates that TLS handshakes choose from.
#[derive(Default)]
pub(crate) struct Certificates {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    current: Option<Certificate>,
    challenges: HashMap<String, Arc<CertifiedKey>>,
    /// Key authorizations of the challenges.
    answers: BTreeMap<String, String>,
    /// Why there is no certificate yet.
    waiting_for: Option<String>,
}

impl Certificates {
    /// Returns the certificate in use.
    pub(crate) fn current(&self) -> Option<Certificate> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Replaces the certificate in use.
    pub(crate) fn install(&self, certificate: Certificate) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).current = Some(certificate);
    }

    /// Answers exactly these challenges, given the key authorization of each name.
    pub(crate) fn answer(&self, challenges: &BTreeMap<String, String>) -> Result<(), BoxError> {
        if self.state.read().unwrap_or_else(PoisonError::into_inner).answers == *challenges {
            return Ok(());
        }
        let keys = challenges.iter().map(|(name, answer)| Ok((name.clone(), challenge(name, answer)?)));
        let keys = keys.collect::<Result<_, BoxError>>()?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        (state.challenges, state.answers) = (keys, challenges.clone());
        Ok(())
    }

    /// Answers these challenges as well.
    pub(crate) fn answer_also(&self, challenges: BTreeMap<String, String>) -> Result<(), BoxError> {
        let mut all = self.state.read().unwrap_or_else(PoisonError::into_inner).answers.clone();
        all.extend(challenges);
        self.answer(&all)
    }

    /// True if a challenge of this name is open.
    pub(crate) fn has_challenge(&self, name: &str) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).challenges.contains_key(name)
    }

    /// Returns the reason for callers while there is no certificate.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).waiting_for.clone()
    }

    /// Sets the reason for callers while there is no certificate.
    pub(crate) fn wait_for(&self, reason: Option<String>) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).waiting_for = reason;
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Certificates")
    }
}

/// The protocol of a challenge (RFC 8737).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// True if the authority is validating a challenge: it offers that protocol alone.
pub(crate) fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none())
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if is_challenge(&hello) {
            return state.challenges.get(&hello.server_name()?.to_ascii_lowercase()).cloned();
        }
        Some(state.current.as_ref()?.key.clone())
    }
}
