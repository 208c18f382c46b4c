-- Thoughts are compared within one life: a newborn starts fresh. NULL: said by the mind, whoever lives in it.
ALTER TABLE sayings ADD COLUMN life INTEGER CHECK (life > 0);

UPDATE sayings SET life = (
    SELECT max(number) FROM lives WHERE json_extract(data, '$.born_at') <= sayings.at
) WHERE kind = 'thought';

-- The row of repetitions is its life's too: that of the last one, whether it lives or not.
UPDATE schedule SET data = json_object('life', (SELECT max(number) FROM lives), 'in_a_row', json(data))
WHERE name = 'near-same thoughts';

DROP INDEX sayings_by_kind;

CREATE INDEX sayings_by_kind_and_life ON sayings (kind, life, id);
