//! Requests that no client library sends, over raw sockets: line endings, lengths, sizes, and refusals before the body.

use std::time::Duration;

use tests::{App, PATIENCE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends these bytes and reads until the server closes, or is silent for a while.
async fn exchange(app: &App, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    // A caller that is refused early may be disconnected while it sends.
    let _ = stream.write_all(sent).await;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn a_message_with_an_ambiguous_end_is_refused() {
    const END: &str = "Host: localhost\r\nConnection: close\r\n";
    let app = App::start().await;
    for (name, head) in [
        ("a request line that ends with LF", format!("GET /api/tags HTTP/1.1\n{END}\r\n")),
        ("a header that ends with LF", format!("GET /api/tags HTTP/1.1\r\nX-A: b\n{END}\r\n")),
        ("a head that ends with LF", format!("GET /api/tags HTTP/1.1\r\n{END}\n")),
        ("all lines with LF", format!("GET /api/tags HTTP/1.1\r\n{END}\r\n").replace("\r\n", "\n")),
        ("a coding before chunked", format!("POST /api/tasks HTTP/1.1\r\n{END}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
        ("chunked twice", format!("POST /api/tasks HTTP/1.1\r\n{END}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")),
        (
            "chunked on two lines",
            format!("POST /api/tasks HTTP/1.1\r\n{END}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("a coding that is none", format!("POST /api/tasks HTTP/1.1\r\n{END}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
        ("two lengths", format!("POST /api/tasks HTTP/1.1\r\n{END}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}")),
        ("a length with a sign", format!("POST /api/tasks HTTP/1.1\r\n{END}Content-Length: +2\r\n\r\n{{}}")),
        ("a space before the colon", format!("GET /api/tags HTTP/1.1\r\n{END}X-A : b\r\n\r\n")),
        ("a folded header", format!("GET /api/tags HTTP/1.1\r\n{END}X-A: b\r\n c\r\n\r\n")),
    ] {
        let answer = exchange(&app, head.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: the connection ends: {answer}");
    }
    let trailer = format!("POST /api/tasks HTTP/1.1\r\n{END}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    let answer = exchange(&app, format!("{trailer}2\r\n{{}}\r\n0\r\nX-A: b\n\r\n\r\n").as_bytes()).await;
    assert_eq!(status(&answer), 400, "{answer}");
    // Valid messages stay valid: two requests in sequence, bodies with LF, chunks, and empty lines between.
    let task = "{\n\"title\":\n\"LF\"\n,\n\"tags\":[\n]\n}";
    let (first, second) = task.split_at(9);
    let chunked = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n\
         {:x};note=x\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\n\r\n\r\nGET /api/tags HTTP/1.1\r\n{END}\r\n",
        first.len(),
        second.len()
    );
    let answer = exchange(&app, chunked.as_bytes()).await;
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 200").count()), (201, 1), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn a_refusal_comes_before_the_body() {
    const TOKEN: &str = "Authorization: Bearer token-0123456789\r\n";
    const JSON: &str = "Content-Type: application/json\r\n";
    let app = App::with(&[("TASKFLOW_API_TOKEN", "token-0123456789")]).await;
    let head = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n{headers}\r\n\r\n")
    };
    for (line, headers, expected) in [
        ("POST /api/tasks", format!("{JSON}Content-Length: 10"), 401),
        ("POST /api/tasks", format!("{TOKEN}{JSON}Content-Length: 300000"), 413),
        ("POST /api/tasks", format!("{TOKEN}Content-Type: text/plain\r\nContent-Length: 10"), 415),
        ("POST /api/tasks", format!("{TOKEN}{JSON}Content-Encoding: gzip\r\nContent-Length: 10"), 415),
        ("POST /api/tasks", format!("{TOKEN}{JSON}Accept: text/html\r\nContent-Length: 10"), 406),
        ("POST /api/chat", format!("{TOKEN}Content-Type: text/plain\r\nContent-Length: 10"), 415),
        ("POST /api/tasks/1/complete", format!("{TOKEN}{JSON}If-Match: x\r\nContent-Length: 10"), 400),
        ("POST /api/nothing", format!("{TOKEN}{JSON}Content-Length: 10"), 404),
        ("PATCH /api/tasks", format!("{TOKEN}{JSON}Content-Length: 10"), 405),
        ("POST /", format!("{TOKEN}Content-Type: application/cloudevents+json\r\nContent-Length: 300000"), 413),
    ] {
        let answer = exchange(&app, head(line, &headers).as_bytes()).await;
        assert_eq!(status(&answer), expected, "{line} {headers}: the first thing said is the refusal: {answer}");
    }
    // A caller that waits for 100 Continue receives it.
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let body = r#"{"title":"x"}"#;
    stream.write_all(head("POST /api/tasks", &format!("{TOKEN}{JSON}Content-Length: {}", body.len())).as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), 100);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert_eq!(status(&rest), 201, "{rest}");
    app.stop().await;
}

#[tokio::test]
async fn the_headers_of_a_connection_have_a_limit() {
    let app = App::start().await;
    for (size, expected) in [(32 * 1024, 200), (80 * 1024, 431), (300 * 1024, 431)] {
        let head = format!("GET /api/tags HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "x".repeat(size));
        let answer = exchange(&app, head.as_bytes()).await;
        // A caller that still sends when the connection closes may not receive the reason.
        assert!(answer.is_empty() && expected == 431 || status(&answer) == expected, "{size}: {answer}");
    }
    app.stop().await;
}

#[tokio::test]
async fn silent_callers_do_not_block_others() {
    let app = App::start().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        silent.push(stream);
    }
    let answered = tokio::time::timeout(Duration::from_secs(10), app.get("/api/tags")).await.unwrap();
    let _ = answered.is(200);
    drop(silent);
    app.stop().await;
}
