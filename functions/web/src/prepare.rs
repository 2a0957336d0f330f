//! Prepares the files of `assets/` for serving. `build.rs` prepares all of them once; a debug build prepares a file again when it was edited.
//!
//! Of scripts, lines that are only a comment are left empty: most of the types are there, and the browser needs none of it. The code style makes
//! them easy to tell: a comment begins its line, and no text that spans lines looks like one.
//!
//! `first.js` becomes part of the page: what it asks for must not wait for a file. `sw.js` gets the list of the files that it keeps.

use std::fmt::Write;
use std::fs;
use std::io::{Error, Result};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The page; it is served at `/`.
pub(crate) const PAGE: &str = "index.html";
/// The service worker; it is served at `/sw.js`, because a worker sees no calls outside of its own folder.
pub(crate) const WORKER: &str = "sw.js";
const FIRST: &str = "first.js";
/// The line of the worker that the list of files replaces.
const NO_FILES: &str = "const FILES = {};";
/// Endings of what the worker keeps: everything that the page cannot do without.
const KEPT: [&str; 4] = [".html", ".js", ".css", ".svg"];
/// A script that is of use with the service only.
const NOT_KEPT: &str = "transfer.js";
/// Bytes of a SHA-256 that tell two contents of a file apart.
const DIGEST_BYTES: usize = 12;

/// Returns the names of the files to serve, sorted.
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

/// Returns a file as it is served.
pub(crate) fn file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let text = |name: &str| fs::read_to_string(folder.join(name));
    match name {
        PAGE => with_first(&text(PAGE)?, &without_comments(&text(FIRST)?)).map(String::into_bytes),
        WORKER => with_files(&without_comments(&text(WORKER)?), folder).map(String::into_bytes),
        script if Path::new(script).extension().is_some_and(|ending| ending == "js") => Ok(without_comments(&text(script)?).into_bytes()),
        other => fs::read(folder.join(other)),
    }
}

/// The page with the script in it, in the place of the element that names it.
fn with_first(page: &str, first: &str) -> Result<String> {
    let named = format!("<script src=\"/assets/{FIRST}\"></script>");
    let (before, after) = page.split_once(&named).ok_or_else(|| Error::other(format!("{PAGE} does not have {named}")))?;
    let lines: Vec<&str> = first.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(format!("{before}<script>{}</script>{after}", lines.join("\n")))
}

/// The worker with the paths of the files that it keeps, each with the digest of its content. Another release is another text, by which a
/// browser knows that there is one.
fn with_files(worker: &str, folder: &Path) -> Result<String> {
    let mut list = String::from("const FILES = {");
    for name in names(folder)? {
        if name == WORKER || name == NOT_KEPT || !KEPT.iter().any(|ending| name.ends_with(ending)) {
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

/// The script with an empty line for each that is only a comment, so that an error names the line that a person finds it in.
fn without_comments(script: &str) -> String {
    let mut is_inside = false;
    let mut sent = String::with_capacity(script.len());
    for line in script.lines() {
        let text = line.trim();
        let begins = text.starts_with("/**");
        let is_comment = is_inside || text.starts_with("//") || (begins && (text.ends_with("*/") || !text.contains("*/")));
        is_inside = (is_inside || (begins && is_comment)) && !text.ends_with("*/");
        sent.push_str(if is_comment { "" } else { line });
        sent.push('\n');
    }
    sent
}
