//! Scaffolds a function: `just new-function NAME DESCRIPTION [query | command] [consumer] [job]`.
//!
//! The result compiles and passes every test. Writes nothing if the arguments or the sources are not as expected.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

use manifests::{Files, read};

const PARTS: [&str; 4] = ["query", "command", "consumer", "job"];
/// Programs that are not functions.
const TAKEN: [&str; 2] = ["new-function", "run-dapr"];
/// Maximum length of a name: Kubernetes allows 63 characters, and the names of bindings add a topic.
const NAME_MAX: usize = 40;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match scaffold(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "new-function: {error}");
            ExitCode::FAILURE
        }
    }
}

fn scaffold(arguments: &[String]) -> io::Result<()> {
    let [name, description, parts @ ..] = arguments else {
        return Err(io::Error::other("a name and a description are missing, such as snooze-task \"Hides a task for a while\" command"));
    };
    let function = New::read(name, description, parts)?;
    for (path, text) in function.files()? {
        let path = manifests::root().join(path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, text)?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "Next: write the handlers in functions/{name}/src/lib.rs, and its Route in shared/domain/src/routes.rs.")?;
    if function.has("consumer") {
        writeln!(out, "It consumes task.updated until its Route names other events.")?;
    }
    Ok(())
}

/// A function to scaffold.
struct New<'a> {
    name: &'a str,
    description: &'a str,
    parts: BTreeSet<&'a str>,
}

impl<'a> New<'a> {
    fn read(name: &'a str, description: &'a str, parts: &'a [String]) -> io::Result<Self> {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase());
        if name.len() > NAME_MAX || !name.contains('-') || !name.split('-').all(is_word) {
            let wanted = format!("give a verb and a noun in lower case with a hyphen, at most {NAME_MAX} characters, such as snooze-task");
            return Err(io::Error::other(format!("{name:?} is no name of a function; {wanted}")));
        }
        if TAKEN.contains(&name) || manifests::root().join("functions").join(name).exists() {
            return Err(io::Error::other(format!("there is a program {name} already; choose another name")));
        }
        if !description.starts_with(|first: char| first.is_ascii_uppercase())
            || description.contains(['"', '\\', '\n'])
            || description.ends_with('.')
        {
            let wanted = "give a phrase with a capital, without quotes and a period at its end, such as \"Hides a task for a while\"";
            return Err(io::Error::other(format!("{description:?} is no description; {wanted}")));
        }
        let parts: BTreeSet<&str> = if parts.is_empty() { BTreeSet::from(["query"]) } else { parts.iter().map(String::as_str).collect() };
        if let Some(part) = parts.iter().find(|part| !PARTS.contains(part)) {
            return Err(io::Error::other(format!("{part:?} is no part of a function; choose of {}", PARTS.join(", "))));
        }
        if parts.contains("query") && parts.contains("command") {
            return Err(io::Error::other("a function answers a query or obeys a command; choose one"));
        }
        Ok(Self { name, description, parts })
    }

    fn has(&self, part: &str) -> bool {
        self.parts.contains(part)
    }

    /// Returns the texts of its [`PARTS`].
    fn own(&self, texts: [String; PARTS.len()]) -> String {
        PARTS.iter().zip(texts).filter(|(part, _)| self.has(part)).map(|(_, text)| text).collect()
    }

    /// The id of its operation, such as `snoozeTask`.
    fn operation(&self) -> String {
        let pascal = pascal(self.name);
        pascal[..1].to_ascii_lowercase() + &pascal[1..]
    }

    /// The type of its command, such as `TaskSnooze`.
    fn command(&self) -> String {
        format!("Task{}", pascal(self.verb()))
    }

    fn constant(&self) -> String {
        self.name.to_ascii_uppercase().replace('-', "_")
    }

    /// Returns the name in paths and types, which begin with the task.
    fn verb(&self) -> &str {
        self.name.strip_suffix("-task").unwrap_or(self.name)
    }

    /// Returns every file that it is written in, except the outputs of `just manifests` and `just contract`.
    fn files(&self) -> io::Result<Files> {
        let folder = format!("functions/{}", self.name);
        let mut files = Files::from([
            (format!("{folder}/Cargo.toml"), self.package()),
            (format!("{folder}/src/main.rs"), self.program()),
            (format!("{folder}/src/lib.rs"), self.library()),
        ]);
        let mut edit = |path: &str, edits: &[(&str, String)]| -> io::Result<()> {
            let mut text = read(path)?;
            for (anchor, new) in edits {
                let at = text.find(anchor).ok_or_else(|| io::Error::other(format!("{path}: there is no {anchor:?} to insert before")))?;
                text.insert_str(at, new);
            }
            files.insert(path.to_owned(), text);
            Ok(())
        };
        let (description, operation, command, verb) = (self.description, self.operation(), self.command(), self.verb());
        edit("shared/domain/src/routes.rs", &[("}\n\n/// Routes every call from outside to its function.", self.route())])?;
        if self.has("query") || self.has("command") {
            let (body, headers) = if self.has("command") { (".body::<TaskCommand>()", ".headers(TASK)") } else { ("", "") };
            let entry = format!("\"{operation}\" => Types::new(\"tasks\", \"{description}\"){body}.answers::<Task>(){headers},\n        ");
            edit("shared/contract/src/operations.rs", &[("_ => return None,", entry)])?;
        }
        if self.has("command") {
            edit(
                "shared/domain/src/event.rs",
                &[
                    ("}\n\nnames! {\n    /// Topics of events.", format!("    /// {description}.\n    {command} = \"task.{verb}\",\n")),
                    ("Self::TaskRemoveTags", format!("Self::{command} | ")),
                ],
            )?;
            edit("shared/tools/src/registry.rs", &[("];\n\n#[cfg(test)]", self.tool())])?;
        }
        Ok(files)
    }

    fn package(&self) -> String {
        let Self { name, description, .. } = self;
        let store = if self.has("consumer") { "store.workspace = true\n" } else { "" };
        format!(
            r#"[package]
name = "{name}"
description = "{description}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[features]
# The program needs the sidecar; the library does not.
default = ["sidecar"]

[dependencies]
domain.workspace = true
function.workspace = true
sidecar = {{ workspace = true, optional = true }}
{store}
[lib]
doctest = false
test = false

[[bin]]
name = "{name}"
path = "src/main.rs"
test = false
required-features = ["sidecar"]

[lints]
workspace = true
"#
        )
    }

    fn program(&self) -> String {
        format!(
            r"//! The program of {}, on AWS Lambda or on hyper at `$PORT`.

fn main() -> std::process::ExitCode {{
    sidecar::main({}::function())
}}
",
            self.name,
            self.name.replace('-', "_")
        )
    }

    fn library(&self) -> String {
        let (constant, command, operation) = (self.constant(), self.command(), self.operation());
        let [queries, obeys, consumes, runs] = PARTS.map(|part| self.has(part));
        let imports = [
            import("std::sync", &[("Arc", queries || runs)]),
            "\n".to_owned(),
            import("domain::command", &[("TaskCommand", queries || obeys)]),
            import("domain::event", &[("CommandType", obeys), ("TaskEvent", consumes)]),
            import("domain", &[("Task", obeys), ("routes", true)]),
            import(
                "function",
                &[
                    ("Answer", queries),
                    ("App", queries || runs),
                    ("Change", obeys || consumes),
                    ("Delivery", consumes),
                    ("Error", true),
                    ("Function", true),
                    ("JobCall", runs),
                    ("Published", runs),
                ],
            ),
        ]
        .concat();
        let handlers = self.own([
            format!(".endpoint(\"{operation}\", answer)"),
            format!(".command(CommandType::{command}, obey)"),
            ".consumer(consume)".to_owned(),
            ".job(run)".to_owned(),
        ]);
        let bodies = self.own([
            r"
async fn answer(app: Arc<App>, query: TaskCommand) -> Result<Answer, Error> {
    Answer::json(&app.store()?.task(query.task_id).await?)
}
"
            .to_owned(),
            r"
async fn obey(change: &mut Change, command: TaskCommand) -> Result<Task, Error> {
    Ok(change.unit.task(command.task_id).await?)
}
"
            .to_owned(),
            r"
/// The task's row decides, whatever the event says.
async fn consume(change: &mut Change, delivery: Delivery) -> Result<(), Error> {
    let event: TaskEvent = delivery.data()?;
    match change.unit.task_unlocked(event.task_id).await {
        Err(store::Error::NotFound) => Ok(()),
        task => Ok(task.map(drop)?),
    }
}
"
            .to_owned(),
            format!(
                r"
async fn run(app: Arc<App>, _: JobCall) -> Result<Published, Error> {{
    let change = app.change(app.origin(routes::{constant}.name), None).await?;
    change.commit().await
}}
"
            ),
        ]);
        let description = self.description;
        format!(
            r"//! {description}.

{imports}
/// Returns the function.
#[must_use]
pub fn function() -> Function {{
    Function::new(routes::{constant}){handlers}
}}
{bodies}"
        )
    }

    fn route(&self) -> String {
        let Self { name, description, .. } = self;
        let (operation, command, verb) = (self.operation(), self.command(), self.verb());
        let parts = [
            format!("\n        .operations(&[get(\"{operation}\", \"/api/tasks/{{task_id}}/{verb}\")])"),
            format!("\n        .operations(&[post(\"{operation}\", \"/api/tasks/{{task_id}}/{verb}\").obeys(CommandType::{command})])"),
            "\n        .consumes(&[on(Topic::TaskEvents, &[EventType::TaskUpdated])])".to_owned(),
            "\n        .job(Job::Every(DAY))".to_owned(),
        ];
        let own = self.own(parts);
        format!("    /// {description}.\n    {} = Route::new(\"{name}\"){own};\n", self.constant())
    }

    fn tool(&self) -> String {
        let (name, phrase, description) = (self.name.replace('-', "_"), self.name.replace('-', " "), self.description);
        let (title, operation) = (phrase[..1].to_ascii_uppercase() + &phrase[1..], self.operation());
        format!(
            r#"    Tool {{
        name: "{name}",
        title: "{title}",
        description: "{description}.",
        effect: Effect::Sets,
        operation: "{operation}",
        answer: "task",
        schema: schema::of::<TaskCommand>,
    }},
"#
        )
    }
}

fn pascal(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// Returns the `use` of the required names, if any.
fn import(path: &str, names: &[(&str, bool)]) -> String {
    let wanted: Vec<&str> = names.iter().filter(|(_, is_wanted)| *is_wanted).map(|(name, _)| *name).collect();
    match wanted.as_slice() {
        [] => String::new(),
        [name] => format!("use {path}::{name};\n"),
        names => format!("use {path}::{{{}}};\n", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_argument_is_refused() {
        for (name, description, parts) in [
            ("snooze", "Hides a task", vec![]),
            ("Snooze-Task", "Hides a task", vec![]),
            ("snooze--task", "Hides a task", vec![]),
            ("snooze-2", "Hides a task", vec![]),
            ("../evil-task", "Hides a task", vec![]),
            ("create-task", "Hides a task", vec![]),
            ("new-function", "Hides a task", vec![]),
            ("snooze-task", "hides a task", vec![]),
            ("snooze-task", "Hides \"a\" task", vec![]),
            ("snooze-task", "Hides a task", vec!["endpoint".to_owned()]),
            ("snooze-task", "Hides a task", vec!["query".to_owned(), "command".to_owned()]),
        ] {
            assert!(New::read(name, description, &parts).is_err(), "{name} {description} {parts:?}");
        }
    }

    #[test]
    fn every_anchor_is_there() {
        let parts = ["command", "consumer", "job"].map(ToOwned::to_owned);
        let files = New::read("try-anchors", "Tries every anchor", &parts).and_then(|function| function.files());
        assert_eq!(files.map(|files| files.len()).ok(), Some(7));
    }
}
