//! Lists: filters, orders, pages, and the index that each one uses.

use domain::Task;
use domain::query::{Order, SortBy, TagsMatch};
use domain::task::{Draft, Priority, Status};

use crate::database::{Fresh, fresh};
use crate::fixtures::{at, create_at, draft, list, search, titles, work};

/// Creates six tasks that differ in every field, named in the order of their creation.
async fn six() -> Fresh {
    let store = fresh().await;
    let rows: [(&str, Option<i64>, Priority, &[&str]); 6] = [
        ("b", Some(300), Priority::Low, &["x", "y"]),
        ("A", None, Priority::High, &["x"]),
        ("c", Some(100), Priority::Medium, &["y", "x"]),
        ("D", Some(200), Priority::Low, &[]),
        ("a", None, Priority::High, &["z"]),
        ("é", Some(100), Priority::Medium, &["x", "y", "z"]),
    ];
    for (index, (title, due, priority, tags)) in rows.into_iter().enumerate() {
        let draft =
            Draft(Task { due_date: due.map(at), priority, tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..draft(title).0 });
        create_at(&store, at(i64::try_from(index).unwrap() / 2), draft).await;
    }
    store
}

#[tokio::test]
async fn every_order_goes_both_ways_with_ties_by_id_and_missing_due_dates_last() {
    let store = six().await;
    sqlx::query("UPDATE tasks SET updated_at = created_at - make_interval(secs => 10 * id)").execute(store.pool()).await.unwrap();
    for (sort_by, ascending, descending) in [
        (SortBy::CreatedAt, "bAcDaé", "éaDcAb"),
        (SortBy::UpdatedAt, "éaDcAb", "bAcDaé"),
        (SortBy::DueDate, "céDbAa", "bDécaA"),
        (SortBy::Priority, "bDcéAa", "aAécDb"),
        (SortBy::Title, "AabcDé", "éDcbaA"),
    ] {
        for (order, expected) in [(Order::Asc, ascending), (Order::Desc, descending)] {
            let query = list(|list| (list.sort_by, list.order) = (sort_by, Some(order)));
            assert_eq!(titles(&store, &query).await.concat(), expected, "{sort_by:?} {order:?}");
            // The other shape of statement returns the same: everything is due before the end of time or has a tag.
            let gathered = list(|list| {
                (list.sort_by, list.order) = (sort_by, Some(order));
                list.filter.due_after = Some(at(0).into());
            });
            let dated: String = expected.chars().filter(|title| "bcDé".contains(*title)).collect();
            assert_eq!(titles(&store, &gathered).await.concat(), dated, "gathered {sort_by:?} {order:?}");
        }
    }
    assert_eq!(titles(&store, &list(|_| ())).await.concat(), "éaDcAb");
    assert_eq!(titles(&store, &list(|list| list.sort_by = SortBy::DueDate)).await.concat(), "céDbAa");
}

#[tokio::test]
async fn every_filter_narrows_and_all_hold_at_once() {
    let store = six().await;
    let mut unit = store.begin(work()).await.unwrap();
    let task = unit.task(3).await.unwrap();
    let done = domain::Task { status: Status::Completed, completed_at: Some(at(9)), ..task.clone() };
    unit.save_task(&task, done, domain::event::EventType::TaskCompleted).await.unwrap();
    unit.commit().await.unwrap();
    let tags = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let found = async |change: &dyn Fn(&mut domain::query::ListTasks)| {
        let query = list(|list| {
            list.order = Some(Order::Asc);
            change(list);
        });
        titles(&store, &query).await.concat()
    };
    assert_eq!(found(&|list| list.filter.status = Some(Status::Completed)).await, "c");
    assert_eq!(found(&|list| list.filter.status = Some(Status::Pending)).await, "bADaé");
    assert_eq!(found(&|list| list.filter.priority = Some(Priority::High)).await, "Aa");
    assert_eq!(found(&|list| (list.filter.priority, list.filter.status) = (Some(Priority::Medium), Some(Status::Pending))).await, "é");
    assert_eq!(found(&|list| list.filter.tags = tags(&["x"])).await, "bAcé");
    assert_eq!(found(&|list| list.filter.tags = tags(&["Y", "x"])).await, "bcé");
    assert_eq!(found(&|list| (list.filter.tags, list.filter.tags_match) = (tags(&["z", "y"]), TagsMatch::Any)).await, "bcaé");
    assert_eq!(found(&|list| (list.filter.tags, list.filter.tags_match) = (tags(&["y", "x"]), TagsMatch::Exact)).await, "bc");
    assert_eq!(found(&|list| (list.filter.tags, list.filter.tags_match) = (tags(&["y"]), TagsMatch::Exact)).await, "");
    assert_eq!(found(&|list| list.filter.due_before = Some(at(200).into())).await, "cé");
    assert_eq!(found(&|list| list.filter.due_after = Some(at(200).into())).await, "bD");
    assert_eq!(found(&|list| (list.filter.due_after, list.filter.due_before) = (Some(at(101).into()), Some(at(300).into()))).await, "D");
    assert_eq!(
        found(&|list| (list.filter.due_after, list.filter.tags, list.filter.status) =
            (Some(at(0).into()), tags(&["x"]), Some(Status::Pending)))
        .await,
        "bé"
    );
    let found = async |change: &dyn Fn(&mut domain::query::TaskFilter)| {
        let query = search("", |search| {
            search.order = Some(Order::Asc);
            change(&mut search.filters);
        });
        titles(&store, &query).await.concat()
    };
    assert_eq!(found(&|filter| (filter.completed_after, filter.completed_before) = (Some(at(9).into()), Some(at(10).into()))).await, "c");
    assert_eq!(found(&|filter| filter.completed_after = Some(at(10).into())).await, "");
    assert_eq!(found(&|filter| filter.completed_before = Some(at(9).into())).await, "");
    assert_eq!(found(&|filter| (filter.id_from, filter.id_to) = (Some(2), Some(3))).await, "Ac");
}

#[tokio::test]
async fn pages_are_pieces_of_the_whole_and_the_count_is_there_beyond_the_end() {
    let store = six().await;
    for change in [None, Some(at(0).into())] {
        let query = |limit: u32, offset: u32| {
            list(|list| {
                (list.limit, list.offset, list.sort_by) = (Some(limit), Some(offset), SortBy::Priority);
                list.filter.due_after = change;
            })
        };
        let whole = titles(&store, &query(500, 0)).await;
        let mut pieces = Vec::new();
        for page in 0..6 {
            pieces.extend(titles(&store, &query(1, page)).await);
        }
        assert_eq!(pieces, whole);
        let beyond = store.tasks(&query(5, 1_000)).await.unwrap();
        assert_eq!((beyond.items.len(), beyond.total_count), (0, i64::try_from(whole.len()).unwrap()));
    }
}

/// Creates enough tasks that the planner prefers an index. Without one, each of these queries would read all of them.
async fn many() -> Fresh {
    let store = fresh().await;
    sqlx::raw_sql(
        "INSERT INTO tasks (title, title_key, description, due_date, time_zone, recurrence, recurrence_from, recurrence_number, priority, \
            tags, status, completed_at, version, created_at, updated_at) \
         SELECT 'task ' || n, 'task ' || n, 'word' || n % 977 || ' text', \
            CASE WHEN n % 5 > 0 THEN timestamptz '2026-01-01' + n * 7919 % 20011 * interval '1 minute' END, \
            'UTC', 'none', 'due', 1, n % 3, ARRAY['t' || n % 100], CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'completed' END, \
            CASE WHEN n % 20 = 0 THEN NULL ELSE now() END, 1, timestamptz '2026-01-01' + n * interval '1 second', \
            timestamptz '2026-01-01' + n * interval '1 second' FROM generate_series(1, 20000) AS n; \
         INSERT INTO task_search SELECT id, ' ' || title || ' ', ' ' || title || E' \\n ' || description || ' ' FROM tasks",
    )
    .execute(store.pool())
    .await
    .unwrap();
    sqlx::raw_sql("VACUUM ANALYZE").execute(store.pool()).await.unwrap();
    store
}

#[tokio::test]
async fn every_list_and_search_uses_the_index_that_is_meant_for_it() {
    let store = many().await;
    let moment = |text: &str| Some(text.parse::<domain::Moment>().unwrap());
    for (index, query) in [
        ("Backward using tasks_created", list(|_| ())),
        ("Scan using tasks_created", list(|list| list.order = Some(Order::Asc))),
        ("Backward using tasks_updated", list(|list| list.sort_by = SortBy::UpdatedAt)),
        ("Scan using tasks_due ", list(|list| list.sort_by = SortBy::DueDate)),
        ("Scan using tasks_due_last_first", list(|list| (list.sort_by, list.order) = (SortBy::DueDate, Some(Order::Desc)))),
        ("Backward using tasks_priority ", list(|list| list.sort_by = SortBy::Priority)),
        ("Scan using tasks_title", list(|list| list.sort_by = SortBy::Title)),
        ("Backward using tasks_title", list(|list| (list.sort_by, list.order) = (SortBy::Title, Some(Order::Desc)))),
        ("Backward using tasks_status", list(|list| list.filter.status = Some(Status::Pending))),
        ("Scan using tasks_priority_due", list(|list| (list.filter.priority, list.sort_by) = (Some(Priority::High), SortBy::DueDate))),
        ("on tasks_tags", list(|list| list.filter.tags = vec!["t7".to_owned()])),
        ("on tasks_tags", list(|list| (list.filter.tags, list.filter.tags_match) = (vec!["t7".to_owned()], TagsMatch::Any))),
        ("tasks_due", list(|list| list.filter.due_before = moment("2026-01-02T00:00:00Z"))),
        ("on task_search_text", search("word77", |_| ())),
        ("on task_search_text", search("ord7 text", |search| search.sort_by = Some(SortBy::CreatedAt))),
        ("on task_search_text", search("wo", |search| search.filters.status = Some(Status::Pending))),
        ("on task_search_text", search("über 日本", |_| ())),
    ] {
        let plan = store.explain(&query).await.unwrap();
        assert!(plan.contains(index) && !plan.contains("Seq Scan on tasks"), "{index}\n{query:?}\n{plan}");
        store.tasks(&query).await.unwrap();
    }
}

#[tokio::test]
async fn one_statement_returns_the_same_page_and_count_as_two() {
    let store = many().await;
    let page = store.tasks(&list(|list| list.filter.status = Some(Status::Pending))).await.unwrap();
    assert_eq!((page.items.len(), page.total_count), (50, 1_000));
    assert!(page.items.windows(2).all(|pair| matches!(pair, [one, other] if one.created_at > other.created_at)));
    let page = store.tasks(&search("word7", |search| search.filters.priority = Some(Priority::High))).await.unwrap();
    let counted: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks WHERE description LIKE '%word7%' AND priority = 2")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.total_count), (50, counted));
}
