//! A cluster, as PostgreSQL calls it: one folder with the data, the password that opens them, the log and the socket.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    error::{PostgresError, file_error},
    programs::{MAJOR, Programs, VERSION, output, private_folder, remove_leftovers},
};

/// The one role, owner of everything.
pub(crate) const USER: &str = "taskflow";

const NEW: &str = "initdb-";
const PASSWORD_BYTES: usize = 24;

/// Text is UTF-8, sorted by code point by PostgreSQL itself: the same on every system and after every upgrade of its
/// C library, so no index ever breaks, and as fast as "C"; upper and lower case know all of Unicode.
const LAYOUT: [&str; 7] = [
    "--username=taskflow",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C", // except for LETTERS
    "--no-instructions",
];

/// `pg_trgm` still asks the C library what a letter is, and under "C" only ASCII is: then searching for "ř" finds
/// nothing. The first locale that the system has is taken; the last one every system has.
const LETTERS: [&str; 3] = ["C.UTF-8", "en_US.UTF-8", "C"];

/// A laid-out cluster; whether a server runs on it is another matter.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    password: String,
}

impl Cluster {
    /// Opens the cluster `name` in `parent`, laying it out the first time. The caller holds a lock on `parent`.
    pub(crate) async fn open_or_create(programs: &Programs, parent: &Path, name: &str) -> Result<Self, PostgresError> {
        remove_leftovers(parent, NEW);
        let folder = parent.join(name);
        if !folder.exists() {
            create(programs, parent, &folder).await?;
        }
        Self::open(&folder)
    }

    fn open(folder: &Path) -> Result<Self, PostgresError> {
        let folder = folder.canonicalize().map_err(file_error("open", folder))?;
        check_version(&folder.join("data"))?;
        let password = folder.join("password");
        let password = fs::read_to_string(&password).map_err(file_error("read", &password))?;
        Ok(Self { folder, password })
    }

    /// The same cluster, copied to another folder by somebody else.
    pub(crate) fn at(&self, folder: PathBuf) -> Self {
        Self { folder, password: self.password.clone() }
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder that PostgreSQL calls `PGDATA`.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The server's log, begun anew at each start.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The password of [`USER`].
    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

/// Names a cluster by all that decides what is in it when it is new.
pub(crate) fn layout_name() -> String {
    let mut hasher = DefaultHasher::new();
    (LAYOUT, LETTERS).hash(&mut hasher);
    format!("cluster-{VERSION}-{:016x}", hasher.finish())
}

/// As many random bytes, in hexadecimal.
pub(crate) fn random_hex<const BYTES: usize>() -> Result<String, PostgresError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| file_error("read", Path::new("the system's random numbers"))(io::Error::from(error)))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    }))
}

fn check_version(data: &Path) -> Result<(), PostgresError> {
    let file = data.join("PG_VERSION");
    let found = fs::read_to_string(&file).map_err(file_error("read", &file))?;
    match found.trim() {
        MAJOR => Ok(()),
        found => Err(PostgresError::MajorVersion { folder: data.to_owned(), found: found.to_owned() }),
    }
}

/// Lays out a cluster beside its place and renames it at the end, so that it is there whole or not at all.
async fn create(programs: &Programs, parent: &Path, folder: &Path) -> Result<(), PostgresError> {
    tracing::info!("laying out PostgreSQL's data in {}", folder.display());
    let new = private_folder(parent, NEW)?;
    write_password(&new.path().join("password"))?;
    initdb(programs, new.path()).await?;
    fs::rename(new.keep(), folder).map_err(file_error("rename to", folder))?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(file_error("save", parent))
}

fn write_password(path: &Path) -> Result<(), PostgresError> {
    let password = random_hex::<PASSWORD_BYTES>()?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(password.as_bytes())?;
        file.sync_all()
    };
    write().map_err(file_error("write", path))
}

async fn initdb(programs: &Programs, folder: &Path) -> Result<(), PostgresError> {
    let mut letters = LETTERS.iter();
    loop {
        let done = output(initdb_command(programs, folder, letters.next().copied())).await.map_err(file_error("run initdb in", folder))?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        if letters.len() == 0 || !said.contains("invalid locale name") {
            return Err(PostgresError::Initdb(said.trim().to_owned()));
        }
    }
}

fn initdb_command(programs: &Programs, folder: &Path, letters: Option<&str>) -> Command {
    let mut command = programs.command(programs.path("initdb"));
    command.arg("--pgdata").arg(folder.join("data"));
    command.arg("--pwfile").arg(folder.join("password"));
    command.args(LAYOUT).args(letters.map(|letters| format!("--lc-ctype={letters}")));
    command
}
