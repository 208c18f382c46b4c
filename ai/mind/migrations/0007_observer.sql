-- Donations told by payment services: one row a transaction, however often it is delivered.
CREATE TABLE donations (
    id           TEXT PRIMARY KEY,
    at           TEXT NOT NULL,
    donor        TEXT NOT NULL,
    message      TEXT NOT NULL,
    amount_told  TEXT NOT NULL,
    amount_nanos INTEGER CHECK (amount_nanos > 0),
    refused      TEXT,
    CHECK ((amount_nanos IS NULL) = (refused IS NOT NULL))
) STRICT;
