-- What the businesses have written down for their callers, cut into chunks that can be searched by their words, and
-- with pgvector by their meaning.
--
-- Without pgvector everything works, by words alone: make the extension available and apply this file again to have
-- both. Documents that came before are then found by their words until they are brought again.

do $$
begin
    if not exists (select from pg_available_extensions where name = 'vector') then
        raise notice 'pgvector is not available: documents are searched by their words alone';
    elsif not exists (select from pg_extension where extname = 'vector') then
        if to_regnamespace('extensions') is null then
            create extension vector;
        else
            create extension vector with schema extensions;
        end if;
    end if;
exception when insufficient_privilege then
    raise notice 'pgvector may not be created by this role: documents are searched by their words alone';
end
$$;

create table if not exists documents (
    id              text not null primary key,
    business_id     text,
    title           text not null,
    content_hash    text not null,
    metadata        jsonb not null default '{}',
    status          text not null check (status in ('ingesting', 'ready', 'failed')),
    version         bigint,
    newest_version  bigint not null default 0,
    embedding_model text,
    chunk_count     integer not null default 0,
    ingested_chunks integer not null default 0,
    expected_chunks integer not null default 0,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now()
);
create index if not exists documents_by_content on documents (content_hash);
create index if not exists documents_by_business on documents (business_id);

comment on table documents is 'What callers are answered from; its text is in document_chunks';
comment on column documents.id is 'Unique in this installation';
comment on column documents.business_id is 'Whose it is; null: of the house, found by the callers of every business';
comment on column documents.title is 'What it is called';
comment on column documents.content_hash is 'SHA-256 of what the chunks were made of';
comment on column documents.metadata is 'Given back with each result';
comment on column documents.status is 'Of the newest ingest: ingesting, ready or failed';
comment on column documents.version is 'That of the chunks that are found; null: there are none yet';
comment on column documents.newest_version is 'That of the ingest that was begun last';
comment on column documents.embedding_model is 'What the embeddings of the found chunks were made with';
comment on column documents.chunk_count is 'How many chunks are found';
comment on column documents.ingested_chunks is 'How many chunks of the newest ingest are written';
comment on column documents.expected_chunks is 'How many chunks the newest ingest has';
comment on column documents.created_at is 'When it came first';
comment on column documents.updated_at is 'The time of the last change of the row';

-- Lower case without accents, as the embedded store compares words too.
create or replace function ai_realtime_plain_text(written text) returns text
language sql
immutable parallel safe
as $$
    select regexp_replace(normalize(lower(written), nfd), U&'[\0300-\036F]', '', 'g')
$$;

comment on function ai_realtime_plain_text(text) is 'A text in lower case and without accents, to search in';

create table if not exists document_chunks (
    chunk       bigint generated always as identity primary key,
    document_id text not null references documents (id) on delete cascade,
    version     bigint not null,
    no          integer not null,
    heading     text not null,
    content     text not null,
    words       tsvector not null generated always as (
        setweight(to_tsvector('english', ai_realtime_plain_text(heading)), 'A')
        || setweight(to_tsvector('english', ai_realtime_plain_text(content)), 'B')) stored,
    unique (document_id, version, no)
);
create index if not exists document_chunks_by_words on document_chunks using gin (words);

comment on table document_chunks is 'The passages of the documents';
comment on column document_chunks.chunk is 'Its own number';
comment on column document_chunks.document_id is 'The document it is of';
comment on column document_chunks.version is 'It is found when this is the version of its document';
comment on column document_chunks.no is 'Its place in the document, from 0';
comment on column document_chunks.heading is 'The title, and the headings it stands under';
comment on column document_chunks.content is 'Its text';
comment on column document_chunks.words is 'Its words, for the search; they follow the text by themselves';

do $$
declare
    home text := (select nspname from pg_extension join pg_namespace on pg_namespace.oid = extnamespace
                  where extname = 'vector');
begin
    if home is not null then
        execute format('alter table document_chunks add column if not exists embedding %I.vector(1536)', home);
        execute format(
            'create index if not exists document_chunks_by_meaning on document_chunks '
            'using hnsw (embedding %I.vector_cosine_ops)', home);
        comment on column document_chunks.embedding is 'Where its meaning points, of length 1';
    end if;
end
$$;

-- The documents that the callers of a business are answered from, by id; of every business when it is null.
create or replace function ai_realtime_documents(
    filter_business text, only_id text, after_id text, match_count integer
) returns table (
    id text, business_id text, title text, metadata jsonb, status text, chunk_count integer, ingested_chunks integer,
    expected_chunks integer, created_at timestamptz, updated_at timestamptz
)
language sql
stable
set search_path = public, pg_temp
as $$
    select id, business_id, title, metadata, status, chunk_count, ingested_chunks, expected_chunks, created_at,
           updated_at
    from documents
    where (filter_business is null or business_id is null or business_id = filter_business)
      and (only_id is null or id = only_id)
      and (after_id is null or id collate "C" > after_id)
    order by id collate "C"
    limit match_count
$$;

comment on function ai_realtime_documents(text, text, text, integer) is
    'The documents that the callers of a business are answered from';

create or replace function ai_realtime_begin_document(
    given_id text, new_id text, owner text, hash text, given_title text, given_metadata jsonb, chunks integer
) returns jsonb
language plpgsql
set search_path = public, pg_temp
as $$
declare
    there documents;
    begun bigint;
begin
    if given_id is null then
        -- The same text brought twice at once is one document: the second waits here for the first.
        perform pg_advisory_xact_lock(hashtextextended(concat(hash, ' ', owner), 0));
    end if;
    loop
        if given_id is not null then
            select * into there from documents where id = given_id for update;
        else
            select * into there from documents
            where content_hash = hash and business_id is not distinct from owner
            order by created_at limit 1 for update;
        end if;
        exit when there.id is not null;
        insert into documents (id, business_id, title, content_hash, metadata, status, newest_version, expected_chunks)
        values (new_id, owner, given_title, hash, given_metadata, 'ingesting', 1, chunks)
        on conflict (id) do nothing;
        if found then
            return jsonb_build_object('outcome', 'ingest', 'id', new_id, 'version', 1, 'replaces', false);
        end if;
        -- Somebody else was first: it is there now.
    end loop;
    if there.business_id is distinct from owner then
        return jsonb_build_object('outcome', 'not_yours');
    end if;
    if there.status = 'ready' and there.content_hash = hash then
        update documents set metadata = given_metadata where id = there.id and metadata <> given_metadata;
        return jsonb_build_object('outcome', 'unchanged', 'id', there.id, 'chunks', there.chunk_count);
    end if;
    delete from document_chunks where document_id = there.id and version is distinct from there.version;
    update documents
    set status = 'ingesting', newest_version = newest_version + 1, ingested_chunks = 0, expected_chunks = chunks
    where id = there.id
    returning newest_version into begun;
    return jsonb_build_object('outcome', 'ingest', 'id', there.id, 'version', begun, 'replaces', true);
end
$$;

comment on function ai_realtime_begin_document(text, text, text, text, text, jsonb, integer) is
    'Begins to take a document in, and sweeps away what broke off before';

create or replace function ai_realtime_add_document_chunks(given_id text, given_version bigint, chunks jsonb)
returns boolean
language plpgsql
set search_path = public, extensions, pg_temp
as $$
begin
    perform from documents where id = given_id and newest_version = given_version for update;
    if not found then
        return false;
    end if;
    insert into document_chunks (document_id, version, no, heading, content)
    select given_id, given_version, (each ->> 'no')::integer, each ->> 'heading', each ->> 'content'
    from jsonb_array_elements(chunks) as each
    on conflict (document_id, version, no) do nothing;
    if exists (select from pg_attribute where attrelid = 'document_chunks'::regclass and attname = 'embedding'
                                          and not attisdropped) then
        update document_chunks set embedding = (each ->> 'embedding')::vector
        from jsonb_array_elements(chunks) as each
        where document_id = given_id and version = given_version and no = (each ->> 'no')::integer
          and each ->> 'embedding' is not null;
    end if;
    update documents set ingested_chunks =
        (select count(*) from document_chunks where document_id = given_id and version = given_version)
    where id = given_id;
    return true;
end
$$;

comment on function ai_realtime_add_document_chunks(text, bigint, jsonb) is
    'Writes chunks of an ingest, unless a newer one was begun';

create or replace function ai_realtime_finish_document(
    given_id text, given_version bigint, hash text, given_title text, given_metadata jsonb, model text, chunks integer
) returns boolean
language plpgsql
set search_path = public, pg_temp
as $$
begin
    update documents
    set version = given_version, status = 'ready', title = given_title, content_hash = hash,
        metadata = given_metadata, embedding_model = model, chunk_count = chunks
    where id = given_id and newest_version = given_version and ingested_chunks = chunks;
    if not found then
        return false;
    end if;
    delete from document_chunks where document_id = given_id and version <> given_version;
    return true;
end
$$;

comment on function ai_realtime_finish_document(text, bigint, text, text, jsonb, text, integer) is
    'Puts the chunks of an ingest in the place of those before';

create or replace function ai_realtime_fail_document(given_id text, given_version bigint) returns void
language sql
set search_path = public, pg_temp
as $$
    update documents set status = 'failed'
    where id = given_id and newest_version = given_version and status = 'ingesting'
$$;

comment on function ai_realtime_fail_document(text, bigint) is 'Notes that an ingest has failed';

-- The passages that answer a question best: the orders by words and by meaning, fused by the reciprocal of the places.
-- `query_embedding` is a vector as text, such as [0.1, …]; without pgvector it is left aside.
create or replace function match_documents(
    query_text text,
    query_embedding text default null,
    filter_business text default null,
    match_count integer default 3,
    query_model text default null,
    min_similarity double precision default 0.25
) returns table (
    id text, title text, heading text, content text, score double precision, metadata jsonb
)
language plpgsql
stable
set search_path = public, extensions, pg_temp
as $$
#variable_conflict use_column
declare
    candidates constant integer := 50;
    slope constant double precision := 60;
    -- Any of the words is enough.
    wanted constant tsquery :=
        replace(plainto_tsquery('english', ai_realtime_plain_text(query_text))::text, ' & ', ' | ')::tsquery;
    by_words bigint[] := '{}';
    by_meaning bigint[] := '{}';
begin
    if numnode(wanted) > 0 then
        select coalesce(array_agg(chunk order by rank desc, chunk), '{}') into by_words
        from (
            select chunk, ts_rank('{0, 0, 0.5, 1}', words, wanted) as rank
            from document_chunks
            join documents on documents.id = document_id and documents.version = document_chunks.version
            where (filter_business is null or business_id is null or business_id = filter_business)
              and words @@ wanted
            order by rank desc, chunk
            limit candidates
        ) as found;
    end if;
    if query_embedding is not null
       and exists (select from pg_attribute where attrelid = 'document_chunks'::regclass and attname = 'embedding'
                                              and not attisdropped) then
        begin
            -- Goes on looking when the nearest are other businesses' (pgvector 0.8 and later).
            perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
        exception when others then
            null;
        end;
        select coalesce(array_agg(chunk order by distance, chunk), '{}') into by_meaning
        from (
            select chunk, embedding <=> query_embedding::vector as distance
            from document_chunks
            join documents on documents.id = document_id and documents.version = document_chunks.version
            where (filter_business is null or business_id is null or business_id = filter_business)
              and (query_model is null or embedding_model = query_model)
              and embedding is not null
            order by embedding <=> query_embedding::vector
            limit candidates
        ) as found
        where distance <= 1 - min_similarity;
    end if;
    return query
        with places as (
            select chunk, place from unnest(by_words) with ordinality as found (chunk, place)
            union all
            select chunk, place from unnest(by_meaning) with ordinality as found (chunk, place)
        ), fused as (
            select chunk, sum(1 / (slope + place)) as total, min(place) as best from places group by chunk
        )
        select documents.id, documents.title, document_chunks.heading, document_chunks.content,
               (total * (slope + 1) / ((cardinality(by_words) > 0)::integer + (cardinality(by_meaning) > 0)::integer)
               )::double precision,
               documents.metadata
        from fused
        join document_chunks on document_chunks.chunk = fused.chunk
        join documents on documents.id = document_chunks.document_id
        order by total desc, best, fused.chunk
        limit match_count;
end
$$;

comment on function match_documents(text, text, text, integer, text, double precision) is
    'The passages that answer a question best, by their words and, with pgvector, by their meaning';
