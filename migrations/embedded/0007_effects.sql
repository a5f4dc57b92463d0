-- What tools that write have done: the ledger that makes each effect happen once, and the tables they write.

-- Tools cannot read it.
CREATE TABLE tool_effects (
    key          TEXT NOT NULL PRIMARY KEY,      -- of the call, the tool and its arguments
    call_id      TEXT NOT NULL,
    tool         TEXT NOT NULL,
    plan         JSON NOT NULL,                  -- what the first attempt decided to do; later ones do the same
    result       JSON,                           -- what the model is given; null until it is done
    intended_at  TEXT NOT NULL,                  -- RFC 3339, UTC
    done_at      TEXT,
    delivered_at TEXT,                           -- its result stands in the journal
    CHECK ((result IS NULL) = (done_at IS NULL)),
    CHECK (delivered_at IS NULL OR done_at IS NOT NULL)
) WITHOUT ROWID;
CREATE INDEX tool_effects_by_call ON tool_effects (call_id);

CREATE TABLE orders (
    id          TEXT NOT NULL PRIMARY KEY,
    business_id TEXT NOT NULL,
    call_id     TEXT NOT NULL,                   -- the call it was placed in
    number      TEXT NOT NULL,                   -- short, to be called out; not unique
    table_name  TEXT,                            -- where it is brought
    pickup_name TEXT,                            -- or who fetches it
    note        TEXT,
    total       DECIMAL_TEXT NOT NULL,
    currency    TEXT NOT NULL,                   -- ISO 4217
    status      TEXT NOT NULL DEFAULT 'placed',
    created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX orders_by_business ON orders (business_id, created_at);

-- Name and price are what they were when the order was placed, whatever becomes of the menu.
CREATE TABLE order_items (
    order_id    TEXT    NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line        INTEGER NOT NULL,                -- from 1
    business_id TEXT    NOT NULL,
    item_id     TEXT    NOT NULL,                -- of menu_items
    name        TEXT    NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    unit_price  DECIMAL_TEXT NOT NULL,
    line_total  DECIMAL_TEXT NOT NULL,
    currency    TEXT    NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE table_bookings (
    id           TEXT    NOT NULL PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    business_id  TEXT,                           -- null where the service serves one house that has no id
    guest_name   TEXT    NOT NULL,
    party_size   INTEGER NOT NULL CHECK (party_size > 0),
    booking_date TEXT    NOT NULL CHECK (date(booking_date) = booking_date),            -- YYYY-MM-DD, of the house
    booking_time TEXT    NOT NULL CHECK (booking_time GLOB '[0-2][0-9]:[0-5][0-9]'),    -- HH:MM, of the house
    phone        TEXT,
    note         TEXT,
    status       TEXT    NOT NULL DEFAULT 'booked',
    created_at   TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX table_bookings_by_business ON table_bookings (business_id, booking_date);
