-- The call log and the events of every call, delivered by the service from its journal. Nothing deletes them: how long
-- they are kept is for the owner of the project to decide.
-- This file can be applied again without harm.

create table if not exists call_events (
    call_id text        not null,
    journal text        not null,
    seq     bigint      not null check (seq > 0),
    at      timestamptz not null,
    kind    text        not null,
    body    jsonb       not null,
    primary key (call_id, journal, seq)
);
create index if not exists call_events_by_time on call_events (at);

comment on table call_events is 'Every event of every call, in order, once';
comment on column call_events.call_id is 'The call';
comment on column call_events.journal is
    'The journal it was delivered from: each data folder has its own, and call ids are unique within it';
comment on column call_events.seq is 'Rises by one per call, from 1';
comment on column call_events.at is 'When it happened';
comment on column call_events.kind is 'Its type, such as turn.done';
comment on column call_events.body is 'The whole event as clients are shown it; a NUL character in it became U+FFFD';

create table if not exists call_logs (
    call_id     text        not null,
    journal     text        not null,
    first_seq   bigint      not null check (first_seq > 0),
    last_seq    bigint      not null,
    business_id text,
    transport   text        not null,
    direction   text        check (direction in ('inbound', 'outbound')),
    from_number text,
    to_number   text,
    persona     text,
    state       text        not null check (state in ('live', 'ended')),
    end_reason  text,
    started_at  timestamptz not null,
    ended_at    timestamptz,
    updated_at  timestamptz not null,
    turns       bigint      not null default 0,
    usage       jsonb       not null default '{}',
    primary key (call_id, journal, first_seq)
);
create index if not exists call_logs_by_start on call_logs (started_at, call_id collate "C", first_seq);
create index if not exists call_logs_by_business on call_logs (business_id, started_at);

comment on table call_logs is 'One row for each conversation; a call id may have several, one after another';
comment on column call_logs.call_id is 'The call';
comment on column call_logs.journal is 'The journal its events were delivered from';
comment on column call_logs.first_seq is 'The number of its call.started';
comment on column call_logs.last_seq is 'The newest event that is reckoned in here';
comment on column call_logs.business_id is 'Whose caller it is, where that is known';
comment on column call_logs.transport is 'The kind of line, such as text or twilio';
comment on column call_logs.direction is 'inbound or outbound; null for a text call';
comment on column call_logs.from_number is 'Who called';
comment on column call_logs.to_number is 'Who was called';
comment on column call_logs.persona is 'Who speaks, or spoke last';
comment on column call_logs.state is 'live, as far as the journal knows, or ended';
comment on column call_logs.end_reason is 'Why it ended, such as hung_up';
comment on column call_logs.started_at is 'When it began';
comment on column call_logs.ended_at is 'When it ended';
comment on column call_logs.updated_at is 'When this row last changed';
comment on column call_logs.turns is 'Turns begun';
comment on column call_logs.usage is 'Tokens by kind, under the name of each model';

-- A delivery whose answer was lost may reach the database after the one that was tried in its place: what it says of a
-- conversation is older, and does not count.
create or replace function ai_realtime_keep_newer_log() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.last_seq < old.last_seq then
        return null;
    end if;
    return new;
end
$$;

comment on function ai_realtime_keep_newer_log() is 'Keeps a row of the call log from being replaced by an older one';

create or replace trigger ai_realtime_newer_log before update on call_logs
    for each row execute function ai_realtime_keep_newer_log();

-- What was said in an event, as words. Punctuation goes, so that words part as they do in the embedded store.
create or replace function ai_realtime_said(body jsonb) returns tsvector
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select to_tsvector('simple'::regconfig, translate(left(coalesce(body ->> 'text', ''), 100000),
        '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '))
$$;

comment on function ai_realtime_said(jsonb) is 'The words of what was said in an event, to be searched';

create index if not exists call_events_said on call_events using gin (ai_realtime_said(body))
    where kind in ('caller.text', 'caller.transcript', 'assistant.text');

-- A page of the call log, newest first. What is null is not asked for. It is planned for what is asked: one plan for
-- every question would read the whole log for each.
create or replace function ai_realtime_call_page(
    p_business_id      text default null,
    p_since            timestamptz default null,
    p_until            timestamptz default null,
    p_transport        text default null,
    p_words            text default null,
    p_digits           text default null,
    p_after_started_at timestamptz default null,
    p_after_call_id    text default null,
    p_after_first_seq  bigint default null,
    p_limit            integer default 50
) returns setof call_logs
language plpgsql
stable
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
begin
    return query
    with found as materialized (
        select log.call_id, log.journal, log.first_seq
        from call_events as event
        join call_logs as log
            on log.call_id = event.call_id and log.journal = event.journal
            and event.seq between log.first_seq and log.last_seq
        where p_words is not null
          and event.kind in ('caller.text', 'caller.transcript', 'assistant.text')
          and ai_realtime_said(event.body) @@ plainto_tsquery('simple'::regconfig, p_words)
        union
        select log.call_id, log.journal, log.first_seq
        from call_logs as log
        where p_digits is not null
          and (strpos(log.from_number, p_digits) > 0 or strpos(log.to_number, p_digits) > 0)
    )
    select log.*
    from call_logs as log
    where (p_business_id is null or log.business_id = p_business_id)
      and (p_since is null or log.started_at >= p_since)
      and (p_until is null or log.started_at < p_until)
      and (p_transport is null or log.transport = p_transport)
      and (p_after_started_at is null
           or (log.started_at, log.call_id collate "C", log.first_seq)
              < (p_after_started_at, p_after_call_id collate "C", p_after_first_seq))
      and (p_words is null or (log.call_id, log.journal, log.first_seq) in (
          select found.call_id, found.journal, found.first_seq from found))
    order by log.started_at desc, log.call_id collate "C" desc, log.first_seq desc
    limit least(greatest(p_limit, 1), 200);
end
$$;

comment on function ai_realtime_call_page is
    'A page of the call log, newest first: of one business, within a time, on one kind of line, in which words were '
    'said or with a number that holds these digits, after a place in the log';
