-- The days' sums once more by month, so that a year is read in a dozen rows a model and not in hundreds. They follow
-- the days by themselves, whoever writes those: the sum of a month is the sum of its days.

CREATE TABLE month_rollups (
    dimension         TEXT    NOT NULL,
    month             TEXT    NOT NULL,
    mind              TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    calls             INTEGER NOT NULL,
    measured          INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost              INTEGER NOT NULL,
    PRIMARY KEY (dimension, month, mind, key)
) STRICT, WITHOUT ROWID;
INSERT INTO month_rollups (dimension, month, mind, key, calls, measured, prompt_tokens, completion_tokens, cost)
SELECT dimension, substr(day, 1, 7), mind, key, SUM(calls), SUM(measured), SUM(prompt_tokens),
    SUM(completion_tokens), SUM(cost)
FROM rollups GROUP BY dimension, substr(day, 1, 7), mind, key;

CREATE TRIGGER rollups_begin_in_a_month AFTER INSERT ON rollups
BEGIN
    INSERT INTO month_rollups (dimension, month, mind, key, calls, measured, prompt_tokens, completion_tokens, cost)
    VALUES (NEW.dimension, substr(NEW.day, 1, 7), NEW.mind, NEW.key, NEW.calls, NEW.measured, NEW.prompt_tokens,
        NEW.completion_tokens, NEW.cost)
    ON CONFLICT (dimension, month, mind, key) DO UPDATE SET calls = month_rollups.calls + excluded.calls,
        measured = month_rollups.measured + excluded.measured,
        prompt_tokens = month_rollups.prompt_tokens + excluded.prompt_tokens,
        completion_tokens = month_rollups.completion_tokens + excluded.completion_tokens,
        cost = month_rollups.cost + excluded.cost;
END;

CREATE TRIGGER rollups_grow_in_their_month AFTER UPDATE ON rollups
BEGIN
    UPDATE month_rollups
    SET calls = calls + NEW.calls - OLD.calls,
        measured = measured + NEW.measured - OLD.measured,
        prompt_tokens = prompt_tokens + NEW.prompt_tokens - OLD.prompt_tokens,
        completion_tokens = completion_tokens + NEW.completion_tokens - OLD.completion_tokens,
        cost = cost + NEW.cost - OLD.cost
    WHERE dimension = OLD.dimension AND month = substr(OLD.day, 1, 7) AND mind = OLD.mind AND key = OLD.key;
END;

CREATE TRIGGER rollups_end_in_their_month AFTER DELETE ON rollups
BEGIN
    UPDATE month_rollups
    SET calls = calls - OLD.calls,
        measured = measured - OLD.measured,
        prompt_tokens = prompt_tokens - OLD.prompt_tokens,
        completion_tokens = completion_tokens - OLD.completion_tokens,
        cost = cost - OLD.cost
    WHERE dimension = OLD.dimension AND month = substr(OLD.day, 1, 7) AND mind = OLD.mind AND key = OLD.key;
END;

CREATE TRIGGER rollups_stay_on_their_day BEFORE UPDATE OF dimension, day, mind, key ON rollups
BEGIN SELECT RAISE(ABORT, 'a sum stays on its day'); END;
