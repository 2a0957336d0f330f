//! Writes every stale output: `just manifests`. With the argument `lambda`, prints the functions for AWS Lambda.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    if std::env::args().nth(1).as_deref() == Some("lambda") {
        return manifests::lambda().try_for_each(|name| writeln!(out, "{name}"));
    }
    let (changed, gone) = manifests::stale()?;
    for (path, text) in changed {
        std::fs::write(manifests::root().join(&path), text)?;
        writeln!(out, "wrote {path}")?;
    }
    for path in gone {
        std::fs::remove_file(manifests::root().join(&path))?;
        writeln!(out, "removed {path}")?;
    }
    Ok(())
}
