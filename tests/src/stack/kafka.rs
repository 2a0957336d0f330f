//! A real Kafka: one broker in `KRaft` mode, and its own client for raw records (tests/tools/Records.java), because Taskflow has none.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Program, Recipe, free_port, listens};
use crate::eventually;

/// Options of a JVM that starts quickly and stays small.
const JAVA: &str = "-Xmx256m -Xms64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1";
/// Id of the cluster, which is arbitrary.
const CLUSTER: &str = "dGFza2Zsb3ctdGVzdHM0Mg";

/// A record and its position.
#[derive(Clone, Debug)]
pub struct Record {
    /// The partition of its topic.
    pub partition: u32,
    /// The offset in the partition.
    pub offset: u64,
    /// Its key, URL-encoded.
    pub key: String,
    /// The value; a JSON string if it is not JSON.
    pub value: Value,
}

/// A broker.
pub struct Kafka {
    /// Its address.
    pub address: String,
    /// Its process.
    pub program: Program,
    libs: PathBuf,
}

impl Kafka {
    /// Starts a broker at this address of the machine, with its data in this folder.
    #[must_use]
    pub fn start(libs: &Path, folder: &Path, host: Ipv4Addr) -> Self {
        let (port, controller) = (free_port(), free_port());
        let address = format!("{host}:{port}");
        let file = folder.join("kafka.properties");
        let data = folder.join("kafka");
        std::fs::write(&file, properties(&address, controller, &data)).unwrap();
        if !data.join("meta.properties").exists() {
            tool(libs, folder, "kafka-format", "kafka.tools.StorageTool").words(&format!("format -t {CLUSTER} -c")).word(&file).run();
        }
        let program = tool(libs, folder, "kafka", "kafka.Kafka").word(&file).start();
        Self { address, program, libs: libs.to_owned() }
    }

    /// Waits until it listens.
    pub async fn wait(&self) {
        eventually("Kafka", async || listens(&self.address).then_some(())).await;
    }

    /// Writes records to a topic, as key and value.
    pub fn produce(&self, topic: &str, records: &[(&str, &str)]) {
        let mut child = self.records_tool("produce", topic).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        for (key, value) in records {
            writeln!(input, "{key}|{value}").unwrap();
        }
        drop(input);
        assert!(child.wait().unwrap().success());
    }

    /// Returns every record of a topic.
    #[must_use]
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let text = said(&mut self.records_tool("consume", topic));
        let record = |line: &str| {
            let mut parts = line.splitn(4, '|');
            let (partition, offset) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let (key, value) = (parts.next()?.to_owned(), parts.next()?);
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Some(Record { partition, offset, key, value })
        };
        text.lines().filter_map(record).collect()
    }

    /// Returns the committed offsets of a consumer group on a topic, by partition.
    #[must_use]
    pub fn committed(&self, topic: &str, group: &str) -> BTreeMap<u32, u64> {
        let text = said(self.records_tool("committed", topic).arg(group));
        text.lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(partition, offset)| (partition.parse().unwrap(), offset.parse().unwrap()))
            .collect()
    }

    fn records_tool(&self, what: &str, topic: &str) -> Command {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/Records.java");
        let mut command = Command::new(java());
        command.args(JAVA.split(' ')).arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error").arg("-cp").arg(class_path(&self.libs));
        command.arg(file).args([what, &self.address, topic]);
        command
    }

    /// Kills the broker with SIGKILL, and starts it on the same data after this time.
    pub async fn kill(&mut self, away: Duration) {
        self.program.kill();
        tokio::time::sleep(away).await;
        self.program.start_again();
        self.wait().await;
    }
}

fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn tool(libs: &Path, folder: &Path, name: &str, class: &str) -> Recipe {
    Recipe::new(name, &java(), folder).words(JAVA).word("-cp").word(class_path(libs)).word(class)
}

fn java() -> PathBuf {
    PathBuf::from(std::env::var_os("JAVA").unwrap_or_else(|| "java".into()))
}

fn class_path(libs: &Path) -> OsString {
    let mut path = libs.as_os_str().to_owned();
    path.push("/*");
    path
}

/// `KAFKA_PARTITIONS` is the number of partitions of each topic; 3 by default.
fn properties(address: &str, controller: u16, data: &Path) -> String {
    let partitions = std::env::var("KAFKA_PARTITIONS").unwrap_or_else(|_| "3".to_owned());
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://{address},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://{address}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}\n\
         num.partitions={partitions}\n\
         auto.create.topics.enable=true\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=3\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n",
        data.display()
    )
}
