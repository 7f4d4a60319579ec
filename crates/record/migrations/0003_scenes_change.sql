-- Scenes can be described anew, placed anew and withdrawn, and are searched by place.
ALTER TABLE scene ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE scene ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0; -- withdrawn: not in the catalogue any more
-- bounds of the footprint in degrees; NULL where a scene lies nowhere
ALTER TABLE scene ADD COLUMN minx REAL;
ALTER TABLE scene ADD COLUMN miny REAL;
ALTER TABLE scene ADD COLUMN maxx REAL;
ALTER TABLE scene ADD COLUMN maxy REAL;
UPDATE scene SET (minx, miny, maxx, maxy) = (
    SELECT min(json_extract(position.value, '$[0]')), min(json_extract(position.value, '$[1]')),
           max(json_extract(position.value, '$[0]')), max(json_extract(position.value, '$[1]'))
    FROM json_each(scene.document, '$.footprint.coordinates[0]') AS position
);
-- holds all that a search by place and time looks at, so that documents are read for matches only
CREATE INDEX scene_search ON scene (hidden, datetime, n, site, minx, maxx, miny, maxy);
