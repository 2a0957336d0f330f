//! Puts every file of `assets/` into the program, as it is and compressed, so that serving one is copying bytes.
//!
//! Of scripts, lines that are only a comment are left empty: most of the types are there, and the browser needs none of it. The code style makes
//! them easy to tell: a comment begins its line, and no text that spans lines looks like one.
//!
//! `first.js` becomes part of the page: what it asks for must not wait for a file.
//!
//! Writes `assets.rs` to `OUT_DIR`: an array of `(name, plain, brotli, gzip)`, where the latter two are empty for what does not get smaller.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const PAGE: &str = "index.html";
const FIRST: &str = "first.js";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let out = env::var("OUT_DIR")?;
    let mut names = fs::read_dir(&folder)?.map(|entry| Ok(entry?.file_name().into_string())).collect::<Result<Vec<_>, std::io::Error>>()?;
    names.sort();
    let first = without_comments(&fs::read_to_string(folder.join(FIRST))?);
    let mut table = String::from("[\n");
    for name in names {
        let name = name.map_err(|name| format!("{} is not UTF-8", name.display()))?;
        if name == FIRST {
            continue;
        }
        let file = folder.join(&name);
        let text = || fs::read_to_string(&file);
        let changed = if name == PAGE {
            Some(with_first(&text()?, &first)?)
        } else if file.extension().is_some_and(|ending| ending == "js") {
            Some(without_comments(&text()?))
        } else {
            None
        };
        let plain = changed.map_or_else(|| fs::read(&file), |text| Ok(text.into_bytes()))?;
        // One that is not smaller is not worth unpacking.
        let smaller = |bytes: Vec<u8>| if bytes.len() < plain.len() { bytes } else { Vec::new() };
        let (brotli, gzip) = (smaller(brotli(&plain)?), smaller(gzip(&plain)?));
        write!(table, "    ({name:?}")?;
        for (ending, bytes) in [("", &plain), (".br", &brotli), (".gz", &gzip)] {
            let sent = format!("{name}{ending}");
            fs::write(Path::new(&out).join(&sent), bytes)?;
            // Beside the table: a build folder that was moved is still whole.
            write!(table, ", include_bytes!({sent:?}).as_slice()")?;
        }
        table.push_str("),\n");
    }
    table.push_str("]\n");
    fs::write(Path::new(&out).join("assets.rs"), table)?;
    Ok(())
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
