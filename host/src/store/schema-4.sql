-- Versions of agents that answer, that may answer again, or that a session is pinned to. `body` is JSON.
CREATE TABLE versions (
    agent TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (agent, id)
) STRICT, WITHOUT ROWID;

-- Which version of an agent answers since when, which one did before, and whether the new one is still on trial.
CREATE TABLE posts (
    agent TEXT PRIMARY KEY,
    current TEXT NOT NULL,
    previous TEXT,
    on_trial INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Versions that are not tried again until somebody says so, and why.
CREATE TABLE barred (
    agent TEXT NOT NULL,
    id TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (agent, id)
) STRICT, WITHOUT ROWID;

-- Sessions that stay with one version of an agent.
CREATE TABLE pins (
    session TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which version answered, for people.
ALTER TABLE turns ADD COLUMN version TEXT;

-- What is appended to the log at the next start, unless something better was before: the ends of questions and deeds that
-- are under way. `decision` is the entry that allowed a deed.
CREATE TABLE interrupted (
    id INTEGER PRIMARY KEY,
    decision INTEGER UNIQUE,
    body TEXT NOT NULL
) STRICT;

-- What an agent keeps has a shape, which its versions number (`schema`). Beside what is live there may be what was before
-- a version on trial made it into another shape: as long as one can go back. `changes` tells whether somebody wrote.
DROP TRIGGER session_forgotten;
DROP TRIGGER entry_added;
DROP TRIGGER entry_changed;
DROP TRIGGER entry_removed;
DROP INDEX drawers_by_session;
ALTER TABLE entries RENAME TO entries_before;
ALTER TABLE drawers RENAME TO drawers_before;
CREATE TABLE drawers (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    session TEXT NOT NULL,
    live INTEGER NOT NULL DEFAULT 1,
    schema INTEGER NOT NULL DEFAULT 1,
    entries INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    changes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (agent, session, live)
) STRICT;
CREATE INDEX drawers_by_session ON drawers (session);
CREATE TABLE entries (
    drawer INTEGER NOT NULL REFERENCES drawers (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (drawer, key)
) STRICT;
INSERT INTO drawers (id, agent, session, entries, bytes) SELECT id, agent, session, entries, bytes FROM drawers_before;
INSERT INTO entries (drawer, key, value) SELECT drawer, key, value FROM entries_before;
DROP TABLE entries_before;
DROP TABLE drawers_before;
CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE drawers SET entries = entries + 1, bytes = bytes + octet_length(NEW.key) + octet_length(NEW.value),
        changes = changes + 1
    WHERE id = NEW.drawer;
END;
CREATE TRIGGER entry_changed AFTER UPDATE OF value ON entries BEGIN
    UPDATE drawers SET bytes = bytes + octet_length(NEW.value) - octet_length(OLD.value), changes = changes + 1
    WHERE id = NEW.drawer;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE drawers SET entries = entries - 1, bytes = bytes - octet_length(OLD.key) - octet_length(OLD.value),
        changes = changes + 1
    WHERE id = OLD.drawer;
END;
CREATE TRIGGER session_forgotten AFTER DELETE ON turns
WHEN NOT EXISTS (SELECT 1 FROM turns WHERE session = OLD.session) BEGIN
    DELETE FROM drawers WHERE session = OLD.session;
END;
