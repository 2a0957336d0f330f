//! Notifications: if an id is visible, all earlier ones are too.

use store::{Error, Store};

use crate::database::fresh;
use crate::fixtures::{at, work, work_at};

async fn made(store: &Store, title: &str) -> i64 {
    let mut unit = store.begin(work()).await.unwrap();
    let notification = unit.create_notification(7, 70, title, "body").await.unwrap();
    unit.commit().await.unwrap();
    notification.id
}

#[tokio::test]
async fn a_client_resumes_after_its_last_notification() {
    let store = fresh().await;
    assert_eq!(store.last_notification_id().await.unwrap(), 0);
    let (one, two, three) = (made(&store, "one").await, made(&store, "two").await, made(&store, "three").await);
    let ids = async |after, limit| store.notifications(after, limit).await.unwrap().iter().map(|n| n.id).collect::<Vec<_>>();
    assert_eq!(ids(Some(0), 100).await, [one, two, three]);
    assert_eq!(ids(Some(one), 1).await, [two]);
    assert_eq!(ids(Some(three), 100).await, [0_i64; 0]);
    assert_eq!(ids(None, 2).await, [two, three]);
    assert_eq!(store.last_notification_id().await.unwrap(), three);
}

#[tokio::test]
async fn the_first_reading_counts() {
    let store = fresh().await;
    let id = made(&store, "read me").await;
    for seconds in [5, 6] {
        let mut unit = store.begin(work_at(at(seconds))).await.unwrap();
        unit.read_notification(id).await.unwrap();
        assert!(matches!(unit.read_notification(id + 1).await, Err(Error::NotFound)));
        unit.commit().await.unwrap();
    }
    assert_eq!(store.notifications(None, 1).await.unwrap().first().unwrap().read_at, Some(at(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ids_become_visible_in_their_order() {
    const WRITERS: usize = 8;
    const EACH: usize = 30;
    let store = fresh().await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..EACH {
                    let mut unit = store.begin(work()).await.unwrap();
                    unit.create_notification(7, 70, "t", "b").await.unwrap();
                    if (writer + round) % 3 == 0 {
                        tokio::task::yield_now().await;
                    }
                    if round % 7 != 6 {
                        unit.commit().await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut last = 0;
    let mut seen = 0;
    while seen < i64::try_from(WRITERS * (EACH - EACH / 7)).unwrap() {
        for notification in store.notifications(Some(last), 1_000).await.unwrap() {
            last = notification.id;
            seen += 1;
        }
        if writers.iter().all(tokio::task::JoinHandle::is_finished) {
            let all: i64 = sqlx::query_scalar("SELECT count(*) FROM notifications").fetch_one(store.pool()).await.unwrap();
            seen += i64::try_from(store.notifications(Some(last), 1_000).await.unwrap().len()).unwrap();
            assert_eq!(seen, all, "a reader that goes on after the last id misses none");
            break;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
}
