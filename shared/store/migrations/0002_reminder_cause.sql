-- The change that scheduled a reminder, last: its correlation id and W3C trace context, which may be weeks older than what fires. Null
-- for reminders of before.
ALTER TABLE reminders ADD COLUMN correlation_id text, ADD COLUMN traceparent text;
