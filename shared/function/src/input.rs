//! Converts callers' input (path, query, body) to the types of commands and queries, with exact errors.

use std::borrow::Cow;

use domain::Invalid;
use domain::routes::{IDS, LISTS};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store::Subject;

use crate::body::collect;
use crate::{Body, Error, Request};

/// Type of a merge patch (RFC 7396), which `PATCH` accepts beside plain JSON.
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// Names and values of a path's braces.
pub(crate) type Params = Vec<(&'static str, String)>;

/// Refuses a body of another type before it is sent, if the caller waits for that (`Expect: 100-continue`).
///
/// # Errors
/// [`Error::UnsupportedMediaType`].
pub fn expects_json(method: &Method, headers: &HeaderMap, body: &Body) -> Result<(), Error> {
    let waits = headers.contains_key(header::EXPECT) && body.size_hint().exact() != Some(0);
    if waits { is_json_for(method, headers) } else { Ok(()) }
}

/// Refuses a body with a content coding (RFC 9110, section 15.5.16).
pub(crate) fn is_plain(headers: &HeaderMap) -> Result<(), Error> {
    let is_identity = |coding: &http::HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_identity) { Ok(()) } else { Err(Error::UnsupportedCoding) }
}

/// Returns the fields of a command: those of the JSON body and those of the path.
pub(crate) fn object(method: &Method, headers: &HeaderMap, params: &Params, body: &[u8]) -> Result<Value, Error> {
    let mut fields = if body.is_empty() { Map::new() } else { body_object(method, headers, body)? };
    for (name, value) in params {
        if fields.contains_key(*name) {
            return Err(Invalid::field(format!("/{name}"), "is part of the path; leave it out of the body").into());
        }
        fields.insert((*name).to_owned(), path_value(name, value)?);
    }
    Ok(Value::Object(fields))
}

/// Adds the fields of the query string to those of the body; a list may have values in both.
pub(crate) fn add_query(fields: &mut Value, uri: &http::Uri) -> Result<(), Error> {
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let values = value.split(',').map(Value::from);
        match &mut fields[&*name] {
            own @ Value::Null if LISTS.contains(&&*name) => *own = values.collect(),
            own @ Value::Null => *own = value.as_ref().into(),
            Value::Array(list) if LISTS.contains(&&*name) => list.extend(values),
            _ => return Err(Invalid::field(format!("/{}", escape(&name)), "is repeated; send it once").into()),
        }
    }
    Ok(())
}

fn is_json_for(method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    const EXPECTED: &str = "application/json";
    const PATCHES: &str = "application/merge-patch+json or application/json";
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match &*media_type(content_type) {
        EXPECTED => Ok(()),
        MERGE_PATCH if *method == Method::PATCH => Ok(()),
        _ => Err(Error::UnsupportedMediaType(if *method == Method::PATCH { PATCHES } else { EXPECTED })),
    }
}

fn body_object(method: &Method, headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Error> {
    is_json_for(method, headers)?;
    match json(body)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Invalid::field("", "not a JSON object").into()),
    }
}

/// Parses a body as JSON.
pub(crate) fn json(body: &[u8]) -> Result<Value, Error> {
    let place =
        |error: serde_json::Error| format!("the body is not JSON; the first error is at line {}, column {}", error.line(), error.column());
    serde_json::from_slice(body).map_err(|error| Error::Malformed(place(error)))
}

/// Returns type and subtype of a content type, in lower case.
pub(crate) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a path value: an integer if its name is one of [`IDS`], else text.
fn path_value(name: &str, value: &str) -> Result<Value, Error> {
    if !IDS.contains(&name) {
        return Ok(value.into());
    }
    value.parse::<i64>().map(Value::from).map_err(|_| Error::Malformed(format!("{name} in the path is not an integer")))
}

/// Returns the resource that a command changes; `None` if it creates one.
pub(crate) fn subject(fields: &Value) -> Option<Subject> {
    IDS.iter().find_map(|name| Some((*name, fields.get(name)?.as_i64()?)))
}

/// Reads a value of a type from JSON; `base` is its position in the input.
pub(crate) fn read<T: DeserializeOwned>(value: Value, base: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(with_integers(value))
        .map_err(|error| field_error(base, error.path(), &error.inner().to_string()).into())
}

/// Converts 5.0 to 5: to JSON Schema, and to callers whose language has one number type, they are the same integer.
fn with_integers(value: Value) -> Value {
    /// 2^53: up to here, every integer has its own floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number in range")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => Value::from(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(with_integers).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_integers(value))).collect(),
        value => value,
    }
}

/// Reads a value of a type from the query string and the path.
pub(crate) fn query<T: DeserializeOwned>(query: Option<&str>, params: &Params) -> Result<T, Error> {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for (name, value) in params {
        path_value(name, value)?;
        pairs.push(((*name).into(), value.into()));
    }
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        // A repeated list parameter adds values.
        match pairs.iter_mut().find(|(own, _)| *own == name && LISTS.contains(&&*name)) {
            Some((_, list)) => list.to_mut().extend([",", &value]),
            None => pairs.push((name, value)),
        }
    }
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| field_error("", error.path(), &error.inner().to_string()).into())
}

/// Reads a value of a type from the query string, for a raw handler.
///
/// # Errors
/// [`Error::Invalid`].
pub fn parameters<T: DeserializeOwned>(uri: &http::Uri) -> Result<T, Error> {
    query(uri.query(), &Params::new())
}

fn field_error(base: &str, path: &serde_path_to_error::Path, message: &str) -> Invalid {
    let mut pointer = base.to_owned();
    for segment in path {
        match segment {
            serde_path_to_error::Segment::Seq { index } => pointer.extend(["/", &index.to_string()]),
            serde_path_to_error::Segment::Map { key } => pointer.extend(["/", &escape(key)]),
            _ => {}
        }
    }
    // serde names an unknown, missing or repeated field in its message only.
    if let Some(name) = ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|prefix| quoted(message, prefix)) {
        let name = format!("/{}", escape(name));
        if !pointer.ends_with(&name) {
            pointer.push_str(&name);
        }
    }
    Invalid::field(pointer, message)
}

fn quoted<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.split('`').next()
}

/// Escapes a key for a JSON Pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Refuses a query string if a call takes none, because a misplaced field must not be ignored.
///
/// # Errors
/// [`Error::Invalid`], which names the first parameter.
pub fn no_query(uri: &http::Uri) -> Result<(), Error> {
    match uri.query().and_then(|query| form_urlencoded::parse(query.as_bytes()).next().map(|(name, _)| name.into_owned())) {
        None => Ok(()),
        Some(name) => Err(Invalid::field(format!("/{name}"), "unknown query parameter").into()),
    }
}

/// Reads a JSON body as a type, for a raw handler; returns the rest of the request too.
///
/// # Errors The request has a query string, or its body is not JSON of this type.
pub async fn question<T: DeserializeOwned>(request: Request) -> Result<(Parts, T), Error> {
    let (parts, body) = request.into_parts();
    no_query(&parts.uri)?;
    expects_json(&parts.method, &parts.headers, &body)?;
    let fields = object(&parts.method, &parts.headers, &Params::new(), &collect(body).await?)?;
    Ok((parts, read(fields, "")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::command::{CreateTask, UpdateTask};
    use domain::query::{ListTasks, SearchTasks};
    use serde_json::json;

    fn pointers<T: DeserializeOwned>(value: Value) -> Vec<String> {
        match read::<T>(value, "") {
            Err(Error::Invalid(invalid)) => invalid.errors().iter().map(|error| error.pointer.clone()).collect(),
            Err(error) => vec![error.to_string()],
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn the_field_is_named() {
        assert_eq!(pointers::<CreateTask>(json!({"title": "a", "colour": "red"})), ["/colour"]);
        assert_eq!(pointers::<CreateTask>(json!({})), ["/title"]);
        assert_eq!(pointers::<CreateTask>(json!({"title": 7})), ["/title"]);
        assert_eq!(pointers::<CreateTask>(json!({"title": "a", "tags": ["x", 1]})), ["/tags/1"]);
        assert_eq!(pointers::<CreateTask>(json!({"title": "a", "due_date": "tomorrow"})), ["/due_date"]);
        assert_eq!(pointers::<CreateTask>(json!({"title": "a", "time_zone": "Mars/Base"})), ["/time_zone"]);
        assert_eq!(pointers::<CreateTask>(json!({"title": "a", "a/b~c": 1})), ["/a~1b~0c"]);
        assert_eq!(pointers::<UpdateTask>(json!({"task_id": 1, "title": null})), ["/title"]);
        assert!(pointers::<UpdateTask>(json!({"task_id": 1.0, "due_date": null})).is_empty());
        assert_eq!(pointers::<UpdateTask>(json!({"task_id": 1.5})), ["/task_id"]);
        assert_eq!(pointers::<SearchTasks>(json!({"filters": []})), ["/filters"]);
        assert_eq!(pointers::<SearchTasks>(json!({"filters": {"tags": [1]}})), ["/filters/tags/0"]);
    }

    #[test]
    fn the_query_value_is_named() {
        let pointer = |text| match query::<ListTasks>(Some(text), &Vec::new()) {
            Err(Error::Invalid(invalid)) => invalid.errors()[0].pointer.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(pointer("limit=many"), "/limit");
        assert_eq!(pointer("limit=-1"), "/limit");
        assert_eq!(pointer("colour=red"), "/colour");
        assert_eq!(pointer("status=done"), "/status");
        assert_eq!(pointer("due_before=2026-01-01T00:00:00%20"), "/due_before");
        assert!(query::<ListTasks>(Some("tags=a,b&limit=5&due_before=2026-01-01T00:00:00%2B01:00"), &Vec::new()).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in ".{0,80}") {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            if let Ok(value) = object(&Method::POST, &headers, &Vec::new(), &body) {
                let _ = read::<CreateTask>(value, "");
            }
            let _ = query::<ListTasks>(Some(&text), &Vec::new());
            let _ = crate::cloud_event::read(&headers, &body);
            let _ = crate::cloud_event::read(&headers, text.as_bytes());
            let _ = crate::cloud_event::read_record(&headers, &body);
            let _ = crate::cloud_event::read_record(&headers, text.as_bytes());
        }
    }
}
