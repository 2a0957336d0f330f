-- Deliveries that a consumer has not taken yet, and those that were given up. The one process kept both in its own schema until now, and moves
-- them here when it starts.

-- Small and all churn: vacuumed by count, not by share.
CREATE TABLE deliveries (
    -- From the sequence of the outbox, in both deployment shapes: a row of the outbox becomes a delivery with the same id.
    id bigint NOT NULL,
    consumer text NOT NULL,
    -- The task: its deliveries to one consumer are made in order.
    key bigint NOT NULL,
    topic text NOT NULL,
    event json NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- Null before the first failed attempt.
    not_before timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, consumer)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE dead_letters (
    id bigint NOT NULL,
    consumer text NOT NULL,
    key bigint NOT NULL,
    topic text NOT NULL,
    event json NOT NULL,
    attempts integer NOT NULL,
    last_error text NOT NULL,
    -- Whether the topic dead-letters has it. Null where there is no broker.
    published boolean,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, consumer)
);

CREATE INDEX dead_letters_unpublished ON dead_letters (id, consumer) WHERE NOT published;
