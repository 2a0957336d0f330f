//! Embeds every file of `assets/` in the program, plain and compressed, so that serving one only copies bytes.
//!
//! Writes `assets.rs` to `OUT_DIR`: an array of `(name, plain, brotli, gzip)`. The latter two are empty for files that compression does not shrink.

#[path = "src/prepare.rs"]
mod prepare;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=src/prepare.rs");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let out = env::var("OUT_DIR")?;
    let mut table = String::from("[\n");
    for name in prepare::names(&folder)? {
        let plain = prepare::file(&folder, &name)?;
        // A form that is not smaller is not worth unpacking.
        let smaller = |bytes: Vec<u8>| if bytes.len() < plain.len() { bytes } else { Vec::new() };
        let (brotli, gzip) = (smaller(brotli(&plain)?), smaller(gzip(&plain)?));
        write!(table, "    ({name:?}")?;
        for (ending, bytes) in [("", &plain), (".br", &brotli), (".gz", &gzip)] {
            let sent = format!("{name}{ending}");
            fs::write(Path::new(&out).join(&sent), bytes)?;
            // Beside the table, so that a moved build folder stays complete.
            write!(table, ", include_bytes!({sent:?}).as_slice()")?;
        }
        table.push_str("),\n");
    }
    table.push_str("]\n");
    fs::write(Path::new(&out).join("assets.rs"), table)?;
    Ok(())
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
