//! A mail server: speaks SMTP (RFC 5321) with STARTTLS (RFC 3207), and accepts mail over TLS only.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;

/// A received mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Headers and body, with lines that end with LF.
    pub text: String,
}

impl Mail {
    /// Returns the unfolded values of the headers with this name.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        let head = self.text.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
        let is = |line: &str| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
        head.lines().filter(|line| is(line)).map(|line| line.split_once(':').unwrap().1.trim().to_owned()).collect()
    }

    /// Returns the decoded parts of the body, each with its content type.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, String)> {
        let boundary = self.headers("content-type")[0].split("boundary=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let marker = format!("--{boundary}");
        let parts = self.text.split(marker.as_str()).skip(1).filter(|part| !part.starts_with("--"));
        parts
            .map(|part| {
                let part = Self { to: Vec::new(), text: part.trim_start().to_owned() };
                let body = part.text.split_once("\n\n").unwrap().1;
                let is_quoted = part.headers("content-transfer-encoding").iter().any(|encoding| encoding == "quoted-printable");
                (part.headers("content-type").remove(0), if is_quoted { unquoted(body) } else { body.to_owned() })
            })
            .collect()
    }
}

/// Decodes quoted-printable (RFC 2045, section 6.7).
fn unquoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        if let Some(byte) = code.filter(|_| *first == b'=') {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The server.
pub struct MailServer {
    /// The value for `TASKFLOW_SMTP_URL`.
    pub url: String,
    /// The value for `TASKFLOW_SMTP_ROOTS`.
    pub roots: PathBuf,
    code: Arc<AtomicU16>,
    connections: Arc<AtomicUsize>,
    mails: Mutex<mpsc::UnboundedReceiver<Mail>>,
    _folder: tempfile::TempDir,
}

/// User and password, as in a URL.
const USER: &str = "ann:a%20password";

impl MailServer {
    /// Starts a server that accepts every mail.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("smtp://{USER}@localhost:{}", listener.local_addr().unwrap().port());
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (code, connections) = (Arc::new(AtomicU16::new(250)), Arc::new(AtomicUsize::new(0)));
        let (came, mails) = mpsc::unbounded_channel();
        let (answered, counted) = (code.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, came, answered) = (acceptor.clone(), came.clone(), answered.clone());
                tokio::spawn(async move { serve(stream, acceptor, came, answered).await });
            }
        });
        Self { url, roots, code, connections, mails: Mutex::new(mails), _folder: folder }
    }

    /// Answers mails with this code from now on; 250 accepts them.
    pub fn answer(&self, code: u16) {
        self.code.store(code, Ordering::SeqCst);
    }

    /// Waits for the next accepted mail.
    pub async fn mail(&self) -> Mail {
        tokio::time::timeout(PATIENCE, async { self.mails.lock().await.recv().await }).await.unwrap().unwrap()
    }

    /// Takes the mails that no test has read.
    pub async fn taken(&self) -> Vec<Mail> {
        let mut mails = self.mails.lock().await;
        std::iter::from_fn(|| mails.try_recv().ok()).collect()
    }

    /// Number of mails that no test has read.
    pub async fn waiting(&self) -> usize {
        self.mails.lock().await.len()
    }

    /// Number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, came: mpsc::UnboundedSender<Mail>, code: Arc<AtomicU16>) -> Option<()> {
    let mut plain = BufReader::new(stream);
    plain.write_all(b"220 localhost ESMTP\r\n").await.ok()?;
    loop {
        let mut line = String::new();
        plain.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end().to_ascii_uppercase().as_str() {
            line if line.starts_with("EHLO") => plain.write_all(b"250-localhost\r\n250 STARTTLS\r\n").await.ok()?,
            "STARTTLS" => {
                plain.write_all(b"220 go on\r\n").await.ok()?;
                let encrypted = acceptor.accept(plain.into_inner()).await.ok()?;
                return talk(BufReader::new(encrypted), &came, &code).await;
            }
            _ => plain.write_all(b"530 5.7.0 must issue a STARTTLS command first\r\n").await.ok()?,
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    came: &mpsc::UnboundedSender<Mail>,
    code: &AtomicU16,
) -> Option<()> {
    let mut to = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-localhost\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n".to_owned(),
            // "\0ann\0a password", as base64.
            "AUTH" if line.ends_with(" AGFubgBhIHBhc3N3b3Jk") => "235 2.7.0 welcome\r\n".to_owned(),
            "AUTH" => "535 5.7.8 wrong\r\n".to_owned(),
            "RCPT" => {
                to.push(line.split_once('<')?.1.split('>').next()?.to_owned());
                "250 fine\r\n".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let text = data(&mut stream).await?;
                match code.load(Ordering::SeqCst) {
                    250 => {
                        let _ = came.send(Mail { to: std::mem::take(&mut to), text });
                        "250 2.0.0 taken\r\n".to_owned()
                    }
                    other => format!("{other} not now\r\n"),
                }
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            }
            "RSET" => {
                to.clear();
                "250 fine\r\n".to_owned()
            }
            "MAIL" | "NOOP" => "250 fine\r\n".to_owned(),
            _ => "502 what?\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line == "." {
            return Some(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(line));
        text.push('\n');
    }
}
