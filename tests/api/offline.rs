//! The assistant without a model: everyday sentences, done with the same tools; and drafts.

use serde_json::{Value, json};
use tests::App;

const ZONE: (&str, &str) = ("TASKFLOW_TIME_ZONE", "Europe/Berlin");

async fn ask(app: &App, message: &str) -> Value {
    let answer = app.post("/api/chat", &json!({ "message": message, "conversation_id": "everyday" })).await.is(200).json();
    assert_eq!(answer["assistant"], "offline", "it says who answers");
    answer
}

async fn say(app: &App, message: &str) -> String {
    ask(app, message).await["response"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everyday_sentences_are_done() {
    let app = App::with(&[ZONE]).await;
    let answer = ask(&app, "add pay rent monthly on the 1st at 9 #home !high").await;
    let id = answer["actions"][0]["task_id"].clone();
    let task = app.task(&id).await;
    assert_eq!(
        (&task["title"], &task["tags"], &task["priority"], &task["time_zone"]),
        (&json!("pay rent"), &json!(["home"]), &json!("high"), &json!("Europe/Berlin"))
    );
    assert!(task["recurrence"] == "monthly" || task["recurrence_rule"].is_string(), "{task}");
    assert!(answer["response"].as_str().unwrap().starts_with(&format!("Added “pay rent” (#{id}), due ")), "{answer}");
    let reminder = say(&app, &format!("remind me 1 hour before {id}")).await;
    assert!(reminder.starts_with(&format!("I remind you of task {id} on ")), "{reminder}");
    assert_eq!(app.reminder(&id, "pending").await["reminder_offset"], "1 hour");
    let late = app.create(&json!({ "title": "Call Ada", "due_date": "2020-01-01T09:00:00Z" })).await;
    let overdue = say(&app, "what is overdue?").await;
    assert!(
        overdue.contains(&format!("- “Call Ada” (#{}), due Wed 1 Jan 2020 10:00", late["id"])) && !overdue.contains("pay rent"),
        "{overdue}"
    );
    // "It" is the one task that was spoken of.
    assert!(say(&app, "complete it").await.starts_with("Completed “Call Ada”"));
    assert_eq!(app.task(&late["id"]).await["status"], "completed");
    assert!(say(&app, &format!("tag {id} #money")).await.starts_with("Tagged “pay rent”"));
    assert_eq!(app.task(&id).await["tags"], json!(["home", "money"]));
    let completed = ask(&app, &format!("complete {id}")).await;
    assert_eq!((&completed["actions"][0]["tool"], &completed["actions"][0]["status"]), (&json!("complete_task"), &json!("done")));
    assert!(say(&app, "complete 4711").await.contains("#4711: no such thing here"));
    assert!(say(&app, "help").await.contains("what** is overdue?"));
    // It does not pretend.
    assert!(!say(&app, "asdf qwer?").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn as_many_are_listed_and_changed_as_were_asked_for() {
    let app = App::with(&[ZONE]).await;
    for number in 1..=25 {
        app.create(&json!({ "title": format!("Task {number}"), "due_date": format!("2199-01-{number:02}T09:00:00Z") })).await;
    }
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("- ")).count();
    let all = say(&app, "show my tasks").await;
    assert!(all.starts_with("Open tasks:\n") && all.ends_with("\n\nand 5 more.") && lines(&all) == 20, "{all}");
    for (asked, count) in [("top 5", 5), ("show the first 3 tasks", 3), ("next three tasks", 3), ("show me 22 tasks", 22)] {
        let text = say(&app, asked).await;
        assert!(text.starts_with(&format!("Open tasks, the first {count} of 25:\n\n- “Task 1” (#1)")), "{asked}: {text}");
        assert!(lines(&text) == count && !text.contains("more"), "{asked}: {text}");
    }
    let next = say(&app, "what's next?").await;
    assert!(next.starts_with("Open tasks, the first of 25:\n\n- “Task 1”") && lines(&next) == 1, "{next}");
    let few = say(&app, "show the first 30 tasks").await;
    assert!(few.starts_with("Open tasks:\n") && lines(&few) == 25, "{few}");
    // What is changed is no more than what was asked for, either.
    let done = ask(&app, "complete the first 3 tasks").await;
    assert_eq!(lines(done["response"].as_str().unwrap()), 3, "{done}");
    let pending: Vec<_> = app.list("/api/tasks?status=pending&limit=100").await.iter().map(|task| task["id"].as_i64().unwrap()).collect();
    assert_eq!((pending.len(), pending.iter().min()), (22, Some(&4)));
    app.stop().await;
}

#[tokio::test]
async fn small_talk_and_questions_make_no_task() {
    let app = App::with(&[ZONE]).await;
    for greeting in ["hello", "Hello, how are you?", "hi Taskflow! How is it going today?", "good morning", "what can you do?", "help"] {
        let text = say(&app, greeting).await;
        assert!(text.contains("I understand everyday sentences") && text.contains("**add**"), "{greeting}: {text}");
    }
    for thanks in ["thanks", "Thank you so much for your help!", "great, thanks a lot", "you are awesome"] {
        assert!(say(&app, thanks).await.starts_with("You are welcome."), "{thanks}");
    }
    for question in ["will it rain tomorrow", "buy milk?", "what is the weather like?", "do you speak German", "why?"] {
        let text = say(&app, question).await;
        assert!(text.contains("beyond the offline assistant") && text.contains("“add”"), "{question}: {text}");
    }
    assert_eq!(app.list("/api/tasks").await.len(), 0);
    assert!(say(&app, "say hello to Ada tomorrow").await.starts_with("Added “say hello to Ada”"));
    app.stop().await;
}

#[tokio::test]
async fn a_title_that_fits_several_is_asked_back() {
    let app = App::with(&[ZONE]).await;
    for title in ["Water the plants", "Water the lawn"] {
        app.create(&json!({ "title": title })).await;
    }
    let answer = ask(&app, "complete water").await;
    let text = answer["response"].as_str().unwrap();
    assert!(text.starts_with("Which one do you mean?") && text.contains("(#1)") && text.contains("(#2)"), "{text}");
    assert!(say(&app, "complete water the lawn").await.starts_with("Completed “Water the lawn” (#2)"));
    assert!(say(&app, "complete feed the cat").await.contains("no task “feed the cat”"));
    app.stop().await;
}

#[tokio::test]
async fn a_task_is_moved_and_renamed() {
    let app = App::with(&[ZONE]).await;
    app.create(&json!({ "title": "Dentist", "due_date": "2199-01-01T09:00:00Z", "time_zone": "Europe/Berlin" })).await;
    let moved = say(&app, "postpone 1 by 2 days").await;
    assert!(moved.starts_with("Changed “Dentist” (#1), due Thu 3 Jan 2199 10:00"), "{moved}");
    assert_eq!(app.task(&json!(1)).await["due_date"], "2199-01-03T09:00:00.000000Z");
    say(&app, "rename 1 to See the dentist").await;
    assert_eq!(app.task(&json!(1)).await["title"], "See the dentist");
    say(&app, "set 1 to high priority").await;
    assert_eq!(app.task(&json!(1)).await["priority"], "high");
    app.stop().await;
}

#[tokio::test]
async fn deleting_more_than_one_is_asked_first() {
    let app = App::with(&[ZONE]).await;
    for number in 1..=40 {
        app.create(&json!({ "title": format!("Task {number}") })).await;
    }
    assert!(say(&app, "delete 1").await.contains("Deleted task 1."));
    let numbers = (2..=36).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let answer = ask(&app, &format!("delete {numbers}")).await;
    assert_eq!(answer["question"]["count"], 35, "{answer}");
    assert_eq!(app.list("/api/tasks?limit=100").await.len(), 39, "nothing yet");
    let answer = ask(&app, "yes").await;
    assert_eq!(answer["response"], "Deleted 35 tasks.");
    assert_eq!(app.list("/api/tasks").await.len(), 4);
    assert_eq!(say(&app, "yes").await, "There is nothing to say yes to.");
    // What it cannot do whole, it does not begin.
    for number in 0..100 {
        app.create(&json!({ "title": format!("Another {number}") })).await;
    }
    let answer = ask(&app, "delete all tasks").await;
    assert!(answer["question"].is_null() && answer["response"].as_str().unwrap().contains("104"), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn a_line_is_read_as_a_draft_and_makes_nothing() {
    let app = App::with(&[ZONE]).await;
    let text = "😀 call mum on July 3rd 2199 at 5pm #family";
    let draft = app.post("/api/chat/draft", &json!({ "text": text, "time_zone": "America/New_York" })).await.is(200).json();
    assert_eq!((&draft["task"]["title"], &draft["task"]["due_date"]), (&json!("😀 call mum"), &json!("2199-07-03T21:00:00.000000Z")));
    let tag = draft["parts"].as_array().unwrap().iter().find(|part| part["kind"] == "tag").unwrap();
    let units: Vec<u16> = text.encode_utf16().collect();
    let place = |name: &str| usize::try_from(tag[name].as_u64().unwrap()).unwrap();
    assert_eq!(String::from_utf16(&units[place("start")..place("end")]).unwrap(), "#family");
    assert_eq!(app.list("/api/tasks").await.len(), 0);
    // What it says can be posted as it is.
    let created = app.create(&draft["task"]).await;
    assert_eq!((&created["due_date"], &created["tags"]), (&json!("2199-07-03T21:00:00.000000Z"), &json!(["family"])));
    for (body, pointer) in [(json!({}), "/text"), (json!({ "text": " " }), "/text"), (json!({ "text": "a".repeat(1_001) }), "/text")] {
        assert_eq!(app.post("/api/chat/draft", &body).await.problem(422), [pointer]);
    }
    let _ = app.get("/api/chat/draft").await.problem(405);
    app.stop().await;
}
