//! Puts every file of `assets/` into the program, as it is and compressed, so that serving one is copying bytes.
//!
//! Writes `assets.rs` to `OUT_DIR`: an array of `(name, plain, brotli, gzip)`, where the latter two are empty for what does not get smaller.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let out = env::var("OUT_DIR")?;
    let mut names = fs::read_dir(&folder)?.map(|entry| Ok(entry?.file_name().into_string())).collect::<Result<Vec<_>, std::io::Error>>()?;
    names.sort();
    let mut table = String::from("[\n");
    for name in names {
        let name = name.map_err(|name| format!("{} is not UTF-8", name.display()))?;
        let file = folder.join(&name);
        let plain = fs::read(&file)?;
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
