-- How often in a row a life did the same thing with the same result; one row a life, so that a restart forgets nothing.
CREATE TABLE loop_breaker (
    life    INTEGER PRIMARY KEY,
    request TEXT NOT NULL,
    result  TEXT NOT NULL,
    times   INTEGER NOT NULL CHECK (times > 0)
) STRICT;
