//! Fills a database with tasks of everyday words, in one statement, which is far faster than calls of the store.
//!
//! Titles and descriptions are lower-case ASCII words, so their folded form is the same text with a space at each end (`store::fold`). Later words of
//! [`WORDS`] are rarer.

use domain::ambient::Clock;
use domain::task::Draft;
use domain::zone::Zone;
use function::ambient::SystemClock;
use sqlx::{AssertSqlSafe, PgPool};

use crate::BoxError;
use crate::report::progress;

/// A word in a dozen tasks, whatever their number, made of common trigrams.
pub(crate) const RARE: &str = "marigold";
/// A prefix of [`RARE`] and of no other word.
pub(crate) const RARE_PREFIX: &str = "marig";
/// A part of [`RARE`] and of no other word.
pub(crate) const RARE_PART: &str = "rigol";
/// A word in a tenth of the tasks.
pub(crate) const COMMON: &str = "invoice";
/// A part of [`COMMON`] and of no other word.
pub(crate) const COMMON_PART: &str = "nvoi";
/// A word in no task, made of common trigrams.
pub(crate) const MISSING: &str = "marketing harbour";
/// Tasks with the rare word.
const RARE_TASKS: u32 = 12;

const WORDS: &str = "call check order plan write read send clean fix review book buy pay meet update prepare finish start move pick print sign \
    return renew water cook wash plant paint repair measure research draft publish test deploy merge release report project meeting garden \
    kitchen office school doctor dentist market grocery bread butter milk coffee orange apple summer winter spring autumn monday tuesday friday \
    morning evening birthday present letter parcel ticket train flight hotel passport insurance contract budget salary account statement receipt \
    tax form number address phone email message answer question customer client partner team manager teacher student parent child brother sister \
    mother father friend neighbour bicycle car tyre engine battery charger cable printer laptop screen keyboard server database backup password \
    network router window door roof floor carpet curtain lamp table chair shelf drawer wardrobe mirror picture frame wall corner street bridge \
    station airport museum library theatre cinema concert gallery exhibition photograph camera album video music guitar piano violin lesson \
    practice rehearsal performance marathon running swimming climbing hiking trail mountain valley river forest island beach holiday weekend \
    calendar schedule deadline reminder priority quarter annual monthly weekly daily origin golden silver copper iron wooden plastic paper fabric \
    leather cotton jacket trousers shirt shoes gloves scarf umbrella suitcase backpack wallet bracelet necklace earring watch clock alarm \
    thermostat heating boiler plumber electrician carpenter gardener cleaner courier delivery warehouse inventory supplier manufacturer \
    specification requirement architecture interface prototype benchmark experiment hypothesis analysis conclusion bibliography appendix chapter \
    paragraph sentence translation dictionary grammar vocabulary pronunciation conversation presentation slide diagram spreadsheet formula \
    average median variance probability statistics geometry algebra chemistry biology physics astronomy telescope microscope laboratory \
    vaccination prescription pharmacy surgery therapy recovery nutrition vegetable cucumber tomato potato onion garlic pepper cinnamon vanilla \
    chocolate marmalade harvest orchard vineyard greenhouse compost fertiliser seedling blossom lavender rosemary thyme parsley juniper";

/// Generates the texts. `$1` words, `$2` tasks, `$3` rare, `$4` distance of the rare ones, `$5` common, `$6` rare tasks. Squares of random numbers
/// make the first words common.
const TEXTS: &str = "
WITH texts AS MATERIALIZED (
    SELECT n,
        concat_ws(' ',
            (SELECT string_agg($1[1 + floor(cardinality($1) * random() ^ 2)::int], ' ') FROM generate_series(1, 3 + n % 3)),
            CASE WHEN n % $4 = 7 AND n / $4 < $6 THEN $3 END,
            CASE WHEN n % 20 = 3 THEN $5 END) AS title,
        concat_ws(' ',
            CASE WHEN n % 20 = 13 THEN $5 END,
            (SELECT string_agg($1[1 + floor(cardinality($1) * random() ^ 2)::int], ' ') FROM generate_series(1, (n % 5) * 4))) AS description,
        CASE WHEN n % 3 = 0 THEN now() + (random() * 365 - 100) * interval '1 day' END AS due_date,
        (SELECT coalesce(array_agg(DISTINCT $1[1 + floor(60 * random() ^ 2)::int]), '{}') FROM generate_series(1, n % 4)) AS tags,
        n % 3 AS priority,
        CASE WHEN n % 10 < 3 THEN 'completed' ELSE 'pending' END AS status,
        CASE WHEN n % 10 < 3 THEN now() END AS completed_at,
        now() - random() * interval '400 days' AS created_at
    FROM generate_series(1, $2) AS n
), ";

/// Stores the texts as tasks. `$7` is a task as JSON with the other fields.
fn insert() -> String {
    let columns = store::TASK_COLUMNS[1..].join(", ");
    format!(
        "{TEXTS} created AS (
    INSERT INTO tasks (title_key, {columns})
    SELECT made.title, {}
    FROM texts CROSS JOIN LATERAL jsonb_populate_record(NULL::tasks, $7::text::jsonb || to_jsonb(texts) || jsonb_build_object('updated_at', created_at, 'uid', gen_random_uuid())) AS made
    ORDER BY n
    RETURNING id, title, description
)
INSERT INTO task_search (task_id, folded_title, folded_text)
SELECT id, ' ' || title || ' ', ' ' || title || E' \\n ' || description || CASE WHEN description = '' THEN '' ELSE ' ' END FROM created",
        columns.split(", ").map(|column| format!("made.{column}")).collect::<Vec<_>>().join(", ")
    )
}

/// Filling an index row by row takes many times as long as building it.
const INDEXES: &str = "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN ('tasks', 'task_search') \
     AND indexname NOT LIKE '%_pkey'";

/// With a trigger per row, all would be counted in the same slot.
const BEFORE: &str = "SET maintenance_work_mem = '1GB'; SELECT setseed(0.5); ALTER TABLE tasks DISABLE TRIGGER USER";

/// Counts, and the work that autovacuum would do later.
const AFTER: [&str; 9] = [
    "ALTER TABLE tasks ENABLE TRIGGER USER",
    "UPDATE task_counts SET (pending, completed) = \
         (SELECT count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'completed') FROM tasks) WHERE slot = 0",
    "INSERT INTO tag_counts SELECT tag, count(*) FROM tasks CROSS JOIN unnest(tags) AS tag GROUP BY tag",
    "DELETE FROM task_refolds",
    "VACUUM (ANALYZE) tasks",
    "VACUUM (ANALYZE) tag_counts",
    "VACUUM (ANALYZE) task_search",
    "ANALYZE task_counts",
    "CHECKPOINT",
];

/// Creates this many tasks, with ids from 1.
pub(crate) async fn tasks(pool: &PgPool, rows: u32) -> Result<(), BoxError> {
    if rows == 0 {
        return Ok(());
    }
    progress(&format!("making {rows} tasks"));
    // Uses a separate connection, because building the indexes of a million tasks exceeds Taskflow's statement timeout.
    let mut connection = pool.acquire().await?.detach();
    sqlx::raw_sql("SET statement_timeout = 0").execute(&mut connection).await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(INDEXES).fetch_all(&mut connection).await?;
    sqlx::raw_sql(BEFORE).execute(&mut connection).await?;
    for (name, _) in &indexes {
        sqlx::query(AssertSqlSafe(format!("DROP INDEX {name}"))).execute(&mut connection).await?;
    }
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let like = Draft::new(Zone::utc()).created(0, SystemClock.now());
    let insert = sqlx::query(AssertSqlSafe(insert()))
        .bind(words)
        .bind(i64::from(rows))
        .bind(RARE)
        .bind(i64::from(rows / RARE_TASKS).max(8))
        .bind(COMMON)
        .bind(i64::from(RARE_TASKS))
        .bind(serde_json::to_string(&like)?);
    insert.execute(&mut connection).await?;
    for (_, definition) in indexes {
        sqlx::query(AssertSqlSafe(definition)).execute(&mut connection).await?;
    }
    for statement in AFTER {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    Ok(())
}
