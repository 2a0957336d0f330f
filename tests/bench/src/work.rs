//! The calls that benchmarks make.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::Call;
use crate::load::Work;
use crate::seed;

/// A large step, so that neighbours are not requested in sequence; prime, so that all are.
const STEP: u64 = 7_919;

pub(crate) fn search(query: &str) -> Call {
    Call::post("/api/tasks/search", json!({ "query": query }).to_string())
}

pub(crate) fn list() -> Call {
    Call::get("/api/tasks")
}

pub(crate) fn create(task: &Value) -> Call {
    Call::post("/api/tasks", task.to_string()).expecting(StatusCode::CREATED)
}

pub(crate) fn complete(id: i64) -> Call {
    Call::post(format!("/api/tasks/{id}/complete"), Bytes::new())
}

/// Gets one seeded task after the other.
pub(crate) fn get(rows: u32, connection: u32) -> impl FnMut() -> Call + Send {
    let mut number = u64::from(connection) * 101;
    move || {
        number += STEP;
        Call::get(format!("/api/tasks/{}", number % u64::from(rows) + 1))
    }
}

/// Returns the id in an answer.
pub(crate) fn id_of(body: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Value>(body).ok()?["id"].as_i64()
}

/// Mixed calls: of ten, four get a task, two list, two search, one creates and one completes what was created.
pub(crate) struct Mix<G> {
    get: G,
    number: u32,
    mine: Option<i64>,
    created: bool,
    recurs: bool,
}

/// Creates the mix on this many seeded tasks. `recurs`: whether one of five new tasks recurs.
pub(crate) fn mix(rows: u32, connection: u32, recurs: bool) -> Mix<impl FnMut() -> Call + Send> {
    Mix { get: get(rows, connection), number: connection, mine: None, created: false, recurs }
}

impl<G: FnMut() -> Call + Send + 'static> Work for Mix<G> {
    fn next(&mut self) -> Call {
        self.number += 1;
        let place = self.number % 10;
        self.created = place == 4;
        match (place, self.mine) {
            (1 | 6, _) => list().kind("list"),
            (2, _) => search(seed::RARE).kind("search"),
            (7, _) => search("project report").kind("search"),
            (4, _) if self.recurs && self.number % 50 == 4 => {
                let fields = json!({ "title": "Water the plants", "due_date": "2030-01-31T09:00:00Z", "recurrence": "daily" });
                create(&fields).kind("create")
            }
            (4, _) => create(&json!({ "title": format!("Order coffee for meeting {}", self.number) })).kind("create"),
            (9, Some(id)) => complete(id).kind("complete"),
            _ => (self.get)().kind("get"),
        }
    }

    fn answered(&mut self, body: &Bytes) {
        if self.created {
            self.mine = id_of(body);
        }
    }
}
