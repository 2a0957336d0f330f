//! A proxy before the database that tests can cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Mutex;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections to a PostgreSQL until it is cut.
pub struct Proxy {
    url: String,
    address: SocketAddr,
    target: Target,
    passing: Mutex<JoinHandle<()>>,
}

#[derive(Clone)]
enum Target {
    Socket(PathBuf),
    Host(String, u16),
}

impl Proxy {
    /// Starts a proxy before this database, on the loopback address.
    pub async fn start(url: &str) -> Self {
        Self::start_at(url, Ipv4Addr::LOCALHOST).await
    }

    /// Starts a proxy before this database, on this address of the machine.
    pub async fn start_at(url: &str, host: Ipv4Addr) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        let target = match options.get_socket() {
            Some(folder) => Target::Socket(folder.join(format!(".s.PGSQL.{}", options.get_port()))),
            None => Target::Host(options.get_host().to_owned(), options.get_port()),
        };
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (user, rest) = url.rsplit_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        let passing = Mutex::new(tokio::spawn(pass(listener, target.clone())));
        Self { url: format!("{user}@{address}/{database}"), address, target, passing }
    }

    /// Returns the URL of the database through the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Cuts every connection, and refuses new ones.
    pub async fn cut(&self) {
        self.passing.lock().unwrap().abort();
        // The listener is gone once connections are refused.
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// Accepts connections again.
    pub async fn restore(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        *self.passing.lock().unwrap() = tokio::spawn(pass(listener, self.target.clone()));
    }
}

async fn pass(listener: TcpListener, target: Target) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let target = target.clone();
        connections.spawn(async move {
            match target {
                Target::Socket(path) => join(client, UnixStream::connect(path).await.unwrap()).await,
                Target::Host(host, port) => join(client, TcpStream::connect((host, port)).await.unwrap()).await,
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn join(mut client: TcpStream, mut server: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
