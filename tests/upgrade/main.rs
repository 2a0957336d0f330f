//! The upgrade from the previous release, which runs as a real process: a week of its work, and both releases at the same time on one database.
//!
//! `OLD_TASKFLOW` names its program; `just upgrade-check` builds it from the repository's history. `tests/api/upgrade.rs` starts from a copy of the
//! database that [`week::left_behind`] leaves, so it needs no old program.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod beside;
mod dump;
mod week;

use std::path::Path;

use embedded::testing::TestDatabase;
use sqlx::PgPool;
use tests::stack::{Program, Recipe, binaries, free_port, part};
use tests::{Api, eventually};

/// A Taskflow in one process, as a separate program.
struct Taskflow {
    api: Api,
    program: Program,
}

impl Taskflow {
    async fn start(program: &Path, name: &str, folder: &Path, database_url: &str) -> Self {
        let port = free_port();
        let recipe = Recipe::new(name, program, folder)
            .env("PORT", port.to_string())
            .env("DATABASE_URL", database_url)
            .env("TASKFLOW_TIME_ZONE", "UTC")
            .env("TASKFLOW_DATA_DIR", folder.join(name).to_str().unwrap());
        let mut taskflow = Self { api: Api::new(([127, 0, 0, 1], port).into(), None), program: recipe.start() };
        taskflow.ready().await;
        taskflow
    }

    async fn old(folder: &Path, database_url: &str) -> Self {
        Self::start(&part("OLD_TASKFLOW"), "old", folder, database_url).await
    }

    async fn new(folder: &Path, database_url: &str) -> Self {
        Self::start(&binaries().join("taskflow"), "new", folder, database_url).await
    }

    async fn start_again(&mut self) {
        self.program.start_again();
        self.ready().await;
    }

    async fn ready(&mut self) {
        let (api, program) = (&self.api, &mut self.program);
        eventually("Taskflow to start", async || {
            program.must_run();
            let answer = api.try_call("GET", "/health/ready", &[], "").await;
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
    }
}

/// Creates an empty database.
async fn empty() -> (TestDatabase, PgPool) {
    let database = TestDatabase::new(|_| async { Ok::<_, sqlx::Error>(()) }).await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    (database, pool)
}

/// Returns the first column.
async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
