//! Prints one of the documents as YAML: `cargo run -p contract --example contract -- openapi|asyncapi`.

use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = match std::env::args().nth(1).as_deref() {
        Some("openapi") => contract::openapi(),
        Some("asyncapi") => contract::asyncapi(),
        _ => return Err("which one: openapi or asyncapi?".into()),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "# Made by `just contract` from the types and the table of routes in shared/domain; not to be edited.")?;
    out.write_all(serde_yaml_ng::to_string(&document)?.as_bytes())?;
    Ok(())
}
