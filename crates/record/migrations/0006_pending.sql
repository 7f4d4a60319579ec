-- Candidates that nobody has judged yet, by comparison, so that what waits is told without going through them.
CREATE TABLE item_pending (
    site       TEXT NOT NULL,
    comparison TEXT NOT NULL,
    items      INTEGER NOT NULL,
    PRIMARY KEY (site, comparison)
) WITHOUT ROWID;
INSERT INTO item_pending SELECT site, comparison, count(*) FROM item
    WHERE collection = 'candidates' AND hidden = 0 AND state = 'pending' GROUP BY site, comparison;
CREATE TRIGGER item_pending_insert AFTER INSERT ON item
WHEN NEW.collection = 'candidates' AND NEW.hidden = 0 AND NEW.state = 'pending' BEGIN
    INSERT INTO item_pending VALUES (NEW.site, NEW.comparison, 1) ON CONFLICT DO UPDATE SET items = items + 1;
END;
CREATE TRIGGER item_pending_update AFTER UPDATE OF state, hidden ON item
WHEN NEW.collection = 'candidates'
  AND (OLD.hidden = 0 AND OLD.state = 'pending') <> (NEW.hidden = 0 AND NEW.state = 'pending')
BEGIN
    INSERT INTO item_pending VALUES (NEW.site, NEW.comparison, iif(NEW.hidden = 0 AND NEW.state = 'pending', 1, -1))
    ON CONFLICT DO UPDATE SET items = items + excluded.items;
END;

-- Those that one person has judged and that wait for a second one, and their annotations.
CREATE INDEX item_second_look ON item (collection, site, comparison, hidden, state, sole_reviewer)
    WHERE sole_reviewer IS NOT NULL;
