//! Checks the documents: their links, the files and recipes that they name, the settings, the version, and the length of the README.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use function::settings::Settings;

use super::{recipes, run_by, text};

/// Lines that the README may have.
const README_LINES_MAX: usize = 140;
/// Characters of a line of a document, except in tables and code.
const WIDTH_MAX: usize = 150;
/// Endings of files that documents name with their path.
const ENDINGS: [&str; 12] = ["rs", "js", "sql", "md", "sh", "py", "yaml", "json", "tsv", "toml", "tf", "hcl"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The paths of all documents, from the repository's root.
fn documents() -> Vec<PathBuf> {
    let mut folders = vec![root().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                let is_ours = !["target", "node_modules"].contains(&name.as_str()) && (!name.starts_with('.') || name == ".ci");
                folders.extend(is_ours.then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(found.contains(&PathBuf::from("README.md")));
    found
}

/// The text of a document without its fenced code, and the fenced code.
fn parts(document: &Path) -> (String, String) {
    let all = text(document.to_str().unwrap());
    let (fenced, prose): (Vec<_>, Vec<_>) = all.split("```").enumerate().partition(|(at, _)| at % 2 == 1);
    let joined = |parts: Vec<(usize, &str)>| parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join("\n");
    (joined(prose), joined(fenced))
}

/// The code between single ticks.
fn spans(prose: &str) -> impl Iterator<Item = &str> {
    prose.split('`').skip(1).step_by(2)
}

#[test]
fn the_readme_is_short_and_lines_fit() {
    let lines = text("README.md").lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines, of at most {README_LINES_MAX}");
    for document in documents() {
        let (prose, _) = parts(&document);
        let long = prose.lines().find(|line| line.chars().count() > WIDTH_MAX && !line.trim_start().starts_with(['|', '<']));
        assert_eq!(long, None, "{}: wrap this line", document.display());
    }
}

#[test]
fn every_recipe_that_a_document_names_exists() {
    let recipes = recipes();
    for document in documents() {
        let (prose, fenced) = parts(&document);
        let named = run_by(fenced.lines().chain(spans(&prose)));
        assert_eq!(
            named.difference(&recipes).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "{} names recipes that do not exist",
            document.display()
        );
    }
}

/// The anchor that the repository's web page gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut missing = Vec::new();
    for document in documents() {
        let (prose, _) = parts(&document);
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        let pictures = ["src=\"", "srcset=\""].into_iter().flat_map(|name| prose.split(name).skip(1));
        let pictures = pictures.filter_map(|rest| rest.split_once('"')).map(|(target, _)| target);
        for target in targets.chain(pictures).filter(|target| !target.contains("://") && !target.contains(['<', ' '])) {
            let (path, part) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let link = format!("{} → {target}", document.display());
            if !root().join(&file).exists() {
                missing.push(link);
            } else if !part.is_empty() {
                let linked = text(file.to_str().unwrap());
                let has = linked.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line.trim_start_matches('#')) == part);
                missing.extend((!has).then_some(link));
            }
        }
    }
    assert!(missing.is_empty(), "these links lead nowhere: {missing:#?}");
}

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in documents() {
        let (prose, _) = parts(&document);
        for span in spans(&prose) {
            let ending = span.rsplit_once('.').map_or("", |(_, ending)| ending);
            let is_path = span.contains('/')
                && ENDINGS.contains(&ending)
                && span.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "/._-".contains(letter));
            let folder = document.parent().unwrap();
            let has = || [Path::new(""), folder].into_iter().any(|from| root().join(from).join(span).exists());
            if is_path && !is_built(span) && !has() {
                missing.push(format!("{}: {span}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "these files are named and do not exist: {missing:#?}");
}

/// True if Taskflow or a build writes this path.
fn is_built(path: &str) -> bool {
    ["target/", "https/", ".vscode/", ".cursor/", "/"].iter().any(|folder| path.starts_with(folder))
}

#[test]
fn the_settings_page_lists_every_setting_and_no_other() {
    let asked = RefCell::new(BTreeSet::from(["RUST_LOG".to_owned()]));
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    Settings::read(&lookup, std::net::Ipv4Addr::LOCALHOST.into()).unwrap();
    let page = text("docs/settings.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split_once(" | ")).map(|(cell, _)| cell);
    let listed: BTreeSet<String> = cells
        .flat_map(|cell| {
            cell.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_').map(ToOwned::to_owned).collect::<Vec<_>>()
        })
        .filter(|name| name.len() > 3)
        .collect();
    assert_eq!(listed, asked.into_inner(), "docs/settings.md against the settings that are read");
}

#[test]
fn architecture_shows_the_function_as_it_is() {
    let (_, fenced) = parts(Path::new("ARCHITECTURE.md"));
    let shown: Vec<&str> = fenced.split("rust\n").nth(1).unwrap().trim().split("\n\n").collect();
    let source = text("functions/complete-task/src/lib.rs");
    for item in shown {
        assert!(source.contains(item), "ARCHITECTURE.md shows another complete-task than functions/complete-task/src/lib.rs: {item}");
    }
}

#[test]
fn the_changelog_begins_with_the_version_of_the_workspace() {
    let manifest = text("Cargo.toml");
    let version = manifest.split("[workspace.package]\nversion = \"").nth(1).unwrap().split('"').next().unwrap();
    let changelog = text("CHANGELOG.md");
    let newest = changelog.lines().find(|line| line.starts_with("## ")).unwrap();
    assert!(newest.contains(version), "CHANGELOG.md begins with {newest:?}, and Cargo.toml has the version {version}");
}
