//! The assistant with a process per function: the conversation in Dapr's state store, tools called by URL, and a stand-in of the Gemini API.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::stack::Options;
use tests::{Gemini, Said};

#[tokio::test(flavor = "multi_thread")]
async fn it_calls_the_functions_and_stores_the_conversation() {
    let gemini = Gemini::answering(|request| {
        let last = request["contents"].as_array().unwrap().last().unwrap();
        match last["parts"][0]["text"].as_str() {
            Some(title) => Said::calls(&[("create_task", json!({ "title": title }))]),
            None => Said::text("Made."),
        }
    })
    .await;
    let env = gemini.settings().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let (_folder, stack) = crate::stack(Options { env, ..Options::default() }).await;
    let titles = ["one", "two", "three", "four"];
    let say = async |title: &str| {
        let message = json!({ "message": title, "conversation_id": "conversation" });
        stack.api.post("/api/chat", &message).await.is(200).json()
    };
    for answer in join_all(titles.map(say)).await {
        assert_eq!((&answer["response"], &answer["actions"][0]["status"]), (&json!("Made."), &json!("done")));
    }
    let conversation = stack.api.read("/api/chat/conversation").await;
    let mut said: Vec<&str> = conversation["history"].as_array().unwrap().iter().map(|turn| turn["message"].as_str().unwrap()).collect();
    said.sort_unstable();
    assert_eq!(said, ["four", "one", "three", "two"], "messages at once lose nothing");
    let streamed = json!({ "message": "five", "conversation_id": "conversation" });
    let answer = stack.api.send("POST", "/api/chat", &[("accept", "text/event-stream")], &streamed).await.is(200);
    assert!(answer.text.starts_with("event: conversation\n") && answer.text.contains("\nevent: done\n"), "{answer:?}");
    assert_eq!(stack.api.list("/api/tasks").await.len(), 5);
    assert_eq!(gemini.refusals(), Vec::<String>::new());
    let _ = stack.api.delete("/api/chat/conversation").await.is(204);
    let _ = stack.api.get("/api/chat/conversation").await.problem(404);
    // The same tools over MCP, through the gateway.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "list_tasks", "arguments": {} } });
    let answer: Value = stack.api.send("POST", "/mcp", &[("accept", "application/json, text/event-stream")], &call).await.is(200).json();
    assert_eq!(answer["result"]["structuredContent"]["total_count"], 5);
    stack.stop().await;
}
