-- The log. Every write appends here, in the transaction that changes the tables below.
CREATE TABLE event (
    seq      INTEGER PRIMARY KEY,          -- from 1, without gaps
    time     TEXT NOT NULL,                -- RFC 3339, UTC
    actor    TEXT NOT NULL,
    subject  TEXT NOT NULL,                -- 'site/ID', 'annotation/ID', ...
    kind     TEXT NOT NULL,
    change   TEXT NOT NULL,                -- JSON, hashed byte for byte
    previous TEXT NOT NULL,                -- SHA-256 of the event before
    sha256   TEXT NOT NULL
);
CREATE INDEX event_subject ON event (subject, seq);

-- Sites, candidates and annotations as the GeoJSON features that are served. `n` orders pages.
CREATE TABLE item (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL CHECK (collection IN ('sites', 'candidates', 'annotations')),
    id         TEXT NOT NULL,
    site       TEXT NOT NULL,
    comparison TEXT,                       -- of a candidate
    candidate  TEXT,                       -- of an annotation
    state      TEXT,                       -- of a candidate; status of an annotation
    revision   INTEGER NOT NULL,
    hidden     INTEGER NOT NULL DEFAULT 0, -- withdrawn or deleted: not in collections any more
    start_ms   INTEGER,                    -- its time, milliseconds since 1970
    end_ms     INTEGER,
    minx REAL NOT NULL, miny REAL NOT NULL, maxx REAL NOT NULL, maxy REAL NOT NULL,
    sha256     TEXT NOT NULL,              -- of the feature text: its strong ETag
    event      INTEGER NOT NULL REFERENCES event (seq),
    feature    TEXT NOT NULL,
    UNIQUE (collection, id)
);
CREATE INDEX item_page ON item (collection, hidden, n);
CREATE INDEX item_site ON item (collection, hidden, site, n);
CREATE INDEX item_comparison ON item (comparison, n) WHERE comparison IS NOT NULL;
CREATE INDEX item_candidate ON item (candidate) WHERE candidate IS NOT NULL;

CREATE VIRTUAL TABLE item_box USING rtree (n, minx, maxx, miny, maxy);
CREATE TRIGGER item_box_insert AFTER INSERT ON item BEGIN
    INSERT INTO item_box VALUES (NEW.n, NEW.minx, NEW.maxx, NEW.miny, NEW.maxy);
END;
CREATE TRIGGER item_box_update AFTER UPDATE OF minx, miny, maxx, maxy ON item BEGIN
    UPDATE item_box SET minx = NEW.minx, maxx = NEW.maxx, miny = NEW.miny, maxy = NEW.maxy WHERE n = NEW.n;
END;

-- Visible items by collection and site, so that counting a collection costs nothing.
CREATE TABLE item_count (
    collection TEXT NOT NULL,
    site       TEXT NOT NULL,
    items      INTEGER NOT NULL,
    PRIMARY KEY (collection, site)
) WITHOUT ROWID;
CREATE TRIGGER item_count_insert AFTER INSERT ON item WHEN NEW.hidden = 0 BEGIN
    INSERT INTO item_count VALUES (NEW.collection, NEW.site, 1)
    ON CONFLICT DO UPDATE SET items = items + 1;
END;
CREATE TRIGGER item_count_hide AFTER UPDATE OF hidden ON item WHEN OLD.hidden <> NEW.hidden BEGIN
    UPDATE item_count SET items = items + CASE NEW.hidden WHEN 0 THEN 1 ELSE -1 END
    WHERE collection = NEW.collection AND site = NEW.site;
END;

CREATE TABLE scene (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    site     TEXT NOT NULL,
    datetime INTEGER NOT NULL,             -- milliseconds since 1970
    original TEXT NOT NULL,                -- SHA-256
    working  TEXT NOT NULL,                -- SHA-256
    sha256   TEXT NOT NULL,                -- of the document
    event    INTEGER NOT NULL REFERENCES event (seq),
    document TEXT NOT NULL
);
CREATE INDEX scene_site ON scene (site, datetime);

CREATE TABLE comparison (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    site     TEXT NOT NULL,
    sha256   TEXT NOT NULL,                -- of the document
    event    INTEGER NOT NULL REFERENCES event (seq),
    document TEXT NOT NULL
);
CREATE INDEX comparison_site ON comparison (site, n);

CREATE TABLE review (
    n         INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    candidate TEXT NOT NULL,
    undone    INTEGER NOT NULL DEFAULT 0,
    document  TEXT NOT NULL
);
CREATE INDEX review_candidate ON review (candidate, n);

-- Answers to writes that carried an idempotency key: the same key gets the same answer, once.
CREATE TABLE answered (
    key    TEXT NOT NULL,
    actor  TEXT NOT NULL,
    review TEXT NOT NULL,
    PRIMARY KEY (actor, key)
) WITHOUT ROWID;

CREATE TABLE job (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    status   TEXT NOT NULL,
    progress INTEGER NOT NULL DEFAULT 0,
    message  TEXT NOT NULL DEFAULT '',
    document TEXT NOT NULL
);
CREATE INDEX job_waiting ON job (status, n);

CREATE TABLE token (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    hash    TEXT NOT NULL UNIQUE,          -- SHA-256 of a secret of 256 random bits
    created TEXT NOT NULL,
    revoked TEXT
) WITHOUT ROWID;

CREATE TABLE structure_type (
    id       TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    label    TEXT NOT NULL,
    key      TEXT
) WITHOUT ROWID;
