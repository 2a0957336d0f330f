//! The embedded PostgreSQL as users run it: killed, started twice, started on leftovers. All tests use the real server.
//!
//! Some tests need a process that they can kill: [`child`] runs this test binary again, with [`in_child`] only.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use embedded::{
    postgres::{Postgres, PostgresError},
    testing::TestDatabase,
};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("taskflow-").tempdir().unwrap()
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn text(url: &str, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(&mut connect(url).await).await.unwrap()
}

async fn remember(url: &str, word: &str) {
    let mut connection = connect(url).await;
    sqlx::query("CREATE TABLE IF NOT EXISTS words (word text)").execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO words VALUES ($1)").bind(word).execute(&mut connection).await.unwrap();
}

const WORDS: &str = "SELECT string_agg(word, ' ') FROM words";

// A process to kill.

/// The program that other tests start and kill: this binary, run with `CHILD_FOLDER`. It executes `CHILD_ACTION`, prints a URL and waits. By itself
/// it does nothing.
#[tokio::test]
async fn in_child() {
    let Ok(folder) = env::var("CHILD_FOLDER").map(PathBuf::from) else {
        return;
    };
    match env::var("CHILD_ACTION").unwrap().as_str() {
        "serve" => {
            let postgres = Postgres::start(&folder).await.unwrap();
            tell(&folder, postgres.url());
            wait_to_be_killed();
        }
        "test" => {
            let database = TestDatabase::new(migrate).await.unwrap();
            tell(&folder, database.url());
            wait_to_be_killed();
        }
        "start" => {
            let said = match Postgres::start(&folder).await {
                Ok(postgres) => postgres.stop().await.map(|()| "stopped".to_owned()).unwrap(),
                Err(error) => error.to_string(),
            };
            tell(&folder, &said);
        }
        other => panic!("{other}"),
    }
}

fn tell(folder: &Path, what: &str) {
    let told = folder.join("told");
    let new = folder.join("told.new");
    fs::write(&new, what).unwrap();
    fs::rename(new, told).unwrap();
}

fn wait_to_be_killed() {
    thread::sleep(LIMIT);
}

struct Killable(Child);

impl Killable {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn child(action: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "in_child"]).stdout(Stdio::null());
    command.env("CHILD_ACTION", action).env("CHILD_FOLDER", folder);
    command
}

fn start(mut command: Command) -> Killable {
    Killable(command.spawn().unwrap())
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited too long for {what}");
        thread::sleep(POLL);
    }
}

fn told(folder: &Path) -> String {
    wait_for("the child's word", || fs::read_to_string(folder.join("told")).ok())
}

fn server_pid(folder: &Path) -> u32 {
    let file = fs::read_to_string(folder.join("postgresql/data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().parse().unwrap()
}

fn signal(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn ps(column: &str, pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-o", column, "-p", &pid.to_string()]).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn is_running(pid: u32) -> bool {
    ps("stat=", pid).is_some_and(|state| !state.starts_with('Z'))
}

/// Kills a Taskflow and the keeper of its server, so that the server continues to run. Returns the server's process id.
fn leave_server_behind(folder: &Path) -> u32 {
    let mut taskflow = start(child("serve", folder));
    told(folder);
    let server = server_pid(folder);
    let keeper = ps("ppid=", server).unwrap().parse().unwrap();
    let watchers = Command::new("pgrep").args(["-P", &format!("{keeper}")]).output().unwrap();
    for pid in String::from_utf8(watchers.stdout).unwrap().lines().map(|pid| pid.parse().unwrap()) {
        if pid != server {
            signal("-KILL", pid);
        }
    }
    signal("-KILL", keeper);
    taskflow.kill();
    fs::remove_file(folder.join("told")).unwrap();
    assert!(is_running(server), "the server was to stay behind");
    server
}

// The running server.

#[tokio::test]
async fn is_durable_and_keeps_its_data_between_runs() {
    let folder = folder();
    let first = Postgres::start(folder.path()).await.unwrap();
    let url = first.url().to_owned();
    for setting in ["fsync", "full_page_writes", "synchronous_commit", "autovacuum"] {
        let mut connection = connect(&url).await;
        let value: String = sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut connection).await.unwrap();
        assert_eq!(value, "on", "{setting}");
    }
    assert_eq!(text(&url, "SHOW jit").await, "off");
    assert_eq!(text(&url, "SHOW wal_level").await, "minimal");
    remember(&url, "kept").await;
    first.stop().await.unwrap();
    assert!(!folder.path().join("postgresql/data/postmaster.pid").exists());

    let second = Postgres::start(folder.path()).await.unwrap();
    assert_eq!(second.url(), url, "the password is made once");
    assert_eq!(text(second.url(), WORDS).await, "kept");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_owner_can_connect() {
    let folder = folder();
    let postgres = Postgres::start(folder.path()).await.unwrap();
    assert_eq!(text(postgres.url(), "SHOW listen_addresses").await, "");
    assert_eq!(text(postgres.url(), "SHOW ssl").await, "off");
    let methods = text(postgres.url(), "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules").await;
    assert_eq!(methods, "scram-sha-256");
    let (before, rest) = postgres.url().split_once("taskflow:").unwrap();
    let (password, after) = rest.split_once('@').unwrap();
    let error = PgConnection::connect(&format!("{before}taskflow:wrong@{after}")).await.unwrap_err();
    assert!(error.to_string().contains("password authentication failed"), "{error}");

    let home = folder.path().join("postgresql");
    assert_eq!(fs::read_to_string(home.join("password")).unwrap(), password);
    assert_eq!(fs::metadata(home.join("password")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn knows_letters_beyond_ascii() {
    let folder = folder();
    let postgres = Postgres::start(folder.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    sqlx::query("CREATE EXTENSION pg_trgm").execute(&mut connection).await.unwrap();
    assert_eq!(text(postgres.url(), "SHOW server_encoding").await, "UTF8");
    assert_eq!(text(postgres.url(), "SELECT lower('ČÜ')").await, "čü");
    assert_eq!(text(postgres.url(), "SELECT ('Žluťoučký' % 'žluťoučká')::text").await, "true");
    assert_eq!(text(postgres.url(), "SELECT array_length(show_trgm('ř'), 1)::text").await, "2");
    connection.close().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn listens_on_this_machine_only_where_a_socket_path_would_be_too_long() {
    let folder = folder();
    let deep = folder.path().join("d".repeat(60)).join("with 'quotes\" and a space");
    let postgres = Postgres::start(&deep).await.unwrap();
    assert!(postgres.url().contains("@127.0.0.1:"), "{}", postgres.url());
    assert_eq!(text(postgres.url(), "SHOW listen_addresses").await, "127.0.0.1");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn starts_in_a_folder_with_odd_characters() {
    let folder = folder();
    let odd = folder.path().join("it's, \"odd\" č");
    let postgres = Postgres::start(&odd).await.unwrap();
    assert_eq!(text(postgres.url(), "SHOW fsync").await, "on");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn is_out_of_reach_of_the_terminals_interrupt() {
    let folder = folder();
    let postgres = Postgres::start(folder.path()).await.unwrap();
    let server_group = ps("pgid=", server_pid(folder.path())).unwrap();
    assert_ne!(server_group, ps("pgid=", std::process::id()).unwrap());
    postgres.stop().await.unwrap();
}

// Ownership of the server.

#[tokio::test]
async fn refuses_a_second_taskflow_on_the_same_data() {
    let folder = folder();
    let first = Postgres::start(folder.path()).await.unwrap();
    let error = Postgres::start(folder.path()).await.unwrap_err();
    assert!(matches!(error, PostgresError::InUse(_)), "{error:?}");
    assert!(error.to_string().contains("TASKFLOW_DATA_DIR"), "{error}");
    assert_eq!(text(first.url(), "SHOW fsync").await, "on");
    first.stop().await.unwrap();
    Postgres::start(folder.path()).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn refuses_data_of_another_major_version() {
    let folder = folder();
    Postgres::start(folder.path()).await.unwrap().stop().await.unwrap();
    fs::write(folder.path().join("postgresql/data/PG_VERSION"), "17\n").unwrap();
    let error = Postgres::start(folder.path()).await.unwrap_err();
    assert!(matches!(&error, PostgresError::MajorVersion { found, .. } if found == "17"), "{error:?}");
    assert!(error.to_string().contains("PostgreSQL 17"), "{error}");
}

#[tokio::test]
async fn tells_why_the_server_does_not_start() {
    let folder = folder();
    Postgres::start(folder.path()).await.unwrap().stop().await.unwrap();
    fs::remove_file(folder.path().join("postgresql/data/global/pg_control")).unwrap();
    let error = Postgres::start(folder.path()).await.unwrap_err();
    assert!(error.to_string().contains("pg_control"), "{error}");
    assert!(error.to_string().contains("server.log"), "{error}");
}

// Killed.

#[tokio::test]
async fn stops_when_its_process_is_killed() {
    let folder = folder();
    let mut taskflow = start(child("serve", folder.path()));
    remember(&told(folder.path()), "committed").await;
    let server = server_pid(folder.path());
    taskflow.kill();
    wait_for("the server's end", || (!is_running(server)).then_some(()));
    let postgres = Postgres::start(folder.path()).await.unwrap();
    assert_eq!(text(postgres.url(), WORDS).await, "committed");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn stops_when_it_is_dropped() {
    let folder = folder();
    let postgres = Postgres::start(folder.path()).await.unwrap();
    let server = server_pid(folder.path());
    drop(postgres);
    Postgres::start(folder.path()).await.unwrap().stop().await.unwrap();
    assert!(!is_running(server));
}

#[tokio::test]
async fn starts_at_once_after_a_kill_although_the_old_server_is_still_stopping() {
    let folder = folder();
    for word in ["one", "two", "three"] {
        let mut taskflow = start(child("serve", folder.path()));
        remember(&told(folder.path()), word).await;
        taskflow.kill();
        fs::remove_file(folder.path().join("told")).unwrap();
    }
    let postgres = Postgres::start(folder.path()).await.unwrap();
    assert_eq!(text(postgres.url(), WORDS).await, "one two three");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn stops_a_server_that_was_left_behind() {
    let folder = folder();
    let left = leave_server_behind(folder.path());
    let postgres = Postgres::start(folder.path()).await.unwrap();
    assert!(!is_running(left));
    assert_eq!(text(postgres.url(), "SHOW fsync").await, "on");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn starts_after_the_server_itself_was_killed() {
    let folder = folder();
    let mut taskflow = start(child("serve", folder.path()));
    remember(&told(folder.path()), "committed").await;
    signal("-KILL", server_pid(folder.path()));
    taskflow.kill();
    let postgres = Postgres::start(folder.path()).await.unwrap();
    assert_eq!(text(postgres.url(), WORDS).await, "committed");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn waits_for_the_remaining_processes_of_a_killed_server() {
    let folder = folder();
    let mut taskflow = start(child("serve", folder.path()));
    told(folder.path());
    let server = server_pid(folder.path());
    let checkpointer = wait_for("a process of the server", || {
        let listed = Command::new("pgrep").args(["-P", &server.to_string(), "-f", "checkpointer"]).output().unwrap();
        String::from_utf8(listed.stdout).unwrap().trim().parse().ok()
    });
    signal("-STOP", checkpointer); // so that it does not notice for now, and holds the shared memory
    signal("-KILL", server);
    taskflow.kill();
    let waking = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        signal("-CONT", checkpointer);
    });
    let postgres = Postgres::start(folder.path()).await.unwrap();
    assert!(waking.is_finished(), "the start was to wait");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn is_not_fooled_by_a_process_that_got_the_old_servers_number() {
    let folder = folder();
    let mut taskflow = start(child("serve", folder.path()));
    told(folder.path());
    let pid_file = folder.path().join("postgresql/data/postmaster.pid");
    let recorded = fs::read_to_string(&pid_file).unwrap();
    let socket_lock = folder.path().join("postgresql/.s.PGSQL.5432.lock");
    let recorded_socket = fs::read_to_string(&socket_lock).unwrap();
    let server = server_pid(folder.path());
    taskflow.kill();
    wait_for("the server's end", || (!is_running(server)).then_some(()));

    let mut stranger = Killable(Command::new("sleep").arg("60").spawn().unwrap());
    let number = |text: &str| text.replacen(&server.to_string(), &stranger.0.id().to_string(), 1);
    fs::write(&pid_file, number(&recorded)).unwrap();
    fs::write(&socket_lock, number(&recorded_socket)).unwrap();
    Postgres::start(folder.path()).await.unwrap().stop().await.unwrap();
    assert!(stranger.0.try_wait().unwrap().is_none(), "the stranger must be left alone");
    stranger.kill();
}

#[tokio::test]
async fn a_kill_while_the_data_are_laid_out_leaves_nothing_half_done() {
    let folder = folder();
    let mut taskflow = start(child("serve", folder.path()));
    wait_for("initdb", || half_done(folder.path()).filter(|new| new.join("data/base").exists()));
    taskflow.kill();
    assert!(!folder.path().join("postgresql").exists());
    let postgres = Postgres::start(folder.path()).await.unwrap();
    remember(postgres.url(), "fine").await;
    postgres.stop().await.unwrap();
    // An initdb that outlived its parent may have written for a moment longer; the next start then removes the rest.
    for _ in 0..10 {
        if half_done(folder.path()).is_none() {
            return;
        }
        Postgres::start(folder.path()).await.unwrap().stop().await.unwrap();
    }
    panic!("what was half done is still there");
}

fn half_done(folder: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("initdb-"))
}

// The programs.

#[test]
fn two_processes_share_one_download() {
    let cache = folder();
    let folders = [folder(), folder()];
    let children = folders.each_ref().map(|folder| {
        let mut command = child("start", folder.path());
        command.env("XDG_CACHE_HOME", cache.path());
        start(command)
    });
    for folder in &folders {
        assert_eq!(told(folder.path()), "stopped");
    }
    drop(children);
    let mut kept: Vec<_> = fs::read_dir(cache.path().join("taskflow")).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["download.lock", "postgresql-18.6.0"]);
}

#[test]
fn a_failed_download_names_the_alternative() {
    let (cache, folder) = (folder(), folder());
    let nobody_listens = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = child("start", folder.path());
    command.env("XDG_CACHE_HOME", cache.path()).env("HTTPS_PROXY", format!("http://{nobody_listens}"));
    let _child = start(command);
    let said = told(folder.path());
    assert!(said.contains("could not be downloaded"), "{said}");
    assert!(said.contains("DATABASE_URL"), "{said}");
}

#[test]
fn root_without_user_namespaces_gets_instructions() {
    if ps("uid=", std::process::id()).as_deref() != Some("0") {
        return; // only root needs a namespace
    }
    let (programs, folder) = (folder(), folder());
    let fake = programs.path().join("unshare");
    let mut script = fs::File::create(&fake).unwrap();
    script.write_all(b"#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n").unwrap();
    script.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
    drop(script);
    let mut command = child("start", folder.path());
    command.env("PATH", format!("{}:{}", programs.path().display(), env::var("PATH").unwrap()));
    let _child = start(command);
    let said = told(folder.path());
    assert!(said.contains("Operation not permitted") && said.contains("another user"), "{said}");
}

// Databases for tests.

async fn migrate(url: String) -> Result<(), sqlx::Error> {
    remember(&url, "migrated").await;
    Ok(())
}

#[tokio::test]
async fn each_test_has_a_fresh_database() {
    let (one, two) = tokio::join!(TestDatabase::new(migrate), TestDatabase::new(migrate));
    let (one, two) = (one.unwrap(), two.unwrap());
    remember(one.url(), "mine").await;
    assert_eq!(text(one.url(), WORDS).await, "migrated mine");
    assert_eq!(text(two.url(), WORDS).await, "migrated");
}

#[tokio::test]
async fn a_test_database_is_dropped_with_its_value_despite_open_connections() {
    let database = TestDatabase::new(migrate).await.unwrap();
    let other = TestDatabase::new(migrate).await.unwrap();
    let url = database.url().to_owned();
    let mut connected = connect(&url).await;
    drop(database);
    assert!(sqlx::query("SELECT 1").execute(&mut connected).await.is_err());
    assert!(PgConnection::connect(&url).await.is_err());
    assert_eq!(text(other.url(), WORDS).await, "migrated");
}

#[test]
fn test_databases_are_tied_to_no_runtime() {
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let database = runtime.block_on(TestDatabase::new(migrate)).unwrap();
        assert_eq!(runtime.block_on(text(database.url(), WORDS)), "migrated");
    }
}

#[tokio::test]
async fn different_closures_have_different_templates() {
    let empty = TestDatabase::new(|_| async { Ok::<(), sqlx::Error>(()) }).await.unwrap();
    let full = TestDatabase::new(migrate).await.unwrap();
    assert_eq!(text(full.url(), WORDS).await, "migrated");
    assert!(sqlx::query(WORDS).execute(&mut connect(empty.url()).await).await.is_err());
}

#[test]
fn a_killed_test_process_leaves_nothing_behind() {
    let (folder, temporary) = (folder(), folder());
    let mut command = child("test", folder.path());
    command.env("TMPDIR", temporary.path()).env_remove("DATABASE_URL");
    let mut tests = start(command);
    told(folder.path());
    let is_empty = || fs::read_dir(temporary.path()).unwrap().next().is_none();
    assert!(!is_empty(), "the server's folder is there");
    tests.kill();
    wait_for("the folder's end", || is_empty().then_some(()));
}

#[tokio::test]
async fn database_url_overrides_the_test_server() {
    let (server, folder) = (folder(), folder());
    let postgres = Postgres::start(server.path()).await.unwrap();
    let mut connection = connect(postgres.url()).await;
    sqlx::query("CREATE DATABASE taskflow_test_1000_ab").execute(&mut connection).await.unwrap();
    let mut command = child("test", folder.path());
    command.env("DATABASE_URL", postgres.url());
    let mut tests = start(command);
    let folder = folder.path().to_owned();
    let url = tokio::task::spawn_blocking(move || told(&folder)).await.unwrap();
    assert_eq!(text(&url, WORDS).await, "migrated");
    let names = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'taskflow_test%'";
    let names = text(postgres.url(), names).await;
    assert!(url.contains(&names) && !names.contains(' '), "the old leftover is gone: {names}");
    tests.kill();
    connection.close().await.unwrap();
    postgres.stop().await.unwrap();
}
