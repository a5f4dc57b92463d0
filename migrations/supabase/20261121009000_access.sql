-- Applied last: who may touch the tables of this folder, what keeps `updated_at`, and what the service asks of the
-- whole.
--
-- Only the service may, with the service-role or secret key. Row-level security is on and there is no policy, so that
-- nobody else reads or writes a row even where a later grant lets them in.

do $$
begin
    if to_regrole('service_role') is null or to_regrole('anon') is null or to_regrole('authenticated') is null then
        raise exception 'the roles anon, authenticated and service_role are missing: this is no Supabase database';
    end if;
end
$$;

create or replace function ai_realtime_set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := pg_catalog.now();
    return new;
end
$$;

comment on function ai_realtime_set_updated_at() is 'Keeps updated_at: the time of the last change of the row';

-- What the service asks at `ai-realtime check` and when it looks a table up: names and types, nothing else.
create or replace function ai_realtime_schema() returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'version', '20261121009000',
        'pgvector', exists (select from pg_extension where extname = 'vector'),
        'relations', (
            select coalesce(jsonb_object_agg(relation.relname, jsonb_build_object(
                'kind', case when relation.relkind in ('v', 'm') then 'view' else 'table' end,
                'row_security', relation.relrowsecurity,
                'columns', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                        'name', attname,
                        'type', format_type(atttypid, atttypmod)) order by attnum), '[]')
                    from pg_attribute
                    where attrelid = relation.oid and attnum > 0 and not attisdropped)
            )), '{}')
            from pg_class as relation
            where relation.relnamespace = to_regnamespace('public')
              and relation.relkind in ('r', 'p', 'v', 'm', 'f')))
$$;

comment on function ai_realtime_schema() is
    'The version of these migrations, whether pgvector is there, and every table and view of the '
    'schema public with its columns and whether its row-level security is on';

do $$
declare
    our_relations constant text[] := array[
        'businesses', 'call_events', 'call_logs', 'configurations', 'document_chunks', 'documents', 'gl_lines',
        'menu_items', 'order_items', 'orders', 'pairing_details', 'pairings', 'table_bookings', 'tax_rules',
        'tool_effects'];
    our_functions constant text[] := array['match_documents'];
    found record;
begin
    for found in
        select pg_class.oid, relname, relkind, relrowsecurity
        from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and relname = any (our_relations)
    loop
        execute format('revoke all on public.%I from public, anon, authenticated', found.relname);
        if found.relkind = 'v' then
            execute format('grant select on public.%I to service_role', found.relname);
            continue;
        end if;
        execute format('grant select, insert, update, delete on public.%I to service_role', found.relname);
        if not found.relrowsecurity then
            execute format('alter table public.%I enable row level security', found.relname);
        end if;
        if exists (select from pg_attribute
                   where attrelid = found.oid and attname = 'updated_at' and not attisdropped) then
            execute format(
                'create or replace trigger ai_realtime_updated_at before update on public.%I '
                'for each row execute function public.ai_realtime_set_updated_at()', found.relname);
        end if;
    end loop;

    -- A trigger's function needs no grant to be run by its trigger.
    for found in
        select pg_proc.oid::regprocedure as signature, prorettype = 'trigger'::regtype as is_trigger
        from pg_proc
        where pronamespace = 'public'::regnamespace
          and (proname = any (our_functions) or proname like 'ai\_realtime\_%')
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', found.signature);
        if not found.is_trigger then
            execute format('grant execute on function %s to service_role', found.signature);
        end if;
    end loop;
end
$$;

-- PostgREST reads the schema anew.
notify pgrst, 'reload schema';
