//! Reminders by mail: their content, protection against injection, and failures of the server.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{App, Functions, MailServer, eventually, in_seconds};

fn settings(server: &MailServer) -> Vec<(&'static str, String)> {
    vec![
        ("TASKFLOW_SMTP_URL", server.url.clone()),
        ("TASKFLOW_SMTP_ROOTS", server.roots.to_str().unwrap().to_owned()),
        ("TASKFLOW_MAIL_TO", "Ann Ünal <ann@example.org>".to_owned()),
        ("TASKFLOW_MAIL_FROM", "Taskflow <taskflow@example.net>".to_owned()),
        ("TASKFLOW_LINK_KEY", "a key of tests".to_owned()),
        ("TASKFLOW_URL", "https://tasks.example.org".to_owned()),
    ]
}

async fn app(server: &MailServer) -> App {
    let settings = settings(server);
    App::with(&settings.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).await
}

async fn remind(app: &App, title: &str) -> Value {
    app.create(&json!({ "title": title, "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await
}

#[tokio::test]
async fn a_reminder_is_mailed_as_text_and_html_with_links_that_answer_it() {
    let server = MailServer::start().await;
    let app = app(&server).await;
    let task = remind(&app, "Pay <b>rent</b> & rest").await;
    let mail = server.mail().await;
    assert_eq!(mail.to, ["ann@example.org"]);
    assert_eq!(mail.headers("subject"), ["Reminder: Pay <b>rent</b> & rest"]);
    assert_eq!(mail.headers("from"), ["Taskflow <taskflow@example.net>"]);
    assert!(mail.headers("to")[0].ends_with("<ann@example.org>"), "{mail:?}");
    assert_eq!((mail.headers("auto-submitted"), mail.headers("date").len()), (vec!["auto-generated".to_owned()], 1));
    assert!(mail.headers("message-id")[0].ends_with("@example.net>"), "{mail:?}");
    let parts = mail.parts();
    let [(plain_type, plain), (html_type, html)] = parts.as_slice() else { panic!("{mail:?}") };
    assert!(plain_type.starts_with("text/plain; charset=utf-8") && html_type.starts_with("text/html; charset=utf-8"), "{parts:?}");
    assert!(plain.starts_with("Pay <b>rent</b> & rest\nDue "), "{plain}");
    assert!(html.contains("Pay &lt;b&gt;rent&lt;/b&gt; &amp; rest") && !html.contains("<b>"), "{html}");
    let links: Vec<&str> =
        plain.lines().filter_map(|line| line.split_once(": https://tasks.example.org/answer/").map(|(label, _)| label)).collect();
    assert_eq!(links, ["Complete", "Remind me in 10 minutes", "Remind me in 1 hour"]);
    for (_, link) in plain.lines().filter_map(|line| line.split_once(": https://tasks.example.org")).filter(|(_, link)| link.len() > 1) {
        assert!(html.contains(link), "{link}");
        let _ = app.get(link).await.is(200);
    }
    let sent = app.reminder(&task["id"], "sent").await;
    let types: Vec<(&Value, &Value)> =
        sent["deliveries"].as_array().unwrap().iter().map(|delivery| (&delivery["type"], &delivery["status"])).collect();
    assert_eq!(types, [(&json!("websocket"), &json!("sent")), (&json!("email"), &json!("sent"))]);
    app.settled().await;
    let entries = app.list("/api/audit?event_type=reminder.sent").await;
    assert_eq!((entries.len(), &entries[0]["event_data"]["data"]["reminder_type"]), (1, &json!("email")));
    assert_eq!(server.waiting().await, 0, "mailed once");
    app.stop().await;
}

#[tokio::test]
async fn a_title_cannot_inject_headers_or_commands() {
    let server = MailServer::start().await;
    let app = app(&server).await;
    // Control characters are refused. Other text that looks like a line or a header stays text.
    for title in ["Rent\r\nBcc: eve@example.org", "Rent\nBcc: eve@example.org", "Rent\u{0}", "Rent\r\n\r\nHello"] {
        let refused = app.post("/api/tasks", &json!({ "title": title, "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
        assert_eq!(refused.problem(422), ["/title"], "{title:?}");
    }
    let long = format!("Überraschung {}", "für alle ".repeat(20)).trim().to_owned();
    for title in [
        "Rent\u{2028}Bcc: eve@example.org",
        "Rent\u{85}Bcc: eve@example.org",
        "=?utf-8?q?=0D=0ABcc:_eve=40example.org?=",
        ".",
        "Bcc: eve@example.org",
        long.as_str(),
    ] {
        let made = app.post("/api/tasks", &json!({ "title": title, "due_date": in_seconds(600), "reminder_offset": "1 hour" })).await;
        if made.status != 201 {
            // A control character of Unicode.
            assert_eq!(made.problem(422), ["/title"], "{title:?}");
            continue;
        }
        let mail = server.mail().await;
        assert_eq!(
            (mail.to.as_slice(), mail.headers("bcc")),
            (["ann@example.org".to_owned()].as_slice(), Vec::new()),
            "{title:?}: {mail:?}"
        );
        assert_eq!(mail.headers("subject").len(), 1, "{mail:?}");
        let plain = &mail.parts()[0].1;
        assert!(plain.replace('\n', "").contains(&title.replace('\n', "")), "{title:?}: {plain:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_busy_server_gets_the_same_mail_again_and_a_refusing_one_gets_it_once() {
    let server = MailServer::start().await;
    let settings = settings(&server);
    let functions = Functions::with(&settings.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).await;
    let email = async |task: &Value| functions.reminders(task).await.remove(0)["deliveries"][1].clone();

    server.answer(451);
    let task = functions.fired("Pay rent").await;
    assert_eq!(functions.call_due("mail-reminder").await.0, [200]);
    let waiting = email(&task).await;
    assert_eq!((&waiting["type"], &waiting["status"], &waiting["attempts"]), (&json!("email"), &json!("pending"), &json!(1)));
    assert!(waiting["error"].as_str().unwrap().contains("451"), "{waiting}");
    server.answer(250);
    functions.pass(SignedDuration::from_secs(2));
    assert_eq!(functions.call_due("mail-reminder").await.0, [200]);
    let first = server.mail().await.headers("message-id");
    // The answer was lost: the mail is sent again with the same id.
    sqlx::query("UPDATE sends SET status = 'pending', sent_at = NULL, busy_until = NULL WHERE channel = 'email'")
        .execute(functions.store.pool())
        .await
        .unwrap();
    functions.keep_house().await;
    assert_eq!(functions.call_due("mail-reminder").await.0, [200]);
    assert_eq!(server.mail().await.headers("message-id"), first);

    server.answer(550);
    let task = functions.fired("Rest").await;
    assert_eq!(functions.call_due("mail-reminder").await.0, [200]);
    let failed = email(&task).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("550"), "{failed}");
    assert!(!failed.to_string().contains("password"), "{failed}");
    assert_eq!(functions.reminders(&task).await[0]["status"], "failed");
    functions.stop().await;
}

#[tokio::test]
async fn a_server_whose_certificate_is_unknown_gets_no_mail_and_no_password() {
    let server = MailServer::start().await;
    let settings: Vec<_> = settings(&server).into_iter().filter(|(name, _)| *name != "TASKFLOW_SMTP_ROOTS").collect();
    let app = App::with(&settings.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).await;
    let task = remind(&app, "Pay rent").await;
    let error = eventually("an attempt that fails", async || {
        let reminder = app.reminders(&task["id"]).await.pop()?;
        let email = reminder["deliveries"].as_array()?.iter().find(|delivery| delivery["type"] == "email")?.clone();
        email["error"].as_str().map(str::to_owned)
    })
    .await;
    assert!(!error.contains("password"), "{error}");
    assert_eq!(server.waiting().await, 0);
    assert!(server.connections() > 0);
    app.stop().await;
}
