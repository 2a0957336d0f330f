//! Calendar clients that poll: the gateway answers them while the function is at zero, until Kafka delivers the event of a change.

use domain::routes::{APP_PASSWORDS, CALENDAR};
use serde_json::{Value, json};
use tests::stack::{Options, Stack};
use tests::{Answer, basic, between, eventually};

const TASKS: &str = "/dav/calendars/tasks/";
/// Number of polls that find nothing new.
const REPEATS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn polls_wake_nothing_over_bindings_and_direct_urls() {
    tell(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_wake_nothing_over_pubsub_and_service_invocation() {
    tell(Options { pubsub: true, invocation: true, ..Options::default() }).await;
}

async fn tell(options: Options) {
    let env = vec![("TASKFLOW_LINK_KEY".to_owned(), "a key of tests".to_owned())];
    let (_folder, mut stack) = crate::stack(Options { env, ..options }).await;
    let (phone, laptop) = (Client::new(&stack, "phone").await, Client::new(&stack, "laptop").await);
    let task = stack.api.create(&json!({ "title": "draft", "due_date": "2099-03-01" })).await;
    // The gateway clears the cache before it passes the event on, so this one cannot clear it later.
    eventually("its audit", async || (!stack.api.list(&format!("/api/audit?task_id={}", task["id"])).await.is_empty()).then_some(())).await;
    let first = phone.tag(&stack).await;
    polls_wake_nothing(&mut stack, &phone, &first, &laptop).await;
    let second = a_change_ends_the_cached_answers(&mut stack, &phone, &first, &task).await;
    polls_wake_nothing(&mut stack, &phone, &second, &laptop).await;
    a_revoked_password_is_refused(&mut stack, &phone, &second).await;
    stack.stop().await;
}

/// Leaves the function stopped.
async fn polls_wake_nothing(stack: &mut Stack, phone: &Client, tag: &str, laptop: &Client) {
    let answers = phone.poll(stack, tag).await.map(|answer| answer.text);
    assert!(!answers[1].contains("<D:response>"), "nothing has changed since the tag: {}", answers[1]);
    stack.function(CALENDAR.name).stop();
    let before = calls(stack).await;
    for _ in 0..REPEATS {
        assert_eq!(phone.poll(stack, tag).await.map(|answer| answer.text), answers);
    }
    let stranger = Client { authorization: basic("abcdefghjkmnpqrstuvwxyz023456789"), ..Client::default() };
    let _ = stranger.tags(stack).await.problem(401);
    assert_eq!(calls(stack).await, before, "the function was called");
    // An answer belongs to one password and one question; others need the function.
    let _ = laptop.tags(stack).await.problem(503);
    let _ = phone.changes(stack, "").await.problem(503);
}

/// Starts the function, and returns the new tag.
async fn a_change_ends_the_cached_answers(stack: &mut Stack, phone: &Client, tag: &str, task: &Value) -> String {
    let _ = stack.api.put(&format!("/api/tasks/{}", task["id"]), &json!({ "title": "final" })).await.is(200);
    eventually("the event at the gateway", async || (phone.tags(stack).await.status == 503).then_some(())).await;
    let _ = phone.changes(stack, tag).await.problem(503);
    let _ = phone.feed(stack).await.problem(503);
    wake(stack, phone).await;
    let next = phone.tag(stack).await;
    assert_ne!(next, tag);
    let [_, changes, feed] = phone.poll(stack, tag).await;
    assert!(changes.text.contains(&format!("{TASKS}{}.ics", task["uid"].as_str().unwrap())), "{changes:?}");
    assert!(feed.text.contains("SUMMARY:final\r\n"), "{feed:?}");
    next
}

async fn a_revoked_password_is_refused(stack: &mut Stack, phone: &Client, tag: &str) {
    let _ = phone.tags(stack).await.is(207);
    let _ = stack.api.delete(&format!("{APP_PASSWORDS}/{}", phone.id)).await.is(204);
    let _ = phone.tags(stack).await.problem(503);
    wake(stack, phone).await;
    let _ = phone.tags(stack).await.problem(401);
    let _ = phone.changes(stack, tag).await.problem(401);
}

async fn wake(stack: &mut Stack, client: &Client) {
    stack.function(CALENDAR.name).start_again();
    eventually("the function", async || (client.tags(stack).await.status != 503).then_some(())).await;
}

/// Number of calls of the function that the gateway has counted.
async fn calls(stack: &Stack) -> u64 {
    let metrics = stack.api.get("/metrics").await.is(200).text;
    let name = format!("taskflow_http_requests_total{{function=\"{}\",", CALENDAR.name);
    let counts =
        metrics.lines().filter(|line| line.starts_with(&name)).map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    counts.sum()
}

/// A calendar client with its password and the key of its feed.
#[derive(Default)]
struct Client {
    id: Value,
    authorization: String,
    feed: String,
}

impl Client {
    async fn new(stack: &Stack, name: &str) -> Self {
        let [own, feed] = [json!({ "name": name }), json!({ "name": name, "kind": "feed" })];
        let own = stack.api.post(APP_PASSWORDS, &own).await.is(201).json();
        let feed = stack.api.post(APP_PASSWORDS, &feed).await.is(201).json();
        Self {
            id: own["id"].clone(),
            authorization: basic(own["password"].as_str().unwrap()),
            feed: format!("/calendar.ics?key={}", feed["password"].as_str().unwrap()),
        }
    }

    /// Asks each question that a client repeats, with the tag of its last answer.
    async fn poll(&self, stack: &Stack, tag: &str) -> [Answer; 3] {
        [self.tags(stack).await.is(207), self.changes(stack, tag).await.is(207), self.feed(stack).await.is(200)]
    }

    /// Asks for the tag, by both of its names.
    async fn tags(&self, stack: &Stack) -> Answer {
        let body = "<propfind xmlns=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"><prop><CS:getctag/><sync-token/></prop></propfind>";
        self.ask(stack, "PROPFIND", body).await
    }

    /// Returns the tag.
    async fn tag(&self, stack: &Stack) -> String {
        let answer = self.tags(stack).await.is(207).text;
        let tag = between(&answer, "<CS:getctag>", "</CS:getctag>");
        assert_eq!(tag, between(&answer, "<D:sync-token>", "</D:sync-token>"));
        tag.to_owned()
    }

    /// Asks for the changes since a tag.
    async fn changes(&self, stack: &Stack, tag: &str) -> Answer {
        let body = format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token>{tag}</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
        );
        self.ask(stack, "REPORT", &body).await
    }

    async fn feed(&self, stack: &Stack) -> Answer {
        stack.api.get(&self.feed).await
    }

    async fn ask(&self, stack: &Stack, method: &str, body: &str) -> Answer {
        let headers = [("authorization", self.authorization.as_str()), ("depth", "0"), ("content-type", "application/xml")];
        stack.api.call(method, TASKS, &headers, body.to_owned()).await
    }
}
