//! Web Push: validation of receivers, encryption (RFC 8291) and authentication of the sender (VAPID, RFC 8292).

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use domain::push::PushReceiver;
use domain::routes::{PUSH_TEST_ADDRESS, VAPID_KEY};
use function::settings::{SettingError, Settings};
use reqwest::Url;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use ring::{aead, agreement, hkdf};
use serde_json::json;

use crate::connect::PublicOnly;

/// Bytes of an uncompressed point of P-256.
const POINT: usize = 65;
/// Bytes of a browser's secret.
const AUTH: usize = 16;
const SALT: usize = 16;
/// Maximum bytes of a record; a push is one record (RFC 8291, section 4).
const RECORD: u32 = 4096;
/// Lifetime of a VAPID token: half of RFC 8292's maximum.
const TOKEN_LIFE: Duration = Duration::from_hours(12);

/// Why a value of Web Push is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The endpoint is not a URL of a public push service.
    #[error("not an https URL of a public push service")]
    Endpoint,
    /// The public key is not a point of P-256.
    #[error("not a public key of P-256: 65 bytes as base64url")]
    PublicKey,
    /// The secret has the wrong length.
    #[error("not a secret of 16 bytes as base64url")]
    Secret,
    /// The service's own key is invalid.
    #[error("not a private key of P-256: 32 bytes as base64url")]
    PrivateKey,
    /// Cryptography failed.
    #[error("the push could not be encrypted or signed")]
    Crypto,
}

impl From<ring::error::Unspecified> for PushError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::Crypto
    }
}

/// Returns the addresses that pushes may go to: public ones, and the one of `TASKFLOW_PUSH_TEST_ADDRESS`.
///
/// # Errors
/// The setting is not an address.
pub fn addresses(settings: &Settings) -> Result<PublicOnly, SettingError> {
    let read = |text: &str| {
        let problem = || SettingError { name: PUSH_TEST_ADDRESS.name, problem: format!("{text:?} is not an IP address") };
        text.parse::<IpAddr>().map_err(|_| problem())
    };
    Ok(PublicOnly { exempt: settings.own(PUSH_TEST_ADDRESS.name).map(read).transpose()? })
}

/// Returns the service's key; `None` if it is not set.
///
/// # Errors
/// `TASKFLOW_VAPID_KEY` is invalid.
pub fn vapid_key(settings: &Settings) -> Result<Option<VapidKey>, SettingError> {
    let key = settings.own(VAPID_KEY.name).map(VapidKey::read).transpose();
    key.map_err(|error| SettingError { name: VAPID_KEY.name, problem: error.to_string() })
}

/// The service's key, which identifies it to push services (VAPID).
pub struct VapidKey {
    pair: EcdsaKeyPair,
    public: Vec<u8>,
    random: SystemRandom,
}

impl VapidKey {
    /// Reads the private key: 32 bytes as base64url.
    ///
    /// # Errors
    /// [`PushError::PrivateKey`].
    pub fn read(text: &str) -> Result<Self, PushError> {
        let private = decode(text).ok_or(PushError::PrivateKey)?;
        let secret = p256::SecretKey::from_slice(&private).map_err(|_| PushError::PrivateKey)?;
        let public = secret.public_key().to_sec1_bytes().to_vec();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &public, &random);
        Ok(Self { pair: pair.map_err(|_| PushError::PrivateKey)?, public, random })
    }

    /// Returns the public key as base64url: the page's `applicationServerKey`.
    #[must_use]
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.public)
    }

    /// Returns the header `Authorization` of a push. `contact` is an address for the push service's complaints: a `mailto:` or https URL.
    ///
    /// # Errors
    /// [`PushError::Crypto`].
    pub fn authorization(&self, endpoint: &Url, contact: &str, now: Timestamp) -> Result<String, PushError> {
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.after(TOKEN_LIFE).get().as_second(),
            "sub": contact,
        });
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&self.random, signed.as_bytes())?;
        Ok(format!("vapid t={signed}.{},k={}", URL_SAFE_NO_PAD.encode(signature), self.public_key()))
    }
}

/// A browser that can receive pushes.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The URL of its push service.
    pub endpoint: Url,
    public: Vec<u8>,
    auth: Vec<u8>,
}

impl Receiver {
    /// Reads a browser's registration. An address in the endpoint must be allowed; a name is resolved when a push is sent.
    ///
    /// # Errors
    /// The part that is invalid.
    pub fn read(receiver: &PushReceiver, addresses: PublicOnly) -> Result<Self, PushError> {
        let endpoint = endpoint(&receiver.endpoint, addresses).ok_or(PushError::Endpoint)?;
        let public = decode(&receiver.p256dh).filter(|key| key.len() == POINT && p256::PublicKey::from_sec1_bytes(key).is_ok());
        let auth = decode(&receiver.auth).filter(|secret| secret.len() == AUTH);
        Ok(Self { endpoint, public: public.ok_or(PushError::PublicKey)?, auth: auth.ok_or(PushError::Secret)? })
    }

    /// Encrypts a message as one record of `aes128gcm` (RFC 8291, section 3).
    ///
    /// # Errors
    /// [`PushError::Crypto`], also if the message is too long.
    pub fn encrypt(&self, message: &[u8]) -> Result<Vec<u8>, PushError> {
        let random = SystemRandom::new();
        let ephemeral = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &random)?;
        let own = ephemeral.compute_public_key()?;
        let own = own.as_ref();
        let mut salt = [0; SALT];
        random.fill(&mut salt)?;
        let theirs = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &self.public);
        let ikm = agreement::agree_ephemeral(ephemeral, &theirs, |shared| {
            derive::<32>(&self.auth, shared, &[b"WebPush: info\0", &self.public, own])
        })??;
        let key = derive::<16>(&salt, &ikm, &[b"Content-Encoding: aes128gcm\0"])?;
        let nonce = derive::<12>(&salt, &ikm, &[b"Content-Encoding: nonce\0"])?;

        // The byte 2 ends the last record.
        let mut sealed = [message, &[2]].concat();
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key)?);
        key.seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::empty(), &mut sealed)?;
        let length = u8::try_from(own.len()).map_err(|_| PushError::Crypto)?;
        let body = [&salt[..], &RECORD.to_be_bytes()[..], &[length], own, &sealed].concat();
        if body.len() > RECORD as usize { Err(PushError::Crypto) } else { Ok(body) }
    }
}

/// Parses an endpoint: https, without credentials, and without an address that is not allowed. The exempt address of tests may omit TLS.
fn endpoint(text: &str, addresses: PublicOnly) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let address = host.parse::<IpAddr>().ok();
    let is_exempt = address.is_some() && address == addresses.exempt;
    let has_scheme = url.scheme() == "https" || (is_exempt && url.scheme() == "http");
    let is_allowed = address.is_none_or(|address| addresses.allows(address));
    (has_scheme && is_allowed && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Decodes base64url, with or without padding, and the standard alphabet, which some libraries write.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=').replace('+', "-").replace('/', "_")).ok()
}

/// Returns the first bytes of HKDF-SHA256 (RFC 5869).
fn derive<const LENGTH: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; LENGTH], PushError> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut derived = [0; LENGTH];
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret).expand(info, Length(LENGTH))?.fill(&mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::{Aead, KeyInit};
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use sha2::Sha256;

    /// The keys of the example of RFC 8291, section 5.
    const PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    const PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const SECRET: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    const NOBODY: PublicOnly = PublicOnly { exempt: None };

    fn browser(endpoint: &str) -> PushReceiver {
        PushReceiver { endpoint: endpoint.to_owned(), p256dh: PUBLIC.to_owned(), auth: SECRET.to_owned() }
    }

    /// Decrypts as a browser does, with crates that are not used for the encryption.
    fn decrypt(body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert_eq!((size, rest[0]), (&4096_u32.to_be_bytes()[..], 65));
        let (sender, sealed) = rest[1..].split_at(65);
        let own = p256::SecretKey::from_slice(&decode(PRIVATE).unwrap()).unwrap();
        let theirs = p256::PublicKey::from_sec1_bytes(sender).unwrap();
        let shared = own.diffie_hellman(&theirs);
        let mut ikm = [0; 32];
        let info = [&b"WebPush: info\0"[..], &decode(PUBLIC).unwrap(), sender].concat();
        ::hkdf::Hkdf::<Sha256>::new(Some(&decode(SECRET).unwrap()), shared.raw_secret_bytes()).expand(&info, &mut ikm).unwrap();
        let expand = ::hkdf::Hkdf::<Sha256>::new(Some(salt), &ikm);
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        expand.expand(b"Content-Encoding: aes128gcm\0", &mut key).unwrap();
        expand.expand(b"Content-Encoding: nonce\0", &mut nonce).unwrap();
        let cipher = aes_gcm::Aes128Gcm::new(&key.into());
        let mut message = cipher.decrypt(&nonce.into(), sealed).unwrap();
        assert_eq!(message.pop(), Some(2), "the last record ends with 2");
        message
    }

    #[test]
    fn a_browser_decrypts_what_was_encrypted_for_it() {
        let receiver = Receiver::read(&browser("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"), NOBODY).unwrap();
        let message = "When I grow up, I want to be a watermelon ✓".as_bytes();
        let (first, second) = (receiver.encrypt(message).unwrap(), receiver.encrypt(message).unwrap());
        assert_eq!((decrypt(&first), decrypt(&second)), (message.to_vec(), message.to_vec()));
        assert_ne!(first, second, "a key and a salt of its own each time");
        assert_eq!(receiver.encrypt(&vec![7; 3993]).unwrap().len(), 4096);
        assert_eq!(receiver.encrypt(&vec![7; 3994]), Err(PushError::Crypto));
    }

    #[test]
    fn the_service_signs_for_the_origin_of_the_push_service() {
        let key = VapidKey::read(PRIVATE).unwrap();
        assert_eq!(key.public_key(), PUBLIC);
        let endpoint = Url::parse("https://push.example.net:8443/a/b?c").unwrap();
        let header = key.authorization(&endpoint, "mailto:ann@example.org", Timestamp::EPOCH).unwrap();
        let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(",k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifying = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(public).unwrap());
        verifying.verify(signed.as_bytes(), &decode(signature).unwrap()).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice::<serde_json::Value>(&decode(part).unwrap()).unwrap();
        assert_eq!(read(header), json!({ "typ": "JWT", "alg": "ES256" }));
        assert_eq!(read(claims), json!({ "aud": "https://push.example.net:8443", "exp": 43_200, "sub": "mailto:ann@example.org" }));
    }

    #[test]
    fn only_public_https_endpoints_are_accepted() {
        let exempt = PublicOnly { exempt: Some("127.0.0.1".parse().unwrap()) };
        for (endpoint, alone, in_tests) in [
            ("https://push.example.net/x", true, true),
            ("https://8.8.8.8/x", true, true),
            ("http://push.example.net/x", false, false),
            ("https://ann:secret@push.example.net/x", false, false),
            ("https://127.0.0.1/x", false, true),
            ("http://127.0.0.1:9/x", false, true),
            ("https://2130706433/x", false, true),
            ("https://0x7f.1/x", false, true),
            ("https://10.0.0.1/x", false, false),
            ("https://[::1]/x", false, false),
            ("https://[::ffff:127.0.0.1]/x", false, false),
            ("https://[64:ff9b::7f00:1]/x", false, false),
            ("https://169.254.169.254/latest", false, false),
            ("ftp://push.example.net/x", false, false),
            ("push.example.net", false, false),
        ] {
            let reads = |addresses| Receiver::read(&browser(endpoint), addresses).is_ok();
            assert_eq!((reads(NOBODY), reads(exempt)), (alone, in_tests), "{endpoint}");
        }
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let own = browser("https://push.example.net/x");
        let off_curve = URL_SAFE_NO_PAD.encode([&[4][..], &[7; 64]].concat());
        for p256dh in ["", "AAAA", SECRET, &off_curve, "ünreadable"] {
            let browser = PushReceiver { p256dh: p256dh.to_owned(), ..own.clone() };
            assert_eq!(Receiver::read(&browser, NOBODY).err(), Some(PushError::PublicKey), "{p256dh}");
        }
        for auth in ["", PUBLIC, "AAAA"] {
            let browser = PushReceiver { auth: auth.to_owned(), ..own.clone() };
            assert_eq!(Receiver::read(&browser, NOBODY).err(), Some(PushError::Secret), "{auth}");
        }
        for key in ["", "AAAA", PUBLIC, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(VapidKey::read(key).err(), Some(PushError::PrivateKey), "{key}");
        }
    }
}
