//! Keys that the one process generates at its first start and stores in the data folder. Receivers of pushes and links depend on them for months.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::routes::{self, Setting};
use function::BoxError;
use function::settings::Settings;

/// Number of bytes of a key.
const BYTES: usize = 32;

/// Sets the keys that the environment lacks, each from its own file.
///
/// # Errors
/// A file cannot be read or written; the message names it.
pub(crate) fn fill(settings: &mut Settings) -> Result<(), BoxError> {
    let Some(folder) = settings.data_dir.clone() else { return Ok(()) };
    let made = routes::ALL.iter().flat_map(|route| route.settings).filter(|setting| setting.is_made);
    for Setting { name, secret, .. } in made {
        if let (None, Some(file)) = (settings.own(name), secret) {
            let path = folder.join(file);
            let key = keep(&path).map_err(|error| format!("{name}: {}: {error}", path.display()))?;
            settings.fill(None, None, [(*name, key.into())])?;
        }
    }
    Ok(())
}

/// Reads a key, or creates it. If two processes start at the same time, one creates it and the other reads it.
fn keep(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found.map(|key| key.trim().to_owned()),
    }
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(folder)?;
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let key = URL_SAFE_NO_PAD.encode(bytes);
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    // Linking fails if the name exists, and the key is complete as soon as its name exists.
    let linked = fs::hard_link(&new, path);
    fs::remove_file(&new)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read_to_string(path).map(|key| key.trim().to_owned()),
        Err(error) => Err(error),
        Ok(()) => File::open(folder)?.sync_all().map(|()| key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_created_once_and_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("a-key");
        let key = keep(&path).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(&key).unwrap().len(), BYTES);
        assert_eq!(keep(&path).unwrap(), key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    }
}
