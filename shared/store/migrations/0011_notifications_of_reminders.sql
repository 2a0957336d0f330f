-- The reminder that a notification tells of, so that a page can snooze it. Null if the release before made the notification.
ALTER TABLE notifications ADD COLUMN reminder_id bigint;
