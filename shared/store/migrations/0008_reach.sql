-- How reminders reach people: channels, sends and their attempts, subscribed browsers, snoozing, and links that were used.

ALTER TABLE reminders
    -- The one channel that the reminder goes to; null: every configured channel. reminder_type is what the release before reads and writes instead:
    -- of its two values, one meant that a webhook was configured.
    ADD COLUMN channel text CHECK (channel IN ('websocket', 'push', 'email', 'webhook')),
    ALTER COLUMN reminder_type SET DEFAULT 'websocket',
    -- The channels of the last firing. Null if it has not fired, or fired by the release before.
    ADD COLUMN channels text[],
    -- If somebody snoozed it, when its task would have it fire.
    ADD COLUMN snoozed_from timestamptz;

-- Those that are under way while the release before is replaced.
UPDATE reminders SET channels = '{websocket,webhook}' WHERE reminder_type = 'webhook' AND status = 'pending' AND triggered_at IS NOT NULL;

-- What a channel sends to one receiver: a firing of a reminder, an event, or a test. A job `<function>-<id>` is the shadow of each pending row.
CREATE TABLE sends (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL CHECK (channel IN ('websocket', 'push', 'email', 'webhook')),
    -- The task: the job goes through the outbox under this key.
    key bigint NOT NULL,
    reminder_id bigint,
    -- The reminder's triggered_at. Once it has another one, or none, this firing is over.
    fired_at timestamptz CHECK ((fired_at IS NULL) = (reminder_id IS NULL)),
    -- The browser of a push.
    subscription_id bigint,
    -- What the webhook gets, the same text with each attempt.
    event json,
    status text NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    error text,
    -- When the next attempt is due, and until when one under way may take.
    next_at timestamptz NOT NULL,
    busy_until timestamptz,
    -- No attempt is made from then on.
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz CHECK ((sent_at IS NOT NULL) = (status = 'sent')),
    correlation_id text NOT NULL,
    traceparent text
);

-- A receiver gets each firing once, however often it is announced.
CREATE UNIQUE INDEX sends_firing ON sends (reminder_id, fired_at, channel, subscription_id) NULLS NOT DISTINCT WHERE reminder_id IS NOT NULL;
-- Those whose jobs housekeeping registers.
CREATE INDEX sends_pending ON sends (id) WHERE status = 'pending';
-- Those that housekeeping forgets: a reminder's stay with it.
CREATE INDEX sends_of_events ON sends (created_at) WHERE reminder_id IS NULL;

-- The browsers that get pushes.
CREATE TABLE push_subscriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    endpoint text NOT NULL UNIQUE CHECK (char_length(endpoint) <= 2048),
    -- The browser's public key and secret (RFC 8291), as base64url.
    p256dh text NOT NULL,
    auth text NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    -- When a push last arrived at its push service.
    sent_at timestamptz
);

-- The links that were used, and what came of it: a link works once.
CREATE TABLE used_links (
    reminder_id bigint NOT NULL,
    action text NOT NULL,
    expires_at timestamptz NOT NULL,
    outcome text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (reminder_id, action, expires_at)
);
