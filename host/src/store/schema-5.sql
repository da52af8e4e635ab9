-- Whether a turn has done something that would be done again if it ran again.
ALTER TABLE turns ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;
