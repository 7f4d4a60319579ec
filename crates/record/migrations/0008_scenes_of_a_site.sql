-- The scenes of a site, counted and read in order without going through those of others; `n` stands at the end of every index.
CREATE INDEX scene_of_site ON scene (site, hidden, datetime);
DROP INDEX scene_site;
