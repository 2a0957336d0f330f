//! Which tasks a search finds, and their order.

use domain::Task;
use domain::query::{Order, SortBy};
use domain::task::{Draft, Priority, Status};

use crate::database::{Fresh, fresh};
use crate::fixtures::{create, draft, search, titles};

async fn with(rows: &[(&str, &str)]) -> Fresh {
    let store = fresh().await;
    for (title, description) in rows {
        create(&store, Draft(Task { description: (*description).to_owned(), ..draft(title).0 })).await;
    }
    store
}

#[tokio::test]
async fn terms_are_found_as_words_beginnings_and_parts_and_all_must_match() {
    let store = with(&[
        ("Pay rent", "to the landlord, monthly"),
        ("Call Jörg", "about the Übergabe in München"),
        ("Learn C++ and C#", "libc++, too"),
        ("100% done_done", r#"a back\slash and a 'quote' and a "double""#),
        ("買い物に行く", "牛乳と卵"),
        ("Party 🎉 plan", "foo-bar (baz) e.g. #home"),
        ("Straße fegen", "ΟΔΟΣ Ωμέγα"),
        ("İstanbul trip", "naïve café – “quoted”"),
    ])
    .await;
    let cases: &[(&str, &[&str])] = &[
        // Words, beginnings, parts; any case; all terms; title and description together.
        ("rent", &["Pay rent"]),
        ("RENT pay", &["Pay rent"]),
        ("ent", &["Pay rent"]),
        ("andlor", &["Pay rent"]),
        ("rent landlord", &["Pay rent"]),
        ("rent munich", &[]),
        ("  rent \t\n pay  ", &["Pay rent"]),
        // One and two characters: the beginnings of words.
        ("r", &["Pay rent"]),
        ("re", &["Pay rent"]),
        ("nt", &[]),
        ("ba", &["Party 🎉 plan", "100% done_done"]),
        ("e", &["Party 🎉 plan"]),
        // Special characters of LIKE.
        ("%", &["100% done_done"]),
        ("100%", &["100% done_done"]),
        ("1_0", &[]),
        ("_", &["100% done_done"]),
        ("done_d", &["100% done_done"]),
        (r"\", &["100% done_done"]),
        (r"k\s", &["100% done_done"]),
        ("'quote'", &["100% done_done"]),
        (r#""dou"#, &["100% done_done"]),
        ("'; DROP TABLE tasks; --", &[]),
        // Punctuation.
        ("c++", &["Learn C++ and C#"]),
        ("c#", &["Learn C++ and C#"]),
        ("++", &["Learn C++ and C#"]),
        ("#", &["Party 🎉 plan", "Learn C++ and C#"]),
        // A tag that no task has.
        ("#home", &[]),
        ("foo-bar", &["Party 🎉 plan"]),
        ("o-b", &["Party 🎉 plan"]),
        ("(baz)", &["Party 🎉 plan"]),
        ("e.g.", &["Party 🎉 plan"]),
        ("-", &["Party 🎉 plan", "İstanbul trip"]),
        ("“quoted”", &["İstanbul trip"]),
        ("quoted", &["İstanbul trip"]),
        ("!!!", &[]),
        // Every script, from a single character on.
        ("jörg", &["Call Jörg"]),
        ("JÖRG", &["Call Jörg"]),
        ("jorg", &["Call Jörg"]),
        ("ö", &[]),
        ("über", &["Call Jörg"]),
        ("ünch", &["Call Jörg"]),
        ("買", &["買い物に行く"]),
        ("行く", &["買い物に行く"]),
        ("物に行", &["買い物に行く"]),
        ("卵 買い", &["買い物に行く"]),
        ("🎉", &["Party 🎉 plan"]),
        ("🎊", &[]),
        ("STRASSE", &["Straße fegen"]),
        ("straße", &["Straße fegen"]),
        ("οδος", &["Straße fegen"]),
        ("ωμέ", &["Straße fegen"]),
        ("istanbul", &["İstanbul trip"]),
        ("İSTAN", &["İstanbul trip"]),
        ("caf", &["İstanbul trip"]),
        ("afé", &["İstanbul trip"]),
        // Folding leaves nothing: the search becomes a list.
        (
            "\u{307}",
            &[
                "İstanbul trip",
                "Straße fegen",
                "Party 🎉 plan",
                "買い物に行く",
                "100% done_done",
                "Learn C++ and C#",
                "Call Jörg",
                "Pay rent",
            ],
        ),
    ];
    for (query, expected) in cases {
        let found = titles(&store, &search(query, |search| search.order = None)).await;
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        let expected: Vec<String> = expected.iter().map(|title| (*title).to_owned()).collect();
        assert_eq!(sorted(&found), sorted(&expected), "{query:?}");
    }
}

#[tokio::test]
async fn very_long_texts_and_terms_are_found() {
    let needle = "n".repeat(480);
    let long = format!("{} {needle} {}", "wörd ".repeat(900), "日".repeat(5_000));
    let store = with(&[(&"t".repeat(200), &long), ("other", "")]).await;
    for query in [needle.as_str(), &"日".repeat(500), &"t".repeat(200), "wörd"] {
        assert_eq!(titles(&store, &search(query, |_| ())).await.len(), 1);
    }
    let sixteen = (0..16).map(|n| format!("t{}", "t".repeat(n))).collect::<Vec<_>>().join(" ");
    assert_eq!(titles(&store, &search(&sixteen, |_| ())).await.len(), 1);
}

#[tokio::test]
async fn the_best_match_comes_first_and_ties_the_newest() {
    let store = with(&[
        ("Notes", "about the report"),
        ("Airreport", ""),
        ("Reporting tools", ""),
        ("Old report draft", "report"),
        ("New (report)", ""),
        ("report", ""),
        ("Memo", "the report again"),
    ])
    .await;
    let ranked = ["report", "New (report)", "Old report draft", "Reporting tools", "Airreport", "Memo", "Notes"];
    assert_eq!(titles(&store, &search("Report", |_| ())).await, ranked);
    let paged = titles(&store, &search("report", |search| (search.limit, search.offset) = (Some(2), Some(1)))).await;
    assert_eq!(paged, ["New (report)", "Old report draft"]);
    assert_eq!(titles(&store, &search("report draft", |_| ())).await, ["Old report draft"]);
    assert_eq!(titles(&store, &search("old report draft", |search| search.limit = Some(1))).await, ["Old report draft"]);
}

#[tokio::test]
async fn a_given_order_overrides_relevance_and_filters_hold_too() {
    let store = fresh().await;
    for (title, priority, tags) in [("b report", Priority::Low, "x"), ("report", Priority::High, "y"), ("A report", Priority::High, "x")] {
        create(&store, Draft(Task { priority, tags: vec![tags.to_owned()], ..draft(title).0 })).await;
    }
    let sorted = |by, order| search("report", move |search| (search.sort_by, search.order) = (Some(by), order));
    assert_eq!(titles(&store, &sorted(SortBy::Title, None)).await, ["A report", "b report", "report"]);
    assert_eq!(titles(&store, &sorted(SortBy::Title, Some(Order::Desc))).await, ["report", "b report", "A report"]);
    assert_eq!(titles(&store, &sorted(SortBy::Priority, None)).await, ["A report", "report", "b report"]);
    assert_eq!(titles(&store, &sorted(SortBy::DueDate, None)).await, ["b report", "report", "A report"]);
    assert_eq!(titles(&store, &search("report", |search| search.filters.tags = vec!["X".to_owned()])).await, ["A report", "b report"]);
    let both = search("rep", |search| (search.filters.priority, search.filters.status) = (Some(Priority::High), Some(Status::Pending)));
    assert_eq!(titles(&store, &both).await, ["A report", "report"]);
    let beyond = store.tasks(&search("report", |search| search.offset = Some(10))).await.unwrap();
    assert_eq!((beyond.items.len(), beyond.total_count), (0, 3));
}
