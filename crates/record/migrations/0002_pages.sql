-- Visible items by blocks of neighbouring numbers, so that a page behind an offset is found without walking to it: level 1
-- counts 256 numbers (n >> 8), level 2 counts 65,536 (n >> 16). `store/pages.rs` knows these two shifts.
CREATE TABLE item_block (
    collection TEXT NOT NULL,
    level      INTEGER NOT NULL,
    block      INTEGER NOT NULL,
    items      INTEGER NOT NULL,
    PRIMARY KEY (collection, level, block)
) WITHOUT ROWID;
INSERT INTO item_block SELECT collection, 1, n >> 8, count(*) FROM item WHERE hidden = 0 GROUP BY 1, 3;
INSERT INTO item_block SELECT collection, 2, n >> 16, count(*) FROM item WHERE hidden = 0 GROUP BY 1, 3;
CREATE TRIGGER item_block_insert AFTER INSERT ON item WHEN NEW.hidden = 0 BEGIN
    INSERT INTO item_block VALUES (NEW.collection, 1, NEW.n >> 8, 1), (NEW.collection, 2, NEW.n >> 16, 1)
    ON CONFLICT DO UPDATE SET items = items + 1;
END;
CREATE TRIGGER item_block_hide AFTER UPDATE OF hidden ON item WHEN OLD.hidden <> NEW.hidden BEGIN
    UPDATE item_block SET items = items + CASE NEW.hidden WHEN 0 THEN 1 ELSE -1 END
    WHERE collection = NEW.collection AND (level, block) IN (VALUES (1, NEW.n >> 8), (2, NEW.n >> 16));
END;

-- The event that changed a collection last: what was read of it holds as long as this stays.
CREATE TABLE item_version (
    collection TEXT PRIMARY KEY,
    event      INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO item_version SELECT collection, max(event) FROM item GROUP BY collection;
CREATE TRIGGER item_version_insert AFTER INSERT ON item BEGIN
    INSERT INTO item_version VALUES (NEW.collection, NEW.event) ON CONFLICT DO UPDATE SET event = excluded.event;
END;
CREATE TRIGGER item_version_update AFTER UPDATE ON item BEGIN
    INSERT INTO item_version VALUES (NEW.collection, NEW.event) ON CONFLICT DO UPDATE SET event = excluded.event;
END;

-- Features by their time, read without their texts.
CREATE INDEX item_time ON item (collection, hidden, start_ms, end_ms);
