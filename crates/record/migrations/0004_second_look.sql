-- Who alone has given a verdict on a candidate (and on its annotation) that waits for a second person; NULL
-- where nobody has, or where it is settled. What this person said is hidden from others until they have spoken.
ALTER TABLE item ADD COLUMN sole_reviewer TEXT;
CREATE INDEX item_sole_reviewer ON item (sole_reviewer) WHERE sole_reviewer IS NOT NULL;

UPDATE item SET sole_reviewer = (
    SELECT max(json_extract(document, '$.actor')) FROM review
    WHERE review.candidate = CASE item.collection WHEN 'candidates' THEN item.id ELSE item.candidate END
      AND undone = 0
    HAVING count(DISTINCT json_extract(document, '$.actor')) = 1
       AND sum(json_extract(document, '$.role') IN ('reviewer', 'admin')) = 0
) WHERE collection IN ('candidates', 'annotations');

-- A note of who alone has spoken is no change of a feature: the state of the collection stays.
DROP TRIGGER item_version_update;
CREATE TRIGGER item_version_update AFTER UPDATE OF event ON item BEGIN
    INSERT INTO item_version VALUES (NEW.collection, NEW.event) ON CONFLICT DO UPDATE SET event = excluded.event;
END;
