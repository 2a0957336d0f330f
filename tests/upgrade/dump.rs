//! Writes the input of `tests/api/upgrade.rs`: the database that the previous release left, and its answers.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use sqlx::{AssertSqlSafe, PgPool};

use crate::{Taskflow, empty, week};

/// Each table, and its columns except generated ones.
const TABLES: &str = "SELECT format('%I.%I', table_schema, table_name), string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) \
     FROM information_schema.columns WHERE table_schema IN ('public', 'embedded') AND table_name <> '_sqlx_migrations' AND is_generated = 'NEVER' \
     GROUP BY table_schema, table_name ORDER BY 1";
const SEQUENCES: &str = "SELECT format('SELECT setval(%L, %s);', format('%I.%I', schemaname, sequencename), last_value) FROM pg_sequences \
     WHERE schemaname IN ('public', 'embedded') AND last_value IS NOT NULL ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes files of the repository anew: just upgrade-dump"]
async fn dump() {
    let (database, pool) = empty().await;
    let folder = tempfile::tempdir().unwrap();
    let mut old = Taskflow::old(folder.path(), database.url()).await;
    let left = week::left_behind(&mut old, &pool, database.url()).await;
    let to = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/api/upgrade"));
    fs::write(to.join("data.sql"), data(&pool).await).unwrap();
    fs::write(to.join("answers.json"), format!("{left:#}\n")).unwrap();
    pool.close().await;
}

/// Returns the rows of every table as SQL, one row per line.
async fn data(pool: &PgPool) -> String {
    let mut sql = String::new();
    let tables: Vec<(String, String)> = sqlx::query_as(TABLES).fetch_all(pool).await.unwrap();
    for (table, columns) in tables {
        let rows = AssertSqlSafe(format!("SELECT quote_literal(row_to_json(t)::text) FROM {table} AS t ORDER BY 1"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(pool).await.unwrap();
        for row in rows {
            writeln!(
                sql,
                "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM json_populate_record(NULL::{table}, {row});"
            )
            .unwrap();
        }
    }
    let sequences: Vec<String> = sqlx::query_scalar(SEQUENCES).fetch_all(pool).await.unwrap();
    sql + &sequences.join("\n") + "\n"
}
