-- How many thoughts a life had, and what it kept of others, asked for each life on a page of the chronicle.
CREATE INDEX memories_by_kind ON memories (life, kind);
