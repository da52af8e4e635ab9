-- Whether a turn has done something that would be done again if it ran again.
ALTER TABLE turns ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;

-- A session whose last turn is forgotten stays with no version.
CREATE TRIGGER pin_forgotten AFTER DELETE ON turns
WHEN NOT EXISTS (SELECT 1 FROM turns WHERE session = OLD.session) BEGIN
    DELETE FROM pins WHERE session = OLD.session;
END;
