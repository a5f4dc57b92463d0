-- The dietary notes as text, for tools to search in: in Postgres a list of JSON cannot be compared with a pattern.

ALTER TABLE menu_items ADD COLUMN dietary_text TEXT GENERATED ALWAYS AS (dietary) VIRTUAL;
