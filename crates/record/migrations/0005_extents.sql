-- The extent of each block of visible items, so that the extent of a collection is told from a few rows. A block grows
-- with what is put into it; where something in it moves, hides or shows again, it is measured anew from its 256 items,
-- and the coarse block above it from its 256 fine ones. NULL is a block without items, or without times.
ALTER TABLE item_block ADD COLUMN minx REAL;
ALTER TABLE item_block ADD COLUMN miny REAL;
ALTER TABLE item_block ADD COLUMN maxx REAL;
ALTER TABLE item_block ADD COLUMN maxy REAL;
ALTER TABLE item_block ADD COLUMN start_ms INTEGER;
ALTER TABLE item_block ADD COLUMN end_ms INTEGER;

UPDATE item_block SET (minx, miny, maxx, maxy, start_ms, end_ms) = (
    SELECT min(minx), min(miny), max(maxx), max(maxy), min(start_ms), max(end_ms) FROM item
    WHERE collection = item_block.collection AND hidden = 0
      AND n >= item_block.block << 8 AND n < (item_block.block + 1) << 8
) WHERE level = 1;
UPDATE item_block SET (minx, miny, maxx, maxy, start_ms, end_ms) = (
    SELECT min(minx), min(miny), max(maxx), max(maxy), min(start_ms), max(end_ms) FROM item_block AS fine
    WHERE fine.collection = item_block.collection AND fine.level = 1
      AND fine.block >= item_block.block << 8 AND fine.block < (item_block.block + 1) << 8
) WHERE level = 2;

DROP TRIGGER item_block_insert;
CREATE TRIGGER item_block_insert AFTER INSERT ON item WHEN NEW.hidden = 0 BEGIN
    INSERT INTO item_block VALUES
        (NEW.collection, 1, NEW.n >> 8, 1, NEW.minx, NEW.miny, NEW.maxx, NEW.maxy, NEW.start_ms, NEW.end_ms),
        (NEW.collection, 2, NEW.n >> 16, 1, NEW.minx, NEW.miny, NEW.maxx, NEW.maxy, NEW.start_ms, NEW.end_ms)
    ON CONFLICT DO UPDATE SET
        items = items + 1,
        -- the two-armed min and max are NULL where either is
        minx = min(coalesce(minx, excluded.minx), excluded.minx),
        miny = min(coalesce(miny, excluded.miny), excluded.miny),
        maxx = max(coalesce(maxx, excluded.maxx), excluded.maxx),
        maxy = max(coalesce(maxy, excluded.maxy), excluded.maxy),
        start_ms = min(coalesce(start_ms, excluded.start_ms), coalesce(excluded.start_ms, start_ms)),
        end_ms = max(coalesce(end_ms, excluded.end_ms), coalesce(excluded.end_ms, end_ms));
END;

CREATE TRIGGER item_block_extent AFTER UPDATE OF hidden, minx, miny, maxx, maxy, start_ms, end_ms ON item
WHEN OLD.hidden <> NEW.hidden
  OR (OLD.minx, OLD.miny, OLD.maxx, OLD.maxy) <> (NEW.minx, NEW.miny, NEW.maxx, NEW.maxy)
  OR OLD.start_ms IS NOT NEW.start_ms OR OLD.end_ms IS NOT NEW.end_ms
BEGIN
    UPDATE item_block SET (minx, miny, maxx, maxy, start_ms, end_ms) = (
        SELECT min(minx), min(miny), max(maxx), max(maxy), min(start_ms), max(end_ms) FROM item
        WHERE collection = NEW.collection AND hidden = 0
          AND n >= (NEW.n >> 8) << 8 AND n < ((NEW.n >> 8) + 1) << 8
    ) WHERE collection = NEW.collection AND level = 1 AND block = NEW.n >> 8;
    UPDATE item_block SET (minx, miny, maxx, maxy, start_ms, end_ms) = (
        SELECT min(minx), min(miny), max(maxx), max(maxy), min(start_ms), max(end_ms) FROM item_block
        WHERE collection = NEW.collection AND level = 1
          AND block >= (NEW.n >> 16) << 8 AND block < ((NEW.n >> 16) + 1) << 8
    ) WHERE collection = NEW.collection AND level = 2 AND block = NEW.n >> 16;
END;

-- Every request asks whether any token may be used.
CREATE INDEX token_usable ON token (id) WHERE revoked IS NULL;
