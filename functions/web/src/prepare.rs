//! Prepares the files of `assets/` for serving. `build.rs` prepares all of them once; a debug build prepares a file again after an edit.
//!
//! The page, scripts and the style sheet are served without indentation, without comment lines and without types inside lines, because the browser
//! does not need them. The code style makes this safe: a comment begins its line, `/** @` begins a type, and no text spans lines.
//!
//! `first.js` becomes part of the page, because its requests must not wait for a file. `sw.js` gets the list of the files that it caches.

use std::fmt::Write;
use std::fs;
use std::io::{Error, Result};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The page, served at `/`.
pub(crate) const PAGE: &str = "index.html";
/// The service worker, served at `/sw.js`, because a worker controls only paths within its own folder.
pub(crate) const WORKER: &str = "sw.js";
const FIRST: &str = "first.js";
/// The line of the worker that the list of files replaces.
const NO_FILES: &str = "const FILES = {};";
/// Endings of the files that the worker caches: everything that the page needs.
const KEPT: [&str; 4] = [".html", ".js", ".css", ".svg"];
/// Scripts that work only with the service, so the worker does not cache them.
const NOT_KEPT: [&str; 2] = ["calendars.js", "transfer.js"];
/// Bytes of the SHA-256 that distinguishes two contents of a file.
const DIGEST_BYTES: usize = 12;

/// Returns the sorted names of the files to serve.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string();
        names.push(name.map_err(|name| Error::other(format!("{} is not UTF-8", name.display())))?);
    }
    names.retain(|name| name != FIRST);
    names.sort();
    Ok(names)
}

/// Returns the served form of a file.
pub(crate) fn file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let text = |name: &str| fs::read_to_string(folder.join(name));
    match name {
        PAGE => with_first(&dense(&text(PAGE)?), &dense(&bare(&text(FIRST)?))).map(String::into_bytes),
        WORKER => with_files(&bare(&text(WORKER)?), folder).map(String::into_bytes),
        code if Path::new(code).extension().is_some_and(|ending| ending == "js" || ending == "css") => Ok(bare(&text(code)?).into_bytes()),
        other => fs::read(folder.join(other)),
    }
}

/// Returns the page with the script inline, instead of the element that loads it.
fn with_first(page: &str, first: &str) -> Result<String> {
    let named = format!("<script src=\"/assets/{FIRST}\"></script>");
    let (before, after) = page.split_once(&named).ok_or_else(|| Error::other(format!("{PAGE} does not have {named}")))?;
    Ok(format!("{before}<script>{first}</script>{after}"))
}

/// Returns the text without indentation and empty lines.
fn dense(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Returns the worker with the paths of the cached files, each with its digest. Each release has another text, by which a browser recognises a new
/// one.
fn with_files(worker: &str, folder: &Path) -> Result<String> {
    let mut list = String::from("const FILES = {");
    for name in names(folder)? {
        if name == WORKER || NOT_KEPT.contains(&name.as_str()) || !KEPT.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let digest = Sha256::digest(file(folder, &name)?);
        let digest = BASE64_STANDARD.encode(digest.iter().copied().take(DIGEST_BYTES).collect::<Vec<_>>());
        let path = if name == PAGE { "/".to_owned() } else { format!("/assets/{name}") };
        // Writing to a string does not fail.
        let _ = write!(list, "\"{path}\":\"{digest}\",");
    }
    list.push_str("};");
    let (before, after) = worker.split_once(NO_FILES).ok_or_else(|| Error::other(format!("{WORKER} does not have {NO_FILES}")))?;
    Ok(format!("{before}{list}{after}"))
}

/// Returns the code without indentation, comments and types. Each line stays a line, so that errors keep their line numbers.
fn bare(code: &str) -> String {
    let mut is_inside = false;
    let mut sent = String::with_capacity(code.len());
    for line in code.lines() {
        let text = line.trim();
        let begins = text.starts_with("/*");
        let is_comment = is_inside || text.starts_with("//") || (begins && (text.ends_with("*/") || !text.contains("*/")));
        is_inside = (is_inside || (begins && is_comment)) && !text.ends_with("*/");
        if !is_comment {
            push_without_types(&mut sent, text);
        }
        sent.push('\n');
    }
    sent
}

/// Appends a line without its `/** @type … */`.
fn push_without_types(sent: &mut String, mut line: &str) {
    while let Some((before, rest)) = line.split_once("/** @") {
        let Some((_, after)) = rest.split_once("*/") else { break };
        sent.push_str(before);
        line = after.trim_start();
    }
    sent.push_str(line);
}
