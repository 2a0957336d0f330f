-- The lists that a user has saved, as JSON. The default is for the release before, which does not write them.
ALTER TABLE preferences ADD COLUMN filters text NOT NULL DEFAULT '[]' CHECK (char_length(filters) <= 200000);
