//! A cluster in PostgreSQL's sense: one folder with the data, the password, the log and the socket.

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

/// Text is UTF-8, sorted by code point by PostgreSQL itself. The order is the same on every system and after every upgrade of the C library, so no
/// index ever breaks, and it is as fast as "C". Upper and lower case cover all of Unicode.
const LAYOUT: [&str; 7] = [
    "--username=taskflow",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C", // except for LETTERS
    "--no-instructions",
];

/// `pg_trgm` still asks the C library what a letter is, and under "C" only ASCII is: a search for "ř" would find nothing. The first locale that the
/// system has is used; every system has the last one.
const LETTERS: [&str; 3] = ["C.UTF-8", "en_US.UTF-8", "C"];

/// An initialised cluster, with or without a running server.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    password: String,
}

impl Cluster {
    /// Opens the cluster `name` in `parent`, and initialises it the first time. The caller holds a lock on `parent`.
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

    /// Returns the same cluster in another folder, to which the caller has copied it.
    pub(crate) fn at(&self, folder: PathBuf) -> Self {
        Self { folder, password: self.password.clone() }
    }

    /// Returns its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the folder that PostgreSQL calls `PGDATA`.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Returns the path of the server's log, which each start begins anew.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// Returns the password of [`USER`].
    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

/// Returns a name that depends on everything that decides the content of a new cluster.
pub(crate) fn layout_name() -> String {
    let mut hasher = DefaultHasher::new();
    (LAYOUT, LETTERS).hash(&mut hasher);
    format!("cluster-{VERSION}-{:016x}", hasher.finish())
}

/// Returns this many random bytes, in hexadecimal.
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

/// Initialises a cluster beside its final path and renames it at the end, so that it is complete or absent.
async fn create(programs: &Programs, parent: &Path, folder: &Path) -> Result<(), PostgresError> {
    tracing::info!("initialising PostgreSQL's data in {}", folder.display());
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
