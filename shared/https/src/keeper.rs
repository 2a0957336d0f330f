//! Stores the ACME account, the certificate and an open order across restarts: in the data folder, or in a Kubernetes Secret.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use function::BoxError;
use http::StatusCode;
use instant_acme::AccountCredentials;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the file in the folder, and of the key in the Secret.
const FILE: &str = "certificate.json";
/// Folder in which Kubernetes puts a pod's token, namespace and certificate authority.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Time limit of one call to the Kubernetes API.
const CALL: Duration = Duration::from_secs(10);

/// Everything that must survive a restart.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The account and its directory.
    pub(crate) account: Option<Account>,
    /// The certificate in use.
    pub(crate) certificate: Option<Issued>,
    /// The order in progress.
    pub(crate) order: Option<OpenOrder>,
    /// Why the last order of each set of names failed. A successful order of all names removes them.
    #[serde(default)]
    pub(crate) failures: Vec<Failure>,
}

/// An account at an authority.
#[derive(Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) directory: String,
    pub(crate) credentials: AccountCredentials,
}

/// A certificate that an authority issued.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) directory: String,
    /// The gateway that ordered it. Later gateways compare greater.
    pub(crate) by: String,
    /// The certificate and its intermediates, in PEM.
    pub(crate) chain: String,
    /// The private key, in PEM.
    pub(crate) key: String,
    /// When to renew it; `None` if not decided yet.
    pub(crate) renewal: Option<Renewal>,
}

/// When to renew a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// The time of the renewal.
    pub(crate) at: Timestamp,
    /// When to ask the authority again, which may suggest an earlier renewal (RFC 9773).
    pub(crate) ask_at: Timestamp,
}

/// An order in progress. Any gateway can finish it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OpenOrder {
    pub(crate) directory: String,
    pub(crate) names: Vec<String>,
    /// The private key of the certificate, in PEM.
    pub(crate) key: String,
    /// The order's URL; `None` until the authority has answered.
    pub(crate) url: Option<String>,
    /// The key authorization of each name whose challenge is open (RFC 8737).
    pub(crate) challenges: BTreeMap<String, String>,
    /// The gateway that works on it; `None` if it is free.
    pub(crate) holder: Option<String>,
    /// When the holder loses the order.
    pub(crate) held_until: Timestamp,
}

/// The failure of the last order of these names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) directory: String,
    pub(crate) names: Vec<String>,
    pub(crate) reason: String,
    /// True if the reason comes from the authority, so anonymous callers may read it.
    pub(crate) is_verdict: bool,
    /// Number of failures in a row.
    pub(crate) count: u32,
    /// Earliest time of the next order.
    pub(crate) not_before: Timestamp,
}

/// The version that was read, so that a write cannot overwrite another gateway's.
#[derive(Default)]
pub(crate) struct Version(Option<serde_json::Value>);

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// Another gateway has written since the last read.
    #[error("another gateway changed the stored certificate")]
    Conflict,
    #[error(transparent)]
    Failed(#[from] BoxError),
}

/// The storage.
pub(crate) enum Keeper {
    /// A folder that one process uses.
    Folder(Arc<Folder>),
    /// A Secret that several gateways use.
    Secret(Box<Secret>),
}

impl Keeper {
    /// Reads the stored state; an empty [`Kept`] if there is none.
    pub(crate) async fn load(&self) -> Result<(Kept, Version), BoxError> {
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                Ok((tokio::task::spawn_blocking(move || folder.load()).await??, Version::default()))
            }
            Self::Secret(secret) => secret.load().await,
        }
    }

    /// Writes the state. The next write needs the returned version.
    pub(crate) async fn save(&self, kept: &Kept, version: &Version) -> Result<Version, SaveError> {
        let text = serde_json::to_vec(kept).map_err(BoxError::from)?;
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                let written = tokio::task::spawn_blocking(move || folder.save(&text)).await.map_err(BoxError::from)?;
                written.map_err(|error| BoxError::from(format!("cannot write {FILE} to the data folder: {error}")))?;
                Ok(Version::default())
            }
            Self::Secret(secret) => secret.save(&text, version).await,
        }
    }

    /// True if another gateway may have written since the last read.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

/// A file in a folder. A writing thread continues even if its caller has gone, so reads and writes wait for each other.
pub(crate) struct Folder {
    path: PathBuf,
    one: Mutex<()>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, one: Mutex::default() }
    }

    fn load(&self) -> Result<Kept, BoxError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.path.join(FILE);
        match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| format!("{} cannot be read: {error}", file.display()).into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(format!("{} cannot be read: {error}", file.display()).into()),
        }
    }

    /// Replaces the file in one step. Only its owner can read it, because a temporary file has mode 0600.
    fn save(&self, text: &[u8]) -> std::io::Result<()> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::create_dir_all(&self.path)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(FILE))?;
        std::fs::File::open(&self.path)?.sync_all()
    }
}

/// A Secret in the pod's namespace. The pod's `ServiceAccount` needs the rights get and update on it.
pub(crate) struct Secret {
    client: reqwest::Client,
    url: String,
}

impl Secret {
    /// Returns the Secret of this name.
    ///
    /// # Errors
    /// This process does not run in a pod.
    pub(crate) fn new(name: &str) -> Result<Self, BoxError> {
        let variable = |name| {
            std::env::var(name)
                .map_err(|_| format!("TASKFLOW_ACME_SECRET is set, but {name} is not: TASKFLOW_ACME_SECRET works in a Kubernetes pod only"))
        };
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let read = |file: &str| {
            let path = Path::new(SERVICE_ACCOUNT).join(file);
            std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
        };
        let namespace = read("namespace")?;
        let roots = reqwest::Certificate::from_pem_bundle(read("ca.crt")?.as_bytes())?;
        let client = reqwest::Client::builder().tls_certs_only(roots).timeout(CALL).no_proxy().build()?;
        Ok(Self { client, url: format!("https://{host}:{port}/api/v1/namespaces/{}/secrets/{name}", namespace.trim()) })
    }

    async fn load(&self) -> Result<(Kept, Version), BoxError> {
        let answer = self.call(self.client.get(&self.url)).await?;
        let object: serde_json::Value = match answer.status() {
            StatusCode::OK => serde_json::from_slice(&answer.bytes().await?)?,
            StatusCode::NOT_FOUND => return Err(format!("there is no Secret at {}; create it empty", self.url).into()),
            status => return Err(self.refused("reading", status)),
        };
        let kept = match object["data"][FILE].as_str() {
            Some(text) => serde_json::from_slice(&STANDARD.decode(text)?)?,
            None => Kept::default(),
        };
        Ok((kept, Version(Some(object))))
    }

    async fn save(&self, text: &[u8], version: &Version) -> Result<Version, SaveError> {
        let mut object = version.0.clone().unwrap_or_default();
        if !object["data"].is_object() {
            object["data"] = serde_json::json!({});
        }
        object["data"][FILE] = STANDARD.encode(text).into();
        let body = object.to_string();
        let call = self.client.put(&self.url).header(http::header::CONTENT_TYPE, "application/json").body(body);
        let answer = self.call(call).await?;
        match answer.status() {
            StatusCode::OK => {
                let object = answer.bytes().await.map_err(BoxError::from)?;
                Ok(Version(Some(serde_json::from_slice(&object).map_err(BoxError::from)?)))
            }
            StatusCode::CONFLICT => Err(SaveError::Conflict),
            status => Err(SaveError::Failed(self.refused("writing", status))),
        }
    }

    /// Reads the token for each call, because Kubernetes replaces it while the pod runs.
    async fn call(&self, call: reqwest::RequestBuilder) -> Result<reqwest::Response, BoxError> {
        let token = tokio::fs::read_to_string(Path::new(SERVICE_ACCOUNT).join("token")).await?;
        Ok(call.bearer_auth(token.trim()).send().await?)
    }

    fn refused(&self, what: &str, status: StatusCode) -> BoxError {
        format!("{what} {}: {status}; the ServiceAccount needs the rights get and update on this Secret", self.url).into()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_folder_returns_the_saved_state_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::Folder(Arc::new(Folder::new(folder.path().join("https"))));
        let (mut kept, version) = keeper.load().await.unwrap();
        assert!(kept.certificate.is_none());
        let certificate =
            Issued { directory: "https://ca.example".into(), by: String::new(), chain: "chain".into(), key: "key".into(), renewal: None };
        kept.certificate = Some(certificate);
        keeper.save(&kept, &version).await.unwrap();
        assert_eq!(keeper.load().await.unwrap().0.certificate.unwrap().key, "key");
        let file = folder.path().join("https").join(FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "{").unwrap();
        assert!(keeper.load().await.err().unwrap().to_string().contains(FILE), "a damaged file does not count as absent");
    }
}
