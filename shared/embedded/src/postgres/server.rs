//! A running server: a keeper (keeper.sh) starts it, and stops it when this process ends in any way.

use std::{
    ffi::OsStr,
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::time::{sleep, timeout};

use super::{
    cluster::{Cluster, USER},
    error::{PostgresError, file_error},
    programs::{Programs, output},
};

const KEEPER: &str = include_str!("keeper.sh");

/// Time limit of a start, which includes recovery after a crash.
const READY_LIMIT: Duration = Duration::from_mins(2);
const READY_POLL: Duration = Duration::from_millis(10);

/// Time limit of a stop, longer than the keeper's.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const STOP_POLL: Duration = Duration::from_millis(10);

/// Seconds that `pg_ctl` waits for a leftover server, once for a smart and once for an immediate stop.
const LEFTOVER_SECONDS: &str = "20";

/// Number and pause of start attempts, while the remains of a crashed server prevent the start.
const START_TRIES: usize = 50;
const START_PAUSE: Duration = Duration::from_millis(200);

/// PostgreSQL's code for "the database system is starting up" and similar errors.
const CANNOT_CONNECT_NOW: &str = "57P03";

const LOG_TAIL_LINES: usize = 5;

/// Maximum bytes of a socket's path: 104 on macOS and 108 on Linux, with the final zero.
const SOCKET_PATH_LIMIT: usize = 100;
const SOCKET_PORT: u16 = 5432;

/// Settings for a personal service that is always on: durable, small, quiet.
const SETTINGS: &[&str] = &[
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=256MB",
    "max_connections=100",
    "shared_buffers=128MB",
    "io_method=sync",
    "jit=off",
    "random_page_cost=1.1",
    "autovacuum=on",
    "password_encryption=scram-sha-256",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_min_messages=log", // clients get the errors of failed statements; here they would only fill the log
    "log_checkpoints=off",
];

/// Errors by which the remains of a killed server, or a port just taken, prevent a start temporarily.
const PASSING: [&str; 3] = ["lock file", "shared memory block", "Address already in use"];

/// A server that runs as long as this value exists; dropping it stops the server in the background.
#[derive(Debug)]
pub(crate) struct Server {
    keeper: Child,
    address: Address,
    password: String,
    log: PathBuf,
}

impl Server {
    /// Starts a server on a cluster that no other process uses, and waits until it answers.
    pub(crate) async fn start(programs: &Programs, cluster: &Cluster, address: Address) -> Result<Self, PostgresError> {
        let mut tries = START_TRIES;
        loop {
            stop_leftover(programs, cluster).await?;
            tries -= 1;
            match Self::start_once(programs, cluster, address.clone(), &[]).await {
                Err(PostgresError::Ended { tail, .. }) if tries > 0 && is_passing(&tail) => {
                    tracing::debug!("PostgreSQL cannot start yet: {tail}");
                    sleep(START_PAUSE).await;
                }
                started => return started,
            }
        }
    }

    /// Starts a server. `wrapper` is a command that runs its last arguments.
    pub(crate) async fn start_once(
        programs: &Programs,
        cluster: &Cluster,
        address: Address,
        wrapper: &[&OsStr],
    ) -> Result<Self, PostgresError> {
        let mut command = keeper(programs, cluster, &address, wrapper);
        let keeper = command.spawn().map_err(file_error("start a server in", cluster.folder()))?;
        let password = cluster.password().to_owned();
        let mut server = Self { keeper, address, password, log: cluster.log() };
        server.ready().await?;
        Ok(server)
    }

    /// Returns the options for a connection to a database of this server.
    pub(crate) fn options(&self, database: &str) -> PgConnectOptions {
        let options =
            PgConnectOptions::new_without_pgpass().username(USER).password(&self.password).database(database).ssl_mode(PgSslMode::Disable);
        match &self.address {
            Address::Socket(folder) => options.socket(folder).port(SOCKET_PORT),
            Address::Tcp(port) => options.host(&Ipv4Addr::LOCALHOST.to_string()).port(*port),
        }
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the end of the log, if the server has ended.
    pub(crate) fn last_words(&mut self) -> Result<Option<String>, PostgresError> {
        Ok(self.ended()?.map(|_| self.log_tail()))
    }

    /// Stops the server: closes its connections, rolls back open transactions, keeps everything committed.
    pub(crate) async fn stop(mut self) -> Result<(), PostgresError> {
        if self.ended()?.is_some() {
            tracing::warn!("PostgreSQL had ended by itself before the stop; it recovers at the next start");
            return Ok(());
        }
        drop(self.keeper.stdin.take());
        let ended = timeout(STOP_LIMIT, async {
            loop {
                if let Some(status) = self.ended()? {
                    return Ok(status);
                }
                sleep(STOP_POLL).await;
            }
        });
        match ended.await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(_)) => Err(self.ended_error()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(PostgresError::NotStopped { seconds: STOP_LIMIT.as_secs() }),
        }
    }

    async fn ready(&mut self) -> Result<(), PostgresError> {
        let options = self.options("postgres");
        let answered = timeout(READY_LIMIT, async {
            loop {
                if self.ended()?.is_some() {
                    return Err(self.ended_error());
                }
                match PgConnection::connect_with(&options).await {
                    Ok(connection) => return Ok(connection.close().await?),
                    Err(error) if is_starting(&error) => sleep(READY_POLL).await,
                    Err(error) => return Err(error.into()),
                }
            }
        })
        .await;
        answered.unwrap_or_else(|_| Err(PostgresError::NotReady { seconds: READY_LIMIT.as_secs(), log: self.log.clone() }))
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, PostgresError> {
        self.keeper.try_wait().map_err(file_error("wait for the server of", &self.log))
    }

    fn ended_error(&self) -> PostgresError {
        PostgresError::Ended { log: self.log.clone(), tail: self.log_tail() }
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("; ")
    }
}

/// The address of a server: a socket in a folder that only this user may enter, or a port that only this machine reaches.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Socket(PathBuf),
    Tcp(u16),
}

impl Address {
    /// Chooses a socket, which needs no port and is protected by the folder's permissions, unless its path is too long for the system.
    pub(crate) fn choose(folder: &Path) -> Result<Self, PostgresError> {
        let socket = folder.join(format!(".s.PGSQL.{SOCKET_PORT}"));
        if socket.as_os_str().len() <= SOCKET_PATH_LIMIT {
            return Ok(Self::Socket(folder.to_owned()));
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let free = free.map_err(file_error("find a free port for", folder))?;
        Ok(Self::Tcp(free.port()))
    }

    fn settings(&self) -> [String; 3] {
        let (folder, hosts, port) = match self {
            Self::Socket(_) => ("..", "", SOCKET_PORT), // the folder of the data is the server's working directory
            Self::Tcp(port) => ("", "127.0.0.1", *port),
        };
        [format!("unix_socket_directories={folder}"), format!("listen_addresses={hosts}"), format!("port={port}")]
    }
}

fn keeper(programs: &Programs, cluster: &Cluster, address: &Address, wrapper: &[&OsStr]) -> Command {
    let keeper = ["sh", "-c", KEEPER, "keeper"].map(OsStr::new);
    let words: Vec<&OsStr> = wrapper.iter().copied().chain(keeper).collect();
    let mut command = programs.command(words[0]);
    command.args(&words[1..]).arg(cluster.log());
    command.arg(programs.path("postgres")).arg("-D").arg(cluster.data());
    let settings = SETTINGS.iter().map(|&setting| setting.to_owned());
    for setting in settings.chain(address.settings()) {
        command.arg("-c").arg(setting);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn is_passing(tail: &str) -> bool {
    PASSING.iter().any(|passing| tail.contains(passing))
}

/// True if the server does not listen yet, or reports that it is still starting. The socket of a server that was killed takes connections until the last
/// of its processes ends, and then resets them.
fn is_starting(error: &sqlx::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    match error {
        sqlx::Error::Io(error) => {
            matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
        }
        sqlx::Error::Database(error) => error.code().as_deref() == Some(CANNOT_CONNECT_NOW),
        _ => false,
    }
}

/// Stops the server of a killed Taskflow, or removes a lock file that names an unrelated process.
async fn stop_leftover(programs: &Programs, cluster: &Cluster) -> Result<(), PostgresError> {
    let Some(pid) = recorded_pid(&cluster.data()) else {
        return Ok(());
    };
    let Some(command_line) = command_line(pid) else {
        return Ok(());
    };
    if !is_server_of(&cluster.data(), &command_line) {
        return forget_process(cluster);
    }
    tracing::info!("stopping the PostgreSQL of an earlier Taskflow that was killed (process {pid})");
    for mode in ["fast", "immediate"] {
        let mut command = programs.command(programs.path("pg_ctl"));
        command.args(["stop", "--wait", "--timeout", LEFTOVER_SECONDS, "--mode", mode, "--pgdata"]).arg(cluster.data());
        let done = output(command).await.map_err(file_error("stop the server of", cluster.folder()))?;
        if done.status.success() {
            break;
        }
    }
    Ok(()) // if it does not stop, the start reports it
}

fn recorded_pid(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

/// Returns the command line of a process; `None` if there is no such process.
fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&line).replace('\0', " "));
    }
    let listed = Command::new("ps").args(["-ww", "-o", "command=", "-p"]).arg(pid.to_string()).output().ok()?;
    listed.status.success().then(|| String::from_utf8_lossy(&listed.stdout).into_owned())
}

fn is_server_of(data: &Path, command_line: &str) -> bool {
    command_line.contains(&format!("postgres -D {} ", data.display()))
}

/// Removes a lock file whose process number belongs to another program, because PostgreSQL would believe it.
fn forget_process(cluster: &Cluster) -> Result<(), PostgresError> {
    let socket_lock = cluster.folder().join(format!(".s.PGSQL.{SOCKET_PORT}.lock"));
    for lock in [cluster.data().join("postmaster.pid"), socket_lock] {
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error("remove", &lock)(error));
            }
            _ => tracing::debug!("{} named a process that is not this cluster's server", lock.display()),
        }
    }
    Ok(())
}
