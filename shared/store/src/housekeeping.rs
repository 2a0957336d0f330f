//! Deletes rows that are old enough.

use domain::Timestamp;

use crate::Store;
use crate::calendars::TOMBSTONE_DAYS;
use crate::error::Error;
use crate::once::KEPT_HOURS;
use crate::sql::Time;
use crate::trash::TRASH_DAYS;
use crate::undo::UNDO_DAYS;

/// Days after which the note of a delivery may be deleted. Kafka keeps a record for a shorter time: 7 days, and up to 7 more for its segment.
const INBOX_DAYS: i32 = 15;
/// Days for which a dead letter is kept.
const LETTER_DAYS: i32 = 90;
/// Days for which sends of events, and the outcomes of used links, are kept.
const SEND_DAYS: i32 = 30;
/// Days for which a notification is kept.
const NOTIFICATION_DAYS: i32 = 90;
/// Days for which the report of an import is kept.
const IMPORT_DAYS: i32 = 30;
/// Hours for which the file of an unconfirmed preview is kept.
const PREVIEW_HOURS: i32 = 24;
/// Rows that one statement deletes, so that it is short and holds few locks.
const BATCH: i64 = 5_000;
/// Maximum number of statements per table and call. The next day's call does the rest.
const BATCHES_MAX: usize = 200;

/// Deletes rows of a table that are older than this many hours, by this column. A row that another session has locked is left to the next day's call.
macro_rules! older {
    ($table:literal, $time:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY (ARRAY (SELECT ctid FROM ",
            $table,
            " WHERE ",
            $time,
            " < $1 - make_interval(hours => $2) LIMIT $3 FOR UPDATE SKIP LOCKED))"
        )
    };
}

const INBOX: &str = older!("inbox", "created_at");
const KEYS: &str = older!("idempotency_keys", "created_at");
const LETTERS: &str = older!("dead_letters", "created_at");
const TRASH: &str = older!("trashed_tasks", "deleted_at");
const CHANGES: &str = older!("changes", "created_at");
const SENDS: &str = "DELETE FROM sends WHERE ctid = ANY (ARRAY \
     (SELECT ctid FROM sends WHERE reminder_id IS NULL AND status <> 'pending' AND created_at < $1 - make_interval(hours => $2) LIMIT $3 \
     FOR UPDATE SKIP LOCKED))";
const LINKS: &str = older!("used_links", "created_at");
/// The newest old tombstone stays. A token below its number is refused, because it may have missed a deleted one.
const TOMBSTONES: &str = "WITH old AS (SELECT name, changed_in FROM calendar_tombstones WHERE deleted_at < $1 - make_interval(hours => $2)) \
     DELETE FROM calendar_tombstones WHERE name IN (SELECT name FROM old WHERE changed_in < (SELECT max(changed_in) FROM old) LIMIT $3)";
const NOTIFICATIONS: &str = older!("notifications", "created_at");
const IMPORTS: &str = older!("imports", "created_at");
/// Files that were never sent completely, and previews that were not confirmed.
const STALE_IMPORTS: &str = "DELETE FROM imports WHERE id = ANY (ARRAY (SELECT id FROM imports WHERE status IN ('receiving', 'checked') \
     AND created_at < $1 - make_interval(hours => $2) LIMIT $3 FOR UPDATE SKIP LOCKED))";
const AUDIT: &str = older!("audit_log", "created_at");
/// Adds up the appended changes of tag counts, and deletes tags without tasks.
const TAGS: &str =
    "WITH added AS MATERIALIZED (SELECT add_up_tags()) DELETE FROM tag_counts WHERE tasks = 0 AND EXISTS (SELECT FROM added)";

/// Numbers of deleted rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Inbox entries older than 15 days.
    pub inbox: u64,
    /// Dead letters older than 90 days.
    pub dead_letters: u64,
    /// Responses to calls with an `Idempotency-Key`, older than a day.
    pub idempotency_keys: u64,
    /// Tasks that were deleted more than 30 days ago.
    pub trash: u64,
    /// Changes that were made more than 30 days ago.
    pub changes: u64,
    /// Notifications older than 90 days.
    pub notifications: u64,
    /// Sends of events and tests, older than 30 days.
    pub sends: u64,
    /// Links that were used more than 30 days ago.
    pub links: u64,
    /// Tombstones of calendar resources that were deleted half a year ago.
    pub tombstones: u64,
    /// Imports older than 30 days, and previews older than a day.
    pub imports: u64,
}

impl Store {
    /// Deletes old inbox entries, dead letters, idempotency keys, changes, notifications, deleted tasks, sends, used links, imports and tombstones. The
    /// number of deleted rows is limited.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; what was deleted before the error stays deleted.
    pub async fn prune(&self, now: Timestamp) -> Result<Pruned, Error> {
        Ok(Pruned {
            inbox: self.prune_with(INBOX, now, INBOX_DAYS * 24).await?,
            dead_letters: self.prune_with(LETTERS, now, LETTER_DAYS * 24).await?,
            idempotency_keys: self.prune_with(KEYS, now, KEPT_HOURS).await?,
            trash: self.prune_with(TRASH, now, TRASH_DAYS * 24).await?,
            changes: self.prune_with(CHANGES, now, UNDO_DAYS * 24).await?,
            sends: self.prune_with(SENDS, now, SEND_DAYS * 24).await?,
            links: self.prune_with(LINKS, now, SEND_DAYS * 24).await?,
            imports: self.prune_with(IMPORTS, now, IMPORT_DAYS * 24).await? + self.prune_with(STALE_IMPORTS, now, PREVIEW_HOURS).await?,
            notifications: self.prune_with(NOTIFICATIONS, now, NOTIFICATION_DAYS * 24).await?,
            tombstones: self.prune_with(TOMBSTONES, now, TOMBSTONE_DAYS * 24).await?,
        })
    }

    /// Deletes entries of the audit log that are older than this many days. The number of deleted rows is limited. Returns the number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn prune_audit(&self, now: Timestamp, days: u16) -> Result<u64, Error> {
        self.prune_with(AUDIT, now, i32::from(days) * 24).await
    }

    /// Tidies up the counts of tags.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tidy_tags(&self) -> Result<(), Error> {
        self.run_unbroken(|connection| Box::pin(sqlx::query(TAGS).execute(connection))).await.map(drop)
    }

    async fn prune_with(&self, sql: &'static str, now: Timestamp, hours: i32) -> Result<u64, Error> {
        let mut pruned = 0;
        for _ in 0..BATCHES_MAX {
            let done = self
                .run_unbroken(|connection| Box::pin(sqlx::query(sql).bind(Time(now)).bind(hours).bind(BATCH).execute(connection)))
                .await?;
            pruned += done.rows_affected();
            if done.rows_affected() < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(pruned)
    }
}
