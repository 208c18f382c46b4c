-- When the same was last done, and in which state of the world: a loop is one within a stretch of time and of the world.
ALTER TABLE loop_breaker ADD COLUMN at REAL NOT NULL DEFAULT 0;
ALTER TABLE loop_breaker ADD COLUMN world INTEGER NOT NULL DEFAULT 0;
