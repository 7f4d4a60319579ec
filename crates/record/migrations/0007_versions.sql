-- 0004 wrote to every item while the trigger of 0002 still took that for a change: a collection could seem to be at an
-- earlier event than its last.
UPDATE item_version SET event = (SELECT max(event) FROM item WHERE item.collection = item_version.collection)
    WHERE collection IN (SELECT collection FROM item);
