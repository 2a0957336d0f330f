//! Puts the files of `assets/` into the program, as they are and compressed, so that serving one is copying bytes.
//!
//! A browser takes longer to ask for many small files than to read them, so what a first visit needs at once comes together: `first.js`
//! becomes part of the page, and the modules that `app.js` imports become one, `core.js`, which the others import instead. It is made of
//! whole files, one after the other, so no two of them may have a name of the same spelling at their top.
//!
//! Of scripts, lines that are only a comment are left empty: most of the types are there, and the browser needs none of it. The code style makes
//! them easy to tell: a comment begins its line, and no text that spans lines looks like one.
//!
//! Writes `assets.rs` to `OUT_DIR`: an array of `(name, plain, brotli, gzip)`, where the latter two are empty for what does not get smaller.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const PAGE: &str = "index.html";
const FIRST: &str = "first.js";
const APP: &str = "app.js";
const CORE: &str = "core.js";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let out = env::var("OUT_DIR")?;
    let mut table = String::from("[\n");
    for (name, plain) in sent(&folder)? {
        let file = Path::new(&out).join(&name);
        fs::write(&file, &plain)?;
        write!(table, "    ({name:?}, {}", bytes_of(&file)?)?;
        for (ending, bytes) in [("br", brotli(&plain)?), ("gz", gzip(&plain)?)] {
            let compressed = Path::new(&out).join(format!("{name}.{ending}"));
            // One that is not smaller is not worth unpacking.
            fs::write(&compressed, if bytes.len() < plain.len() { bytes } else { Vec::new() })?;
            write!(table, ", {}", bytes_of(&compressed)?)?;
        }
        table.push_str("),\n");
    }
    table.push_str("]\n");
    fs::write(Path::new(&out).join("assets.rs"), table)?;
    Ok(())
}

/// The files as they are sent, by their names.
fn sent(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    let mut scripts = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?;
        if name.ends_with(".js") {
            scripts.insert(name.clone(), without_comments(&fs::read_to_string(folder.join(&name))?));
        } else {
            files.insert(name.clone(), fs::read(folder.join(&name))?);
        }
    }
    let first = scripts.remove(FIRST).ok_or("first.js is missing")?;
    let page = String::from_utf8(files.remove(PAGE).ok_or("index.html is missing")?)?;
    files.insert(PAGE.to_owned(), with_first(&page, &first)?.into_bytes());
    let mut core = Vec::new();
    for name in imports(scripts.get(APP).ok_or("app.js is missing")?) {
        add_with_imports(&name, &scripts, &mut core)?;
    }
    let mut together = String::new();
    for name in &core {
        writeln!(together, "// ---- {name}")?;
        for line in scripts.remove(name).unwrap_or_default().lines() {
            writeln!(together, "{}", if imported(line).is_some() { "" } else { line })?;
        }
    }
    files.insert(CORE.to_owned(), together.into_bytes());
    for (name, script) in scripts {
        let script =
            core.iter().fold(script, |script, module| script.replace(&format!(" from './{module}';"), &format!(" from './{CORE}';")));
        files.insert(name, script.into_bytes());
    }
    Ok(files)
}

/// Adds a module after all that it imports, as a browser runs them.
fn add_with_imports(name: &str, scripts: &BTreeMap<String, String>, to: &mut Vec<String>) -> Result<(), String> {
    if to.iter().any(|added| added == name) {
        return Ok(());
    }
    for needed in imports(scripts.get(name).ok_or_else(|| format!("{name} is imported and missing"))?) {
        add_with_imports(&needed, scripts, to)?;
    }
    to.push(name.to_owned());
    Ok(())
}

/// The modules that a script imports at once.
fn imports(script: &str) -> Vec<String> {
    script.lines().filter_map(imported).map(str::to_owned).collect()
}

/// The module that a line imports.
fn imported(line: &str) -> Option<&str> {
    line.strip_prefix("import {")?.strip_suffix("';")?.split_once(" from './").map(|(_, module)| module)
}

/// The page with the script in it, in the place of the element that names it.
fn with_first(page: &str, first: &str) -> Result<String, String> {
    let named = format!("<script src=\"/assets/{FIRST}\"></script>");
    let (before, after) = page.split_once(&named).ok_or_else(|| format!("{PAGE} does not have {named}"))?;
    let lines: Vec<&str> = first.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ok(format!("{before}<script>{}</script>{after}", lines.join("\n")))
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

/// The expression that puts a file into the program.
fn bytes_of(file: &Path) -> Result<String, String> {
    let path = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
    Ok(format!("include_bytes!({path:?}).as_slice()"))
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &brotli::enc::BrotliEncoderParams::default())?;
    Ok(compressed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
