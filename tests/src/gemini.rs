//! A stand-in for the Gemini API: it speaks the wire format that Google documents, answers as a test requires, and refuses what the real API refuses.
//!
//! It refuses a wrong key, an unknown field, a content without parts or with an unknown role, a part with two kinds of data, calls whose results do
//! not follow immediately with the same number, names and ids, and a missing or altered thought signature.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::serve;

/// The accepted key.
pub const KEY: &str = "AIza-test-key-0123456789";
/// The existing model.
const MODEL: &str = "gemini-flash-latest";

type Body = UnsyncBoxBody<Bytes, std::io::Error>;
type Answering = dyn Fn(&Value) -> Said + Send + Sync;

/// The answer to one request.
#[derive(Clone, Debug)]
pub enum Said {
    /// These parts, and the finish reason. Signatures are added, as newer models do.
    Parts(Vec<Value>, &'static str),
    /// The message is blocked for this reason.
    Blocked(&'static str),
    /// An error with this status, its name, these headers and these details.
    Error(u16, &'static str, Vec<(&'static str, &'static str)>, Value),
    /// This text instead of JSON, with status 200.
    Text(&'static str),
    /// The first of these parts, after which the connection is cut.
    Cut(Vec<Value>),
    /// Nothing until it is released; then the next answer.
    Held,
}

impl Said {
    /// Creates an answer with text only.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Parts(vec![json!({ "text": text })], "STOP")
    }

    /// Creates function calls with names and arguments.
    #[must_use]
    pub fn calls(calls: &[(&str, Value)]) -> Self {
        let part = |(name, args): &(&str, Value)| json!({ "functionCall": { "name": name, "args": args } });
        Self::Parts(calls.iter().map(part).collect(), "STOP")
    }

    /// Creates an error in the API's wording.
    #[must_use]
    pub fn error(status: u16, name: &'static str) -> Self {
        Self::Error(status, name, Vec::new(), json!([]))
    }
}

struct State {
    script: VecDeque<Said>,
    answering: Option<Arc<Answering>>,
    requests: Vec<Value>,
    urls: Vec<String>,
    refusals: Vec<String>,
    /// Signed parts by their signature.
    signed: HashMap<String, Value>,
    count: usize,
    released: Arc<Semaphore>,
}

impl State {
    fn new(script: VecDeque<Said>) -> Self {
        Self {
            script,
            answering: None,
            requests: Vec::new(),
            urls: Vec::new(),
            refusals: Vec::new(),
            signed: HashMap::new(),
            count: 0,
            released: Arc::new(Semaphore::new(0)),
        }
    }
}

/// The running stand-in.
pub struct Gemini {
    /// Its URL, for `GEMINI_BASE_URL`.
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Gemini {
    /// Starts a stand-in with these answers, one per request.
    pub async fn start(script: impl IntoIterator<Item = Said>) -> Self {
        let state = Arc::new(Mutex::new(State::new(script.into_iter().collect())));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = state.clone();
        serve(listener, move |request| answer(shared.clone(), request));
        Self { url, state }
    }

    /// Starts a stand-in that computes its answer from the request.
    pub async fn answering(answer: impl Fn(&Value) -> Said + Send + Sync + 'static) -> Self {
        let gemini = Self::start([]).await;
        gemini.state().answering = Some(Arc::new(answer));
        gemini
    }

    /// Adds further answers.
    pub fn then(&self, script: impl IntoIterator<Item = Said>) {
        self.state().script.extend(script);
    }

    /// Releases held answers.
    pub fn release(&self) {
        self.state().released.add_permits(1);
    }

    /// Returns the settings of a Taskflow that calls it.
    #[must_use]
    pub fn settings(&self) -> [(&str, &str); 2] {
        [("GEMINI_API_KEY", KEY), ("GEMINI_BASE_URL", &self.url)]
    }

    /// Returns the bodies of all requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.state().requests.clone()
    }

    /// Returns the URLs of all requests so far.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.state().urls.clone()
    }

    /// Returns the refusals so far.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.state().refusals.clone()
    }

    /// Returns the function responses in the last content of the last request.
    #[must_use]
    pub fn results(&self) -> Vec<Value> {
        let requests = self.requests();
        let parts = requests.last().and_then(|body| body["contents"].as_array()?.last()?["parts"].as_array()).unwrap();
        parts.iter().map(|part| part["functionResponse"].clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let url = parts.uri.to_string();
    let is_stream = url == format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse");
    let is_known = is_stream || url == format!("/v1beta/models/{MODEL}:generateContent");
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(refused) = refused(&state, &parts, &body, url, is_known) {
        return Ok(refused);
    }
    loop {
        if let Some(response) = said(&state, &body, is_stream) {
            return Ok(response);
        }
        let released = lock(&state).released.clone();
        if let Ok(permit) = released.acquire().await {
            permit.forget();
        }
    }
}

/// Returns the refusals that need no script.
fn refused(state: &Mutex<State>, parts: &http::request::Parts, body: &Value, url: String, is_known: bool) -> Option<Response<Body>> {
    let mut state = lock(state);
    state.urls.push(url);
    if parts.method != Method::POST || !is_known {
        return Some(failure(404, "NOT_FOUND", "models/x is not found for API version v1beta", &[], &json!([])));
    }
    if parts.headers.get("x-goog-api-key").is_none_or(|key| key != KEY) {
        let info =
            json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com" }]);
        return Some(failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", &[], &info));
    }
    state.requests.push(body.clone());
    let why = check(&state, body).err()?;
    state.refusals.push(why.clone());
    Some(failure(400, "INVALID_ARGUMENT", &why, &[], &json!([])))
}

/// Returns the answer to a request; `None` until it is released.
fn said(state: &Mutex<State>, body: &Value, is_stream: bool) -> Option<Response<Body>> {
    let mut state = lock(state);
    let said = match (state.script.pop_front(), state.answering.clone()) {
        (Some(said), _) => said,
        (None, Some(answering)) => answering(body),
        (None, None) => panic!("nobody said what to answer to {body}"),
    };
    Some(match said {
        Said::Parts(parts, finish) => {
            let parts = signed(&mut state, parts);
            if is_stream { streamed(&chunks(&parts, Some(finish)), false) } else { json_body(200, &[], &whole(&parts, finish)) }
        }
        Said::Cut(parts) => {
            let parts = signed(&mut state, parts);
            streamed(&chunks(&parts, None), true)
        }
        Said::Blocked(reason) => {
            let body = json!({ "promptFeedback": { "blockReason": reason, "safetyRatings": [] }, "usageMetadata": usage(), "modelVersion": MODEL, "responseId": "b" });
            if is_stream { streamed(&[body], false) } else { json_body(200, &[], &body) }
        }
        Said::Error(status, name, headers, details) => failure(status, name, "It cannot be done right now.", &headers, &details),
        Said::Text(text) => Response::new(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()),
        Said::Held => return None,
    })
}

/// Checks a request as the API does.
fn check(state: &State, body: &Value) -> Result<(), String> {
    let fields = body.as_object().ok_or("Invalid JSON payload received.")?;
    for name in fields.keys() {
        if !["contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent"]
            .contains(&name.as_str())
        {
            return Err(format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."));
        }
    }
    for declaration in body["tools"][0]["functionDeclarations"].as_array().into_iter().flatten() {
        let name = declaration["name"].as_str().unwrap_or_default();
        let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_') && name.len() <= 64;
        if !is_name
            || declaration["description"].as_str().is_none_or(str::is_empty)
            || declaration["parametersJsonSchema"]["type"] != "object"
        {
            return Err(format!("GenerateContentRequest.tools[0].function_declarations: {name} is invalid"));
        }
    }
    let contents = body["contents"]
        .as_array()
        .filter(|contents| !contents.is_empty())
        .ok_or("GenerateContentRequest.contents: contents is not specified")?;
    let mut open: Vec<&Value> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let parts = content["parts"]
            .as_array()
            .filter(|parts| !parts.is_empty())
            .ok_or(format!("contents[{at}].parts: contents.parts must not be empty."))?;
        let is_model = match content["role"].as_str() {
            Some("user") => false,
            Some("model") => true,
            _ => return Err("Please use a valid role: user, model.".to_owned()),
        };
        for part in parts {
            let kinds = ["text", "functionCall", "functionResponse"].iter().filter(|kind| part.get(**kind).is_some()).count();
            if kinds != 1 {
                return Err(format!("contents[{at}].parts: required oneof field 'data' must have one initialized field"));
            }
        }
        let results: Vec<&Value> = parts.iter().filter_map(|part| part.get("functionResponse")).collect();
        if results.len() != open.len() {
            return Err("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.".to_owned());
        }
        for (call, result) in open.iter().zip(&results) {
            let is_object = result["response"].is_object();
            if call["name"] != result["name"] || call.get("id") != result.get("id") || !is_object {
                return Err(format!("Please ensure that function response parts match their function call parts: {call} {result}"));
            }
        }
        open = if is_model { parts.iter().filter_map(|part| part.get("functionCall")).collect() } else { Vec::new() };
        if is_model {
            check_signatures(state, parts)?;
        }
    }
    if contents.last().is_some_and(|content| content["role"] == "model") {
        return Err("Please ensure that the last turn is a user turn.".to_owned());
    }
    Ok(())
}

fn check_signatures(state: &State, parts: &[Value]) -> Result<(), String> {
    for part in parts {
        if let Some(signature) = part.get("thoughtSignature") {
            let given = signature.as_str().and_then(|signature| state.signed.get(signature));
            if given != Some(part) {
                return Err("Corrupted thought signature.".to_owned());
            }
        }
    }
    // The first of parallel calls has the signature.
    if let Some(first) = parts.iter().find(|part| part.get("functionCall").is_some())
        && first.get("thoughtSignature").is_none()
    {
        let name = &first["functionCall"]["name"];
        return Err(format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. Function call {name}."
        ));
    }
    Ok(())
}

/// Returns the parts as a newer model writes them: with ids of calls, a preceding thought, and signatures.
fn signed(state: &mut State, parts: Vec<Value>) -> Vec<Value> {
    state.count += 1;
    let mut parts: Vec<Value> = parts;
    for (at, part) in parts.iter_mut().enumerate() {
        if let Some(call) = part.get_mut("functionCall") {
            call["id"] = format!("call-{}-{at}", state.count).into();
        }
    }
    let first_call = parts.iter().position(|part| part.get("functionCall").is_some());
    let signature = format!("c2ln/+{}==", state.count);
    let at = first_call.unwrap_or(parts.len());
    if at == parts.len() {
        // In a stream, a signature can be in a part without text.
        parts.push(json!({ "text": "" }));
    }
    parts[at]["thoughtSignature"] = signature.as_str().into();
    state.signed.insert(signature, parts[at].clone());
    parts
}

fn usage() -> Value {
    json!({ "promptTokenCount": 900, "candidatesTokenCount": 20, "totalTokenCount": 950, "thoughtsTokenCount": 30,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 900 }] })
}

fn whole(parts: &[Value], finish: &str) -> Value {
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": finish, "index": 0 }],
        "usageMetadata": usage(), "modelVersion": MODEL, "responseId": "r1",
    })
}

/// Returns one chunk per part; the last has the finish reason.
fn chunks(parts: &[Value], finish: Option<&str>) -> Vec<Value> {
    let last = parts.len().saturating_sub(1);
    let chunk = |(at, part): (usize, &Value)| {
        let mut chunk = whole(std::slice::from_ref(part), "");
        let candidate = chunk["candidates"][0].as_object_mut().unwrap();
        candidate.remove("finishReason");
        if let Some(finish) = finish.filter(|_| at == last) {
            candidate.insert("finishReason".to_owned(), finish.into());
        }
        chunk
    };
    parts.iter().enumerate().map(chunk).collect()
}

/// Returns server-sent events in the API's framing, in pieces that end anywhere.
fn streamed(chunks: &[Value], is_cut: bool) -> Response<Body> {
    let text = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect::<Vec<_>>().concat();
    let mut pieces: Vec<Result<Frame<Bytes>, std::io::Error>> =
        text.as_bytes().chunks(97).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    if is_cut {
        pieces.push(Err(std::io::Error::other("cut")));
    }
    // Each piece is sent separately.
    let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async move {
        let piece = pieces.next()?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        Some((piece, pieces))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
    response
}

fn failure(status: u16, name: &str, message: &str, headers: &[(&'static str, &'static str)], details: &Value) -> Response<Body> {
    json_body(status, headers, &json!({ "error": { "code": status, "message": message, "status": name, "details": details } }))
}

fn json_body(status: u16, headers: &[(&'static str, &'static str)], body: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(format!("{body:#}"))).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert("content-type", "application/json; charset=UTF-8".parse().unwrap());
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}
