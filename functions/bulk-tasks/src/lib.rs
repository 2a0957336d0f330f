//! Applies the same change to many tasks, and returns a result for each.
//!
//! Up to 50 tasks share a transaction, which saves most of the round trips and waits for the disk. A task that cannot be changed does not affect the
//! others. If a transaction fails before its commit, each of its tasks is changed in a transaction of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::command::{BulkAction, BulkTasks};
use domain::event::EventType;
use domain::{ChangeId, Task, routes};
use function::error::Problem;
use function::{Answer, App, Change, Error, Function, Published, Request, Response, input};
use serde::Serialize;
use tokio::time::Instant;

/// Number of tasks that share a transaction. Other changes of these tasks wait until it ends.
const CHUNK: usize = 50;
/// Time after which no further change starts: the remaining tasks are unchanged, and their results say so.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the function.
#[must_use]
pub fn function() -> Function {
    Function::new(routes::BULK_TASKS).raw("bulkTasks", change_many)
}

/// The result for one task.
#[derive(Clone, Serialize)]
struct Item {
    id: i64,
    /// The status that a call for this task alone would have.
    status: u16,
    /// The task after the change; none after a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Task>,
    /// The change, for `POST /api/undo`; none if nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_id: Option<ChangeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// The answer.
#[derive(Serialize)]
struct Results<'a> {
    results: Vec<&'a Item>,
}

/// One call.
struct Bulk {
    app: Arc<App>,
    command: BulkTasks,
    /// The path of the call, for problems.
    path: String,
    begun: Instant,
    published: Published,
    items: HashMap<i64, Item>,
}

async fn change_many(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let path = request.uri().path().to_owned();
    let (_, command) = input::question::<BulkTasks>(request).await?;
    let command = command.checked()?;
    let mut bulk = Bulk { app, command, path, begun: Instant::now(), published: Published::All, items: HashMap::new() };
    // In the order of ids, in which every transaction locks tasks.
    let mut ids = bulk.command.ids.clone();
    ids.sort_unstable();
    for chunk in ids.chunks(CHUNK) {
        bulk.together(chunk).await;
        for id in chunk {
            if !bulk.items.contains_key(id) {
                bulk.alone(*id).await;
            }
        }
    }
    let results = bulk.command.ids.iter().filter_map(|id| bulk.items.get(id)).collect();
    Ok(Answer::json(&Results { results })?.telling(bulk.published).into())
}

impl Bulk {
    /// Changes those of these tasks that are not locked, in one transaction. Tasks without a result are changed separately later.
    async fn together(&mut self, ids: &[i64]) {
        if self.is_late() {
            return;
        }
        let Ok((change, done)) = self.prepared(ids).await else { return };
        match change.commit().await {
            Ok(published) => {
                self.published = self.published.and(published);
                self.items.extend(done.into_iter().map(|item| (item.id, item)));
            }
            // It is unknown whether they were changed, so they are not changed again.
            Err(error) => {
                error.log(&self.path);
                let failed: Vec<Item> = done.iter().map(|item| self.failed(item.id, &error)).collect();
                self.items.extend(failed.into_iter().map(|item| (item.id, item)));
            }
        }
    }

    async fn prepared(&self, ids: &[i64]) -> Result<(Change, Vec<Item>), Error> {
        let mut change = self.change(None).await?;
        let mut done = Vec::with_capacity(ids.len());
        if self.command.action == BulkAction::Restore {
            for id in ids {
                done.push(self.outcome(*id, change.unit.restore_task(*id).await.map(Some).map_err(Error::from), &change)?);
            }
        } else {
            for task in change.unit.tasks(ids).await? {
                let id = task.id;
                let result = self.one(&mut change, task).await;
                done.push(self.outcome(id, result, &change)?);
            }
        }
        Ok((change, done))
    }

    /// Returns the result for one task. `Err` is an error of the whole transaction.
    fn outcome(&self, id: i64, result: Result<Option<Task>, Error>, change: &Change) -> Result<Item, Error> {
        match result {
            Ok(task) => Ok(Self::done(id, task, change)),
            Err(error @ (Error::Invalid(_) | Error::NotFound(_) | Error::Conflict(_))) => Ok(self.failed(id, &error)),
            Err(error) => Err(error),
        }
    }

    /// Changes a task in its own transaction.
    async fn alone(&mut self, id: i64) {
        let item = if self.is_late() {
            self.failed(id, &Error::Unavailable { what: "more time for this call", source: None })
        } else {
            match self.changed_alone(id).await {
                Ok((item, published)) => {
                    self.published = self.published.and(published);
                    item
                }
                Err(error) => {
                    error.log(&self.path);
                    self.failed(id, &error)
                }
            }
        };
        self.items.insert(id, item);
    }

    async fn changed_alone(&self, id: i64) -> Result<(Item, Published), Error> {
        let mut change = self.change(Some(id)).await?;
        let task = if self.command.action == BulkAction::Restore {
            Some(change.unit.restore_task(id).await?)
        } else {
            let task = change.unit.task(id).await?;
            self.one(&mut change, task).await?
        };
        let item = Self::done(id, task, &change);
        Ok((item, change.commit().await?))
    }

    /// Changes a locked task.
    async fn one(&self, change: &mut Change, task: Task) -> Result<Option<Task>, Error> {
        let now = change.now();
        let unit = &mut change.unit;
        Ok(Some(match self.command.action {
            BulkAction::Update => {
                let changed = self.command.update(task.id).apply(&task, now)?;
                unit.save_task(&task, changed, EventType::TaskUpdated).await?
            }
            BulkAction::AddTags => unit.save_task(&task, task.with_tags(&self.command.tags())?, EventType::TaskUpdated).await?,
            BulkAction::RemoveTags => unit.save_task(&task, task.without_tags(&self.command.tags())?, EventType::TaskUpdated).await?,
            BulkAction::Complete => unit.complete_task(task).await?,
            BulkAction::Reopen => unit.reopen_task(task).await?,
            BulkAction::Delete => {
                unit.delete_task(&task).await?;
                return Ok(None);
            }
            BulkAction::Restore => unit.restore_task(task.id).await?,
        }))
    }

    async fn change(&self, id: Option<i64>) -> Result<Change, Error> {
        self.app.change_on(id.map(|id| ("task_id", id)), self.app.origin(routes::BULK_TASKS.name), None).await
    }

    fn done(id: i64, task: Option<Task>, change: &Change) -> Item {
        let change_id = change.unit.made().filter(|made| made.task_id == id);
        Item { id, status: if task.is_some() { 200 } else { 204 }, task, change_id, problem: None }
    }

    fn failed(&self, id: i64, error: &Error) -> Item {
        Item { id, status: error.status().as_u16(), task: None, change_id: None, problem: Some(error.problem(&self.path)) }
    }

    fn is_late(&self) -> bool {
        self.begun.elapsed() > PATIENCE
    }
}
