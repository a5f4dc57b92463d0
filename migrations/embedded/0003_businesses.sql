-- The businesses whose calls the service takes, and what is configured for each; tools cannot read them.

CREATE TABLE businesses (
    id           TEXT NOT NULL PRIMARY KEY,      -- what `business_id` says in the rows that belong to it
    name         TEXT NOT NULL,
    phone_number TEXT UNIQUE,                    -- its callers dial it: E.164, such as +35670000001
    country      TEXT,                           -- ISO 3166-1 alpha-2
    currency     TEXT,                           -- ISO 4217
    language     TEXT,                           -- BCP 47
    created_at   TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- A plus sign and 2 to 15 digits: a number that is called is found by comparing texts.
    CONSTRAINT phone_number_is_e164 CHECK (
        substr(phone_number, 1, 1) = '+'
        AND length(phone_number) BETWEEN 3 AND 16
        AND ltrim(substr(phone_number, 2), '0123456789') = ''
    )
);

CREATE TABLE configurations (
    business_id TEXT NOT NULL REFERENCES businesses (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,                   -- such as greeting_message, default_persona, transfer_number
    value       TEXT NOT NULL,
    PRIMARY KEY (business_id, key)
);
