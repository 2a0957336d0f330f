//! Dead letters of a real Kafka: read by the tool that operators use, and replayed.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tests::eventually;
use tests::stack::{API_TOKEN, Options, Stack};

/// `tests/tools/dead_letters.sh`.
fn tool(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/dead_letters.sh");
    Command::new("bash").arg(script).args(arguments).env("TASKFLOW_API_TOKEN", API_TOKEN).output().unwrap()
}

fn read(stack: &Stack) -> String {
    let output = tool(&["read", &stack.kafka.address]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn replay(stack: &Stack, file: &Path) -> (bool, String) {
    let output = tool(&["replay", &format!("http://{}", stack.api.address), file.to_str().unwrap()]);
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_came_too_early_is_done_once_its_task_is_there() {
    let (folder, stack) = crate::stack(Options { tokens: true, ..Options::default() }).await;
    let bearer = format!("Bearer {API_TOKEN}");
    let caller: [(&str, &str); 1] = [("authorization", &bearer)];
    let command = json!({
        "specversion": "1.0", "id": "early", "source": "/e2e", "type": "task.add-tags", "data": { "task_id": 1, "tags": ["early"] },
    });
    stack.kafka.produce("task-commands", &[("1", &command.to_string()), ("1", "not an event")]);
    eventually("both letters", async || (stack.kafka.records("dead-letters").len() == 2).then_some(())).await;

    let letters = read(&stack);
    let parsed: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let letter = parsed.iter().find(|letter| letter["id"] == "early").unwrap();
    assert_eq!((&letter["consumer"], &letter["attempts"], &letter["data"]), (&json!("tag-task"), &json!(1), &command["data"]));
    let file = folder.path().join("letters.jsonl");
    std::fs::write(&file, &letters).unwrap();

    // The task is still missing, and a record that is no event never becomes one.
    let (all_accepted, said) = replay(&stack, &file);
    assert!(
        !all_accepted && said.contains("not accepted: tag-task task.add-tags early: 404") && said.contains("0 accepted, 2 not accepted"),
        "{said}"
    );
    let kept = stack.api.call("GET", "/dead-letters", &caller, "").await.is(200).json();
    let kept: Vec<_> = kept.as_array().unwrap().iter().map(|letter| letter["consumer"].as_str().unwrap()).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.contains(&"tag-task") && kept.contains(&"gateway"), "{kept:?}");

    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let task = stack.api.call("POST", "/api/tasks", &headers, json!({ "title": "late" }).to_string()).await.is(201).json();
    assert_eq!(task["id"], 1);
    std::fs::write(&file, letter.to_string() + "\n").unwrap();
    for _ in 0..2 {
        let (all_accepted, said) = replay(&stack, &file);
        assert!(
            all_accepted && said.contains("accepted: tag-task task.add-tags early") && said.contains("1 accepted, 0 not accepted"),
            "{said}"
        );
    }
    let task = stack.api.call("GET", "/api/tasks/1", &caller, "").await.is(200).json();
    assert_eq!((&task["tags"], &task["version"]), (&json!(["early"]), &json!(2)), "accepted twice, handled once");
    let kept = stack.api.call("GET", "/dead-letters", &caller, "").await.is(200).json();
    assert_eq!(kept.as_array().unwrap().len(), 1, "the accepted one is deleted: {kept}");
    stack.stop().await;
}
