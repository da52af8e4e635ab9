-- What may be done without asking again. `body` is JSON; what changes with use has a column.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    body TEXT NOT NULL,
    uses_left INTEGER,
    until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_agent ON grants (agent);

-- How often somebody took something back: what the cloud was told may be answered always begins anew with it.
CREATE TABLE revocations (count INTEGER NOT NULL) STRICT;
INSERT INTO revocations VALUES (0);

-- Who asked for what, who decided, what happened. `seal` is SHA-256 over the seal before it, seq, at and body.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    seal BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is only appended to'); END;

-- Whose state there is: an agent's in a session, or in all of them (session ''), with the sums of what it holds.
CREATE TABLE drawers (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    session TEXT NOT NULL,
    entries INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (agent, session)
) STRICT;
CREATE INDEX drawers_by_session ON drawers (session);

-- What agents keep. Values are large, so the keys have an index of their own to be listed from.
CREATE TABLE entries (
    drawer INTEGER NOT NULL REFERENCES drawers (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (drawer, key)
) STRICT;

-- The sums are kept with each statement, so that they are whole whenever the entries are.
CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE drawers SET entries = entries + 1, bytes = bytes + octet_length(NEW.key) + octet_length(NEW.value)
    WHERE id = NEW.drawer;
END;
CREATE TRIGGER entry_changed AFTER UPDATE OF value ON entries BEGIN
    UPDATE drawers SET bytes = bytes + octet_length(NEW.value) - octet_length(OLD.value) WHERE id = NEW.drawer;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE drawers SET entries = entries - 1, bytes = bytes - octet_length(OLD.key) - octet_length(OLD.value)
    WHERE id = OLD.drawer;
END;

-- A session whose last turn is forgotten takes its state with it.
CREATE TRIGGER session_forgotten AFTER DELETE ON turns
WHEN NOT EXISTS (SELECT 1 FROM turns WHERE session = OLD.session) BEGIN
    DELETE FROM drawers WHERE session = OLD.session;
END;
