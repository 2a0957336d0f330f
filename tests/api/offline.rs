//! The offline assistant: everyday sentences, executed with the same tools; and drafts.

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
    // "It" is the only task mentioned.
    assert!(say(&app, "complete it").await.starts_with("Completed “Call Ada”"));
    assert_eq!(app.task(&late["id"]).await["status"], "completed");
    assert!(say(&app, &format!("tag {id} #money")).await.starts_with("Tagged “pay rent”"));
    assert_eq!(app.task(&id).await["tags"], json!(["home", "money"]));
    let completed = ask(&app, &format!("complete {id}")).await;
    assert_eq!((&completed["actions"][0]["tool"], &completed["actions"][0]["status"]), (&json!("complete_task"), &json!("done")));
    assert!(say(&app, "complete 4711").await.contains("#4711: not found"));
    assert!(say(&app, "help").await.contains("what** is overdue?"));
    // It admits that it did not understand.
    assert!(!say(&app, "asdf qwer?").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn the_requested_number_of_tasks_is_listed_and_changed() {
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
    // No more is changed than requested.
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

/// Returns the titles of all tasks, oldest first.
async fn titles(app: &App) -> Vec<String> {
    app.list("/api/tasks?order=asc&limit=500").await.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_unsupported_order_becomes_no_task() {
    let app = App::with(&[ZONE]).await;
    for order in [
        "snooze dentist 1 day",
        "set priority of pay rent to high and tag it money",
        "every overdue task to monday",
        "undo",
        "redo that",
        "archive 12",
        "share it with Bob",
        "merge 3 and 4",
        "skip 12 this week",
        "mark everything",
        "delete all but 3",
        "don't delete 12",
    ] {
        let answer = ask(&app, order).await;
        assert!(
            answer["question"].is_null()
                && answer["actions"].as_array().unwrap().iter().all(|action| action["status"] != "done" || action["changes"] == false),
            "{order}: {answer}"
        );
        assert!(!answer["response"].as_str().unwrap().is_empty());
    }
    for order in [
        "snooze the dentist",
        "postpone gym a bit",
        "sort my tasks by tag",
        "hide completed tasks",
        "archive dentist",
        "duplicate pay rent",
        "assign pay rent to Bob",
        "share my list with Bob",
        "export my tasks",
        "empty the list",
        "mark pay rent as paid",
        "rename pay rent",
        "set the colour of pay rent to red",
        "push dentist back",
        "skip gym this week",
        "stop reminding me",
        "turn off notifications",
        "unsubscribe me",
        "change pay rent to weekly",
        "delete the 3 pm meeting",
    ] {
        let answer = ask(&app, order).await;
        let question = answer["question"]["text"].as_str().unwrap_or_else(|| panic!("{order}: {answer}"));
        assert!(question.starts_with("Add “") && question.ends_with("” as a task?"), "{order}: {question}");
    }
    assert_eq!(titles(&app).await, Vec::<String>::new());
    // Only a yes adds it.
    ask(&app, "archive dentist").await;
    assert!(say(&app, "not that").await.starts_with("Added “not that”"));
    ask(&app, "archive dentist tomorrow").await;
    assert_eq!(say(&app, "yes").await, "Created “archive dentist” (#2).");
    assert_eq!(say(&app, "yes").await, "There is no open question to confirm.");
    assert_eq!(titles(&app).await, ["not that", "archive dentist"]);
    app.stop().await;
}

#[tokio::test]
async fn a_to_do_that_begins_like_an_order_is_added() {
    let app = App::with(&[ZONE]).await;
    let all = [
        "call mom",
        "buy milk",
        "clear gutters saturday",
        "cancel gym membership",
        "set up the router",
        "change oil in the car",
        "share notes with Bob",
        "copy keys",
        "export tax documents friday",
        "mark exams",
        "add snooze the dentist",
        "add delete 12",
    ];
    for line in all {
        let answer = ask(&app, line).await;
        assert!(answer["response"].as_str().unwrap().starts_with("Added “") && answer["question"].is_null(), "{line}: {answer}");
    }
    assert_eq!(titles(&app).await.len(), all.len());
    // With an existing task it could be an order.
    let answer = ask(&app, "cancel mark exams").await;
    assert!(answer["response"].as_str().unwrap().starts_with("There is a task “mark exams” (#10)"), "{answer}");
    assert_eq!(answer["question"]["text"], "Add “cancel mark exams” as a task?");
    // Without a task of this name it may be a new one.
    let answer = ask(&app, "finish essay").await;
    assert!(answer["response"].as_str().unwrap().starts_with("I found no task “essay”."), "{answer}");
    assert_eq!(say(&app, "yes, add it").await, "Created “finish essay” (#13).");
    app.stop().await;
}

#[tokio::test]
async fn a_supported_order_is_executed() {
    let app = App::with(&[ZONE]).await;
    for title in ["Dentist", "Pay rent"] {
        app.create(&json!({ "title": title, "due_date": "2020-01-01T09:00:00Z", "time_zone": "Europe/Berlin" })).await;
    }
    for (order, id, field, value) in [
        ("snooze dentist 1 day", 1, "due_date", json!("2020-01-02T09:00:00.000000Z")),
        ("push the dentist back by a week", 1, "due_date", json!("2020-01-09T09:00:00.000000Z")),
        ("set priority of pay rent to high", 2, "priority", json!("high")),
        ("change pay rent to weekly", 2, "recurrence", json!("weekly")),
        ("set the due date of dentist to 2199-01-03", 1, "due_date", json!("2199-01-03T09:00:00.000000Z")),
        ("set the reminder of dentist to 1 hour", 1, "title", json!("Dentist")),
        ("every overdue task to 2199-01-02", 2, "due_date", json!("2199-01-02T09:00:00.000000Z")),
    ] {
        let answer = ask(&app, order).await;
        assert_eq!((&app.task(&json!(id)).await[field], &answer["question"]), (&value, &Value::Null), "{order}: {answer}");
    }
    assert_eq!(app.reminder(&json!(1), "pending").await["reminder_offset"], "1 hour");
    assert_eq!(titles(&app).await.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn an_order_with_a_question_mark_is_asked_first() {
    let app = App::with(&[ZONE]).await;
    for number in 1..=4 {
        app.create(&json!({ "title": format!("Task {number}") })).await;
    }
    for (order, question) in [
        ("delete 1?", "Delete “Task 1” (#1)?"),
        ("complete 1 and 2?", "Complete “Task 1” (#1) and “Task 2” (#2)?"),
        ("move 1 to 2199-01-01?", "Change the due date of “Task 1” (#1)?"),
        ("tag 1 with home?", "Tag “Task 1” (#1) with home?"),
        ("set 1 to high?", "Set the priority of “Task 1” (#1) to high?"),
    ] {
        assert_eq!(ask(&app, order).await["question"]["text"], question, "{order}");
    }
    assert_eq!(app.task(&json!(1)).await["version"], 1, "nothing was done");
    assert!(say(&app, "delete 3737?").await.contains("not found"));
    assert!(say(&app, "should I delete 1?").await.contains("beyond the offline assistant"));
    // A yes executes it.
    ask(&app, "complete 1?").await;
    assert_eq!(say(&app, "ok").await, "Completed “Task 1” (#1).");
    // A polite request is not a question.
    for order in ["can you delete 2?", "could you please delete 3?", "would you delete 4, please?"] {
        assert!(say(&app, order).await.starts_with("Deleted task"), "{order}");
    }
    assert_eq!(titles(&app).await, ["Task 1"]);
    app.stop().await;
}

#[tokio::test]
async fn changing_many_tasks_needs_confirmation_of_their_number() {
    let app = App::with(&[ZONE]).await;
    for number in 1..=7 {
        app.create(&json!({ "title": format!("Task {number}"), "tags": ["home"] })).await;
    }
    let pending = async || app.list("/api/tasks?status=pending").await.len();
    ask(&app, "complete 2").await;
    for (order, question, count) in [
        ("complete 1-999999999", "Complete 6 tasks?", 6),
        ("complete 3-999999999999999999", "Complete 5 tasks?", 5),
        ("complete tasks 1 to 5", "Complete 4 tasks?", 4),
        ("complete all tasks tagged #home", "Complete 6 tasks?", 6),
        ("move everything to 2199-01-01", "Change the due date of 6 tasks?", 6),
        ("tag all tasks with work", "Tag 7 tasks with work?", 7),
        ("reopen 1-999999999", "Reopen “Task 2” (#2)?", 1),
        ("delete 1-999999999", "Delete 7 tasks?", 7),
    ] {
        let answer = ask(&app, order).await;
        assert_eq!((&answer["question"]["text"], &answer["question"]["count"]), (&json!(question), &json!(count)), "{order}: {answer}");
        assert!(answer["response"].as_str().unwrap().contains(&count.to_string()) || count == 1, "{order}: {answer}");
    }
    assert_eq!(pending().await, 6);
    assert_eq!(say(&app, "complete 50-999999999").await, "There are no pending tasks from 50 to 999999999.");
    // A few, or each by its number: done without asking.
    ask(&app, "complete 1-3").await;
    ask(&app, "complete 4, 5, 6 and 7").await;
    assert_eq!(pending().await, 0);
    ask(&app, "reopen 1-7").await;
    assert_eq!(say(&app, "yes").await, "Reopened 7 tasks.");
    assert_eq!(pending().await, 7);
    app.stop().await;
}

#[tokio::test]
async fn an_answer_and_its_cards_agree() {
    let app = App::with(&[ZONE]).await;
    for title in ["Pay rent", "Pay rent for the garage", "Water the lawn"] {
        app.create(&json!({ "title": title })).await;
    }
    ask(&app, "complete 3").await;
    let cards = |answer: &Value| -> Vec<i64> {
        let looked = answer["actions"].as_array().unwrap().iter().filter(|action| action["changes"] == false);
        looked.flat_map(|action| action["tasks"].as_array().unwrap()).map(|card| card["id"].as_i64().unwrap()).collect()
    };
    for (asked, response, ids) in [
        ("what did I complete yesterday?", "There are no completed tasks yesterday.", vec![]),
        ("what did I complete today?", "Completed tasks today:\n\n- “Water the lawn” (#3)", vec![3]),
        ("how many tasks did I complete today?", "You completed 1 task today.", vec![3]),
        ("how many tasks did I complete yesterday?", "There are no completed tasks yesterday.", vec![]),
        ("how many tasks do I have?", "There are 2 open tasks.", vec![2, 1]),
        ("show 2-99", "Tasks 2 to 99:\n\n- “Pay rent for the garage” (#2)\n- “Water the lawn” (#3)", vec![2, 3]),
        // Tasks that it read only to find the right one are not shown.
        ("tag pay rent with home", "Tagged “Pay rent” (#1), #home.", vec![]),
    ] {
        let answer = ask(&app, asked).await;
        let mut shown = cards(&answer);
        shown.sort_unstable();
        let mut expected = ids.clone();
        expected.sort_unstable();
        assert_eq!((answer["response"].as_str().unwrap(), &shown), (response, &expected), "{asked}");
    }
    let answer = ask(&app, "complete pay").await;
    assert!(answer["response"].as_str().unwrap().starts_with("Which one do you mean?"), "{answer}");
    assert_eq!(cards(&answer).len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn a_title_in_an_answer_is_text() {
    let app = App::with(&[ZONE]).await;
    app.create(&json!({ "title": "[click](https://evil.example) **bold** `code`" })).await;
    let escaped = r"“\[click\](https://evil.example) \*\*bold\*\* \`code\`” (#1)";
    assert_eq!(say(&app, "show 1").await, format!("{escaped}, pending"));
    assert_eq!(say(&app, "complete 1").await, format!("Completed {escaped}."));
    ask(&app, "delete 1?").await;
    let answer = ask(&app, "yes").await;
    assert_eq!(
        (&answer["response"], &answer["actions"][0]["detail"]),
        (&json!(format!("Deleted {escaped}.")), &json!("Deleted “[click](https://evil.example) **bold** `code`” (#1)."))
    );
    app.stop().await;
}

#[tokio::test]
async fn an_ambiguous_title_needs_a_choice() {
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
    assert_eq!(say(&app, "yes").await, "There is no open question to confirm.");
    // It does not start what it cannot complete.
    for number in 0..100 {
        app.create(&json!({ "title": format!("Another {number}") })).await;
    }
    let answer = ask(&app, "delete all tasks").await;
    assert!(answer["question"].is_null() && answer["response"].as_str().unwrap().contains("104"), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn a_line_is_parsed_as_a_draft_and_creates_nothing() {
    let app = App::with(&[ZONE]).await;
    let text = "😀 call mum on July 3rd 2199 at 5pm #family";
    let draft = app.post("/api/chat/draft", &json!({ "text": text, "time_zone": "America/New_York" })).await.is(200).json();
    assert_eq!((&draft["task"]["title"], &draft["task"]["due_date"]), (&json!("😀 call mum"), &json!("2199-07-03T21:00:00.000000Z")));
    let tag = draft["parts"].as_array().unwrap().iter().find(|part| part["kind"] == "tag").unwrap();
    let units: Vec<u16> = text.encode_utf16().collect();
    let place = |name: &str| usize::try_from(tag[name].as_u64().unwrap()).unwrap();
    assert_eq!(String::from_utf16(&units[place("start")..place("end")]).unwrap(), "#family");
    assert_eq!(app.list("/api/tasks").await.len(), 0);
    // Its task can be posted unchanged.
    let created = app.create(&draft["task"]).await;
    assert_eq!((&created["due_date"], &created["tags"]), (&json!("2199-07-03T21:00:00.000000Z"), &json!(["family"])));
    for (body, pointer) in [(json!({}), "/text"), (json!({ "text": " " }), "/text"), (json!({ "text": "a".repeat(1_001) }), "/text")] {
        assert_eq!(app.post("/api/chat/draft", &body).await.problem(422), [pointer]);
    }
    let _ = app.get("/api/chat/draft").await.problem(405);
    app.stop().await;
}

#[tokio::test]
async fn the_callers_language_decides_how_dates_and_times_are_written() {
    let app = App::with(&[ZONE]).await;
    for (language, due) in
        [("en-US,en;q=0.9", "2198-12-03T16:00:00.000000Z"), ("en-GB", "2198-03-12T16:00:00.000000Z"), ("de", "2198-03-12T16:00:00.000000Z")]
    {
        let line = json!({ "text": "party 12/03/2198 at 5pm" });
        let draft = app.send("POST", "/api/chat/draft", &[("accept-language", language)], &line).await.is(200).json();
        assert_eq!(draft["task"]["due_date"], due, "{language}");
        let time = draft["parts"].as_array().unwrap().iter().find(|part| part["kind"] == "time").unwrap();
        assert_eq!(time["meaning"], if language == "de" || language == "en-GB" { "17:00" } else { "5:00 PM" }, "{language}");
    }
    // Without a language header, the user's preference decides.
    let line = json!({ "text": "party 12/03/2198 at 5pm" });
    for (locale, due) in [(json!("en-US"), "2198-12-03T16:00:00.000000Z"), (json!("en-GB"), "2198-03-12T16:00:00.000000Z")] {
        let _ = app.put("/api/preferences", &json!({ "locale": locale })).await.is(200);
        let draft = app.post("/api/chat/draft", &line).await.is(200).json();
        assert_eq!(draft["task"]["due_date"], due, "{locale}");
        let american = app.send("POST", "/api/chat/draft", &[("accept-language", "en-US")], &line).await.is(200).json();
        assert_eq!(american["task"]["due_date"], "2198-12-03T16:00:00.000000Z", "the call decides");
    }
    let message = json!({ "message": "add party on 12/03/2198 at 5pm" });
    let answer = app.send("POST", "/api/chat", &[("accept-language", "en-US")], &message).await.is(200).json();
    assert!(answer["response"].as_str().unwrap().contains("due Mon 3 Dec 2198 5:00 PM"), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn a_tag_with_a_space_is_read_where_it_exists() {
    let app = App::with(&[ZONE]).await;
    let tags = async |text: &str| app.post("/api/chat/draft", &json!({ "text": text })).await.is(200).json()["task"]["tags"].clone();
    assert_eq!(tags("buy pens #home office").await, json!(["home"]));
    assert_eq!(tags("buy pens #\"home office\"").await, json!(["home office"]));
    app.create(&json!({ "title": "Desk", "tags": ["Home Office"] })).await;
    assert_eq!(tags("buy pens #home office").await, json!(["home office"]));
    assert_eq!(say(&app, "add buy pens #home office").await.lines().next(), Some("Added “buy pens” (#2), #home office."));
    app.stop().await;
}
