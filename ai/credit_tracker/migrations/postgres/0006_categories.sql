-- What kind of expense a call is: one of a model, or one of a network that posts go to. Until now its name told.
ALTER TABLE calls ADD COLUMN category TEXT NOT NULL DEFAULT 'model' CHECK (category IN ('model', 'post'));
UPDATE calls SET category = 'post' WHERE subject IN ('x/post', 'x/read');
