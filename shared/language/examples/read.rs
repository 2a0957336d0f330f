//! Prints how sentences are read: each line of the standard input, seen from the time and zone that the arguments name.
//!
//! `cargo run -p language --example read -- 2026-11-25T14:00:00Z Europe/Berlin < sentences.txt`

use std::io::{BufRead as _, Write as _};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let now = arguments.next().ok_or("the time is missing")?.parse()?;
    let zone = arguments.next().ok_or("the zone is missing")?.parse()?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let reading = language::read(&line, &language::Scene::new(now, &zone));
        writeln!(out, "{line}\n  {:?}", reading.intent)?;
        for part in &reading.parts {
            writeln!(out, "  [{}] {} = {}", &line[part.range.clone()], part.kind.name(), part.meaning)?;
        }
        for note in &reading.notes {
            writeln!(out, "  {}: {}", note.kind.name(), note.text)?;
        }
    }
    Ok(())
}
