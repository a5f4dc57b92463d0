-- Applied last: who may touch the tables of this folder, and what the service asks of the whole.
--
-- Only the service does, with the service-role key. Row-level security is on and there is no policy, so that nobody
-- else reads or writes a row even where a later grant lets them in.

do $$
declare
    ours constant text[] := array[
        'businesses', 'call_events', 'call_logs', 'configurations', 'document_chunks', 'documents', 'gl_lines',
        'menu_items', 'order_items', 'orders', 'pairings', 'pairing_details', 'table_bookings', 'tax_rules',
        'tool_effects'];
    found record;
begin
    for found in
        select pg_class.oid, relname, relkind, relrowsecurity
        from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and relname = any (ours)
    loop
        execute format('revoke all on public.%I from public, anon, authenticated', found.relname);
        execute format('grant select, insert, update, delete on public.%I to service_role', found.relname);
        if found.relkind <> 'v' and not found.relrowsecurity then
            execute format('alter table public.%I enable row level security', found.relname);
        end if;
    end loop;
end
$$;
