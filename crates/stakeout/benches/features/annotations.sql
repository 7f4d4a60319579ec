-- The annotations that `fill_annotations` wrote, as a table with a column a property; FEATURES is put in by servers.py.
CREATE EXTENSION postgis;
CREATE TEMP TABLE line (feature jsonb);
\copy line FROM 'FEATURES' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
CREATE TABLE annotations AS
SELECT feature->>'id' AS id, p->>'site' AS site, p->>'candidate' AS candidate, p->>'structure_type' AS structure_type,
       p->>'change' AS change, p->>'title' AS title, p->>'note' AS note, p->>'confidence' AS confidence,
       (p->>'start_datetime')::timestamptz AS start_datetime, (p->>'end_datetime')::timestamptz AS end_datetime,
       (p->>'area_m2')::float8 AS area_m2, (p->'sources')::json AS sources, p->>'status' AS status,
       (p->>'created')::timestamptz AS created, p->>'created_by' AS created_by,
       (p->>'updated')::timestamptz AS updated, (p->>'revision')::int AS revision,
       ST_SetSRID(ST_GeomFromGeoJSON(feature->>'geometry'), 4326)::geometry(Polygon, 4326) AS geom
FROM line, LATERAL (SELECT feature->'properties' AS p) AS properties ORDER BY feature->>'id';
ALTER TABLE annotations ADD PRIMARY KEY (id);
CREATE INDEX annotations_geom ON annotations USING gist (geom);
VACUUM ANALYZE annotations;
