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
