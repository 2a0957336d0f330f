//! Secrets from a Dapr secret store, and errors for missing ones.

use std::net::Ipv4Addr;

use serde_json::json;
use tests::stack::{APP_TOKEN, Options, Program, Recipe, Stack, binaries, free_port};
use tests::{Api, GEMINI_KEY, Gemini, Said, eventually};

/// A store of files: among the stores without a cloud, it has named values like that of Kubernetes.
const STORE: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: NAME
spec:
  type: secretstores.local.file
  version: v1
  metadata:
    - { name: secretsFile, value: FILE }
    - { name: multiValued, value: \"true\" }
";
const TOKEN: &str = "token-of-the-store";

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_store_fills_missing_settings() {
    let resources = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(resources.path().join(name), content).unwrap();
    for (name, file) in [("full", "full.json"), ("empty", "empty.json")] {
        let path = resources.path().join(file);
        write(&format!("{name}.yaml"), &STORE.replace("NAME", name).replace("FILE", path.to_str().unwrap()));
        write(file, "{}");
    }
    let (_folder, stack) = {
        // The database's URL is known once it runs; the store reads its file when daprd starts, so a first start only determines the URL.
        let folder = tempfile::tempdir().unwrap();
        let mut stack = Stack::start(folder.path(), &Options { resources: Some(resources.path().to_owned()), ..Options::default() }).await;
        let secret = json!({ "taskflow-secrets": {
            "api-token": TOKEN, "neon-connection-string": stack.database_url(), "gemini-api-key": GEMINI_KEY,
        } });
        write("full.json", &secret.to_string());
        stack.daprd.kill();
        stack.daprd.start_again();
        stack.wait_for_daprd().await;
        (folder, stack)
    };

    let (mut function, api) = start(&stack, resources.path(), "get-task", "full", &[]);
    let task = stack.api.create(&json!({ "title": "found through a secret" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let refused = eventually("the function", async || api.try_call("GET", &path, &[], "").await.ok()).await;
    let _ = refused.problem(401);
    let bearer = format!("Bearer {TOKEN}");
    let found = api.call("GET", &path, &[("authorization", &bearer)], "").await.is(200).json();
    assert_eq!(found["title"], "found through a secret");
    function.stop();
    assert!(!function.said().contains(TOKEN) && !function.said().contains("postgres://"), "a secret was logged");

    // The key of the model is sent to the model, in a header, and to nothing else.
    let gemini = Gemini::start([Said::text("Hello through a secret.")]).await;
    let (mut function, api) = start(&stack, resources.path(), "chat", "full", &[("GEMINI_BASE_URL", &gemini.url)]);
    let _ = eventually("the function", async || api.try_call("GET", "/api/chat/of-secrets", &[], "").await.ok()).await.problem(401);
    let message = json!({ "message": "hello", "conversation_id": "of-secrets" });
    let answer = api.send("POST", "/api/chat", &[("authorization", &bearer)], &message).await.is(200);
    assert_eq!((&answer.json()["assistant"], &answer.json()["response"]), (&json!("gemini"), &json!("Hello through a secret.")));
    // The stand-in refuses calls without the key as a header; it was called once, by a URL without the key.
    let urls = gemini.urls();
    assert!(urls.len() == 1 && !urls[0].contains(GEMINI_KEY), "{urls:?}");
    let kept = api.call("GET", "/api/chat/of-secrets", &[("authorization", &bearer)], "").await.is(200);
    assert_eq!(kept.json()["history"][0]["status"], "answered");
    function.stop();
    assert!(![answer.text, kept.text, function.said()].iter().any(|said| said.contains(GEMINI_KEY)), "the key was told");

    for (store, reason) in [("empty", "has no taskflow-secrets"), ("nowhere", "has no taskflow-secrets")] {
        let (mut function, _) = start(&stack, resources.path(), "get-task", store, &[]);
        eventually("the function to give up", async || (!function.is_running()).then_some(())).await;
        let said = function.said();
        assert!(said.contains("TASKFLOW_SECRET_STORE") && said.contains(reason), "{store}: {said}");
    }
    stack.stop().await;
}

/// Starts a function with only a sidecar, a secret store and these settings.
fn start(stack: &Stack, folder: &std::path::Path, name: &str, store: &str, settings: &[(&str, &str)]) -> (Program, Api) {
    let port = free_port();
    let recipe = Recipe::new(&format!("{name}-{store}"), &binaries().join(name), folder).env("PORT", port.to_string());
    let recipe = settings.iter().fold(recipe, |recipe, (name, value)| recipe.env(name, *value));
    let recipe = recipe.env("TASKFLOW_BIND", "127.0.0.1").env("TASKFLOW_SECRET_STORE", store).env("DAPR_GRPC_ENDPOINT", &stack.dapr_grpc);
    let recipe = recipe.env("APP_API_TOKEN", APP_TOKEN);
    (recipe.start(), Api::new((Ipv4Addr::LOCALHOST, port).into(), None))
}
