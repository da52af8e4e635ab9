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
