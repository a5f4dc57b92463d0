-- The call log, what was said in calls, and what of the journal is delivered elsewhere; tools cannot read them.

-- One row for each conversation. Written in the same transaction as the events it is made of; nothing deletes it.
-- Times are RFC 3339, UTC, always with three decimals, so that their order is that of their text.
CREATE TABLE call_logs (
    call_id     TEXT    NOT NULL,
    first_seq   INTEGER NOT NULL,                -- the number of its `call.started`; a call id may begin anew
    last_seq    INTEGER NOT NULL,                -- the newest event that is reckoned in here
    business_id TEXT,
    transport   TEXT    NOT NULL,
    direction   TEXT,                            -- inbound or outbound; null for a text call
    from_number TEXT,
    to_number   TEXT,
    persona     TEXT,                            -- who speaks, or spoke last
    state       TEXT    NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'ended')),
    end_reason  TEXT,
    started_at  TEXT    NOT NULL,
    ended_at    TEXT,
    updated_at  TEXT    NOT NULL,
    turns       INTEGER NOT NULL DEFAULT 0,      -- turns begun
    usage       JSON    NOT NULL DEFAULT '{}',   -- tokens by kind, under the name of each model
    PRIMARY KEY (call_id, first_seq)
) WITHOUT ROWID;
CREATE INDEX call_logs_by_start ON call_logs (started_at, call_id, first_seq);
CREATE INDEX call_logs_by_business ON call_logs (business_id, started_at);

-- The words of what was said, to be searched.
CREATE VIRTUAL TABLE call_words USING fts5 (call_id UNINDEXED, seq UNINDEXED, text, tokenize = "unicode61 remove_diacritics 0");

-- How far each call's events are delivered to the user's database. `pending_since` is when the oldest event that is not
-- yet there happened, in Unix milliseconds; null when all are. It is kept without such a database, too: given one, the
-- service delivers what happened before.
CREATE TABLE outbox (
    call_id       TEXT    NOT NULL PRIMARY KEY,
    delivered_seq INTEGER NOT NULL DEFAULT 0,
    pending_since INTEGER
) WITHOUT ROWID;
CREATE INDEX outbox_pending ON outbox (pending_since) WHERE pending_since IS NOT NULL;

-- What the journal holds from before.
INSERT INTO outbox (call_id, pending_since)
SELECT call_id, CAST(min(unixepoch(at, 'subsec')) * 1000 AS INTEGER) FROM call_events GROUP BY call_id;

INSERT INTO call_words (call_id, seq, text)
SELECT call_id, seq, json_extract(body, '$.text') FROM call_events
WHERE kind IN ('caller.text', 'caller.transcript', 'assistant.text') AND json_valid(body);

CREATE TEMP TABLE told AS
SELECT call_id, seq, kind, body, strftime('%Y-%m-%dT%H:%M:%fZ', at) AS at,
       max(CASE WHEN kind = 'call.started' THEN seq END) OVER (PARTITION BY call_id ORDER BY seq) AS first_seq
FROM call_events
WHERE kind <> 'assistant.delta' AND json_valid(body);
CREATE INDEX temp.told_by_conversation ON told (call_id, first_seq, kind, seq);

INSERT INTO call_logs (call_id, first_seq, last_seq, business_id, transport, direction, from_number, to_number, persona,
                       state, end_reason, started_at, ended_at, updated_at, turns, usage)
SELECT began.call_id, began.seq, whole.last_seq,
       json_extract(began.body, '$.business_id'), coalesce(json_extract(began.body, '$.transport'), 'text'),
       json_extract(began.body, '$.direction'), json_extract(began.body, '$.from'), json_extract(began.body, '$.to'),
       (SELECT json_extract(body, '$.persona') FROM told
        WHERE call_id = began.call_id AND first_seq = began.seq AND kind = 'persona.activated' ORDER BY seq DESC LIMIT 1),
       CASE WHEN ended.seq IS NULL THEN 'live' ELSE 'ended' END, json_extract(ended.body, '$.reason'),
       began.at, ended.at, whole.updated_at, whole.turns,
       CASE WHEN whole.answers = 0 THEN '{}' ELSE json_object('unknown', json_object(
           'input_tokens', whole.input_tokens, 'output_tokens', whole.output_tokens)) END
FROM told AS began
JOIN (SELECT call_id, first_seq, max(seq) AS last_seq, max(at) AS updated_at,
             coalesce(max(CASE WHEN kind = 'turn.started' THEN json_extract(body, '$.turn') END), 0) AS turns,
             coalesce(sum(kind = 'turn.done'), 0) AS answers,
             coalesce(sum(CASE WHEN kind = 'turn.done' THEN json_extract(body, '$.usage.input_tokens') END), 0)
                 AS input_tokens,
             coalesce(sum(CASE WHEN kind = 'turn.done' THEN json_extract(body, '$.usage.output_tokens') END), 0)
                 AS output_tokens
      FROM told GROUP BY call_id, first_seq) AS whole
  ON whole.call_id = began.call_id AND whole.first_seq = began.seq
LEFT JOIN told AS ended
  ON ended.call_id = began.call_id AND ended.first_seq = began.seq AND ended.kind = 'call.ended'
WHERE began.kind = 'call.started'
GROUP BY began.call_id, began.seq;

DROP TABLE temp.told;
