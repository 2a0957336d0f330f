//! The list of tags, with the maximum number per task.

use crate::client::Call;
use crate::load::{self, Plan};
use crate::world::World;
use crate::{BoxError, report};

const SECONDS: u64 = 5;

/// Gives every task 20 of 1,000 tags. With a trigger per row, they would be counted one by one.
const TAGS: [&str; 6] = [
    "SET statement_timeout = 0",
    "ALTER TABLE tasks DISABLE TRIGGER USER",
    "UPDATE tasks SET tags = ARRAY (SELECT 'tag ' || (id * 7 + n * 13) % 1000 FROM generate_series(1, 20) AS n)",
    "ALTER TABLE tasks ENABLE TRIGGER USER",
    "TRUNCATE tag_counts, tag_changes",
    "INSERT INTO tag_counts SELECT tag, count(*) FROM tasks CROSS JOIN unnest(tags) AS tag GROUP BY tag",
];

pub(crate) async fn run(rows: u32) -> Result<(), BoxError> {
    let world = World::new(rows).await?;
    let mut connection = world.store.pool().acquire().await?.detach();
    for statement in TAGS {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    for statement in ["VACUUM (ANALYZE) tasks", "VACUUM (ANALYZE) tag_counts"] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    let taskflow = world.taskflow().await?;
    report::setting(&format!("GET /api/tags, each task with 20 of 1,000 tags, {SECONDS} s each; {}", world.setting().await?));
    report::head(&["tasks", "connections", "p50", "p99", "max", "per second", "errors"]);
    for connections in [1, 16] {
        let figures = load::run(taskflow.address, Plan::full_speed(connections, SECONDS), |_| || Call::get("/api/tags")).await?;
        let [p50, p99, max] = figures.cells();
        let per_second = format!("{:.0}", figures.per_second());
        report::row(&[rows.to_string(), connections.to_string(), p50, p99, max, per_second, figures.errors()]);
    }
    report::end();
    drop(taskflow);
    world.stop().await
}
