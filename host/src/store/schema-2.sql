-- How often a start has run a turn again.
ALTER TABLE turns ADD COLUMN reruns INTEGER NOT NULL DEFAULT 0;

-- Whether its user stopped it.
ALTER TABLE turns ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;

-- The requests of turns that are not ended, each noted before it is sent. `request` is JSON.
CREATE TABLE sent (
    turn INTEGER NOT NULL REFERENCES turns (seq) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    request TEXT NOT NULL,
    PRIMARY KEY (turn, number)
) STRICT, WITHOUT ROWID;
