-- Updates that were received, newest last. The last 10,000 are kept.
CREATE TABLE updates (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id TEXT NOT NULL UNIQUE
) STRICT;

-- One row a user message, from its receipt to the end of its bubble. `message` is '' where the cloud gave none.
CREATE TABLE turns (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    interaction TEXT NOT NULL,
    message TEXT NOT NULL,
    session TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    answer TEXT,
    answered_at INTEGER,
    UNIQUE (interaction, message)
) STRICT;
CREATE INDEX turns_by_session ON turns (session, seq);
CREATE INDEX turns_unfinished ON turns (seq) WHERE answered_at IS NULL;

-- Which agent a session chose.
CREATE TABLE choices (
    session TEXT PRIMARY KEY,
    agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
