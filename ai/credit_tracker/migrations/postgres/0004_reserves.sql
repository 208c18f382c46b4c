-- What is kept of a month for the last words and the last post of a mind that may die of bankruptcy: nano-dollars
-- that the hold of the last number holds, and what the month had been given when a death last took of them.
CREATE TABLE reserves (
    mind        TEXT    NOT NULL,
    period      TEXT    NOT NULL,
    words       BIGINT  NOT NULL CHECK (words >= 0),
    post        BIGINT  NOT NULL CHECK (post >= 0),
    placed      BIGINT  NOT NULL CHECK (placed >= 0),
    spent_at    BIGINT,
    PRIMARY KEY (mind, period)
);
