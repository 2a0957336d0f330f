//! A program of a test, with its own log, killed when it is dropped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time limit of a graceful stop.
const STOP_MAX: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// Number of log lines shown for a failed program.
const TAIL: usize = 20;

/// How to start a program.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name in messages, and of its log.
    pub name: String,
    /// The program and its arguments.
    pub words: Vec<OsString>,
    /// Its environment, beside the inherited one.
    pub env: BTreeMap<String, String>,
    /// The folder of the log.
    pub folder: PathBuf,
}

impl Recipe {
    /// Creates a program by its path, with its log in this folder.
    #[must_use]
    pub fn new(name: &str, program: &Path, folder: &Path) -> Self {
        Self { name: name.to_owned(), words: vec![program.into()], env: BTreeMap::new(), folder: folder.to_owned() }
    }

    /// Adds these arguments, separated by spaces.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        self.words.extend(words.split_whitespace().map(Into::into));
        self
    }

    /// Adds one argument, unchanged.
    #[must_use]
    pub fn word(mut self, word: impl Into<OsString>) -> Self {
        self.words.push(word.into());
        self
    }

    /// Sets this variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the path of the log, which covers all its starts.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).envs(&self.env).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        // A separate process group, because Ctrl-C is for the parent, which stops its programs in order.
        command.process_group(0);
        command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}: {}", self.name, self.words[0].display()))
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Program {
        Program { child: self.spawn(), recipe: self }
    }

    /// Runs it to its end, which must be successful.
    pub fn run(self) {
        let (log, name) = (self.log(), self.name.clone());
        let status = self.spawn().wait().unwrap();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(status.success(), "{name}: {status}\n{}", tail(&said));
    }
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    recipe: Recipe,
}

impl Program {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Returns a variable that it was given.
    #[must_use]
    pub fn variable(&self, name: &str) -> &str {
        &self.recipe.env[name]
    }

    /// Returns its log over all its starts.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.recipe.log()).unwrap_or_default()
    }

    /// True if it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Fails, with the end of its log, unless it is running.
    pub fn must_run(&mut self) {
        assert!(self.is_running(), "{} has ended:\n{}", self.recipe.name, tail(&self.said()));
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again with the same options.
    pub fn start_again(&mut self) {
        assert!(!self.is_running());
        self.child = self.recipe.spawn();
    }

    /// Stops it gracefully, and waits.
    pub fn stop(&mut self) {
        if !self.is_running() {
            return;
        }
        self.signal("TERM");
        let begin = Instant::now();
        while self.is_running() && begin.elapsed() < STOP_MAX {
            std::thread::sleep(POLL);
        }
        if self.is_running() {
            eprintln!("{} did not stop within {} s: killed", self.recipe.name, STOP_MAX.as_secs());
            self.kill();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
