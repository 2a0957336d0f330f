-- The audit log may be kept for a number of days only (TASKFLOW_AUDIT_DAYS). Its rows are in the order of their time, so an index of a few pages
-- finds the old ones.
CREATE INDEX audit_log_created ON audit_log USING brin (created_at);
