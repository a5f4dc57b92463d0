-- The tables the tools read. The same names and columns stand in Postgres.
--
-- DECIMAL_TEXT is text that holds a decimal number, never a float: SQLite keeps it as it was written, and the
-- store compares and orders it by its value. JSON is text that the store hands out parsed. BOOLEAN holds 0 or 1
-- and is handed out as false or true.

CREATE TABLE menu_items (
    id          TEXT NOT NULL PRIMARY KEY,       -- readable, such as kgl-brochette-goat
    business_id TEXT NOT NULL,
    venue       TEXT NOT NULL,
    name        TEXT NOT NULL,
    category    TEXT NOT NULL,                   -- every kind of drink has 'drinks' in its name
    description TEXT NOT NULL,
    price       DECIMAL_TEXT NOT NULL,           -- in units of the currency, with its usual decimals
    currency    TEXT NOT NULL,                   -- ISO 4217
    dietary     JSON NOT NULL DEFAULT '[]',      -- such as ["vegetarian", "gluten-free"]
    allergens   JSON NOT NULL DEFAULT '[]',      -- such as ["gluten", "milk"]
    image_url   TEXT,
    available   BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE INDEX menu_items_by_business ON menu_items (business_id, category, name);

CREATE TABLE pairings (
    id             TEXT NOT NULL PRIMARY KEY,
    item_id        TEXT NOT NULL REFERENCES menu_items (id) ON DELETE CASCADE,
    paired_item_id TEXT NOT NULL REFERENCES menu_items (id) ON DELETE CASCADE,
    reason         TEXT NOT NULL,
    rank           INTEGER NOT NULL DEFAULT 1,   -- 1 is the first recommendation
    UNIQUE (item_id, paired_item_id)
);
CREATE INDEX pairings_by_paired_item ON pairings (paired_item_id);

-- What a recommendation says in one read: the pairing with the name and price of what goes with the item.
CREATE VIEW pairing_details AS
SELECT pairings.id         AS id,
       pairings.item_id    AS item_id,
       item.name           AS item_name,
       item.business_id    AS business_id,
       pairings.paired_item_id AS paired_item_id,
       paired.name         AS paired_name,
       paired.category     AS paired_category,
       paired.description  AS paired_description,
       paired.price        AS paired_price,
       paired.currency     AS currency,
       paired.image_url    AS image_url,
       paired.available    AS available,
       pairings.reason     AS reason,
       pairings.rank       AS rank
FROM pairings
JOIN menu_items AS item ON item.id = pairings.item_id
JOIN menu_items AS paired ON paired.id = pairings.paired_item_id;

CREATE TABLE gl_lines (
    id           TEXT NOT NULL PRIMARY KEY,
    business_id  TEXT NOT NULL,
    posted_on    TEXT NOT NULL,                  -- YYYY-MM-DD
    -- Four digits: 4xxx revenue, 5xxx cost of goods, 6xxx operating expenses; 7xxx (depreciation, interest) and
    -- 8xxx (income tax) stand outside EBITDA.
    account      TEXT NOT NULL,
    account_name TEXT NOT NULL,
    -- Positive on its account's own side: revenue earned, expense incurred. Refunds and credit notes are negative.
    -- EBITDA = 4xxx - 5xxx - 6xxx.
    amount       DECIMAL_TEXT NOT NULL,
    currency     TEXT NOT NULL,                  -- ISO 4217; sums never mix currencies
    memo         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX gl_lines_by_day ON gl_lines (posted_on, account);

CREATE TABLE tax_rules (
    id             TEXT NOT NULL PRIMARY KEY,
    jurisdiction   TEXT NOT NULL,                -- US, CA, EU or UK
    region         TEXT,                         -- a state, province or member state; null where the rule is general
    topic          TEXT NOT NULL,                -- in the words a caller would use
    rule           TEXT NOT NULL,
    note           TEXT NOT NULL DEFAULT '',
    authority      TEXT NOT NULL,                -- the statute or standard to cite
    rate           DECIMAL_TEXT,                 -- percent, where the rule names one
    effective_from TEXT                          -- YYYY-MM-DD, where it is a fact worth citing
);
CREATE INDEX tax_rules_by_jurisdiction ON tax_rules (jurisdiction, topic);
