//! HTTPS clients that see what browsers see: the certificate, the protocol, every header.

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A client of one HTTPS port, under any name. It accepts any certificate until it is given a root.
pub(crate) struct Client {
    port: u16,
    roots: Option<RootCertStore>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { port, roots: None }
    }

    /// Trusts certificates of this root only.
    pub(crate) fn trust(&mut self, root: &str) {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        self.roots = Some(roots);
    }

    fn config(&self, version: &'static SupportedProtocolVersion, protocol: &str) -> ClientConfig {
        let builder = ClientConfig::builder_with_protocol_versions(&[version]);
        let mut config = match &self.roots {
            Some(roots) => builder.with_root_certificates(roots.clone()).with_no_client_auth(),
            None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything)).with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config
    }

    async fn connect(
        &self,
        name: &str,
        version: &'static SupportedProtocolVersion,
        protocol: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(self.config(version, protocol))).connect(name, stream).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        Ok(stream)
    }

    /// Returns the serial number of a name's certificate; `None` while there is none.
    pub(crate) async fn serial(&self, name: &str) -> Option<Vec<u8>> {
        let stream = self.connect(name, &rustls::version::TLS13, "http/1.1").await.ok()?;
        Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
    }

    /// Makes a GET.
    pub(crate) async fn get(&self, name: &str, path: &str, version: &'static SupportedProtocolVersion, protocol: &str) -> Response<String> {
        let request = Request::get(path).body(Full::default()).unwrap();
        self.send(name, request, version, protocol).await
    }

    /// Makes a call over HTTP/2.
    pub(crate) async fn call(&self, name: &str, method: &str, path: &str, body: &'static str) -> Response<String> {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.send(name, request.body(Full::from(body)).unwrap(), &rustls::version::TLS13, "h2").await
    }

    /// Sends an event.
    pub(crate) async fn event(&self, name: &str, event: &'static str) -> Response<String> {
        let request = Request::post("/").header("content-type", "application/cloudevents+json");
        self.send(name, request.body(Full::from(event)).unwrap(), &rustls::version::TLS13, "h2").await
    }

    async fn send(
        &self,
        name: &str,
        mut request: Request<Full<bytes::Bytes>>,
        version: &'static SupportedProtocolVersion,
        protocol: &str,
    ) -> Response<String> {
        let stream = self.connect(name, version, protocol).await.unwrap();
        let authority = format!("{name}:{}", self.port);
        let response = if protocol == "h2" {
            *request.uri_mut() = format!("https://{authority}{}", request.uri()).parse().unwrap();
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            request.headers_mut().insert("host", authority.parse().unwrap());
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        text(response).await
    }

    /// Returns the status of a page's WebSocket handshake with this origin.
    pub(crate) async fn websocket(&self, name: &str, origin: &str) -> StatusCode {
        let stream = self.connect(name, &rustls::version::TLS13, "http/1.1").await.unwrap();
        let mut request = format!("wss://{name}:{}/ws/notifications", self.port).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((_, response)) => response.status(),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a connection, makes a call, and keeps the connection open.
    pub(crate) async fn hold(&self, name: &str, protocol: &str) -> Box<dyn std::any::Any + Send> {
        let stream = self.connect(name, &rustls::version::TLS13, protocol).await.unwrap();
        let request = |uri: String| Request::get(uri).header("host", name).body(Full::<bytes::Bytes>::default()).unwrap();
        if protocol == "h2" {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let answer = sender.send_request(request(format!("https://{name}/health/live"))).await.unwrap();
            assert_eq!(text(answer).await.status(), 200);
            return Box::new(sender);
        }
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let answer = sender.send_request(request("/health/live".to_owned())).await.unwrap();
        assert_eq!(text(answer).await.status(), 200);
        Box::new(sender)
    }

    /// Sends this many bytes of a request's headers, without their end.
    pub(crate) async fn begin(&self, name: &str, bytes: usize) -> TlsStream<TcpStream> {
        let mut stream = self.connect(name, &rustls::version::TLS13, "http/1.1").await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: {name}\r\nx-filler: {}", "x".repeat(bytes));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
}

async fn text(response: Response<Incoming>) -> Response<String> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8_lossy(&body).into_owned())
}

/// A client of a plain port.
pub(crate) struct Plain {
    port: u16,
}

impl Plain {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    pub(crate) async fn get(&self, host: &str, path: &str) -> Response<String> {
        self.try_get(host, path).await.unwrap()
    }

    /// `None` while nothing listens there.
    pub(crate) async fn try_get(&self, host: &str, path: &str) -> Option<Response<String>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = Request::get(path).header("host", host).body(Full::<bytes::Bytes>::default()).unwrap();
        Some(text(sender.send_request(request).await.ok()?).await)
    }
}

/// Accepts any certificate, to inspect it.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
