-- What tools that write have done: the record that makes each effect happen once, and the tables they write.

create table if not exists public.tool_effects (
    key         text primary key,
    call_id     text not null,
    tool        text not null,
    business_id text,
    result      jsonb not null,
    done_at     timestamptz not null default now()
);
create index if not exists tool_effects_by_call on public.tool_effects (call_id);
comment on table public.tool_effects is 'What tools have written, once per key. The service''s own: tools cannot read it.';
comment on column public.tool_effects.key is 'The journal of the service, and a hash of the call, the tool and its arguments.';
comment on column public.tool_effects.call_id is 'The call it was done in.';
comment on column public.tool_effects.tool is 'The tool that did it.';
comment on column public.tool_effects.business_id is 'Whose rows were written; null where the call belongs to no business.';
comment on column public.tool_effects.result is 'The columns asked for of each row written, in their order.';
comment on column public.tool_effects.done_at is 'When it was done.';

create table if not exists public.orders (
    id          text primary key,
    business_id text not null,
    call_id     text not null,
    number      text not null,
    table_name  text,
    pickup_name text,
    note        text,
    total       numeric not null,
    currency    text not null,
    status      text not null default 'placed',
    created_at  timestamptz not null default now()
);
create index if not exists orders_by_business on public.orders (business_id, created_at);
comment on table public.orders is 'Orders that guests placed.';
comment on column public.orders.id is 'Given by the service.';
comment on column public.orders.business_id is 'Whose order it is.';
comment on column public.orders.call_id is 'The call it was placed in.';
comment on column public.orders.number is 'Short, to be called out; not unique.';
comment on column public.orders.table_name is 'Where it is brought.';
comment on column public.orders.pickup_name is 'Or who fetches it.';
comment on column public.orders.note is 'What the guest asked for besides.';
comment on column public.orders.total is 'The sum of its lines, in units of the currency.';
comment on column public.orders.currency is 'ISO 4217.';
comment on column public.orders.status is 'placed, until the staff say otherwise.';
comment on column public.orders.created_at is 'When it was placed.';

create table if not exists public.order_items (
    order_id    text not null references public.orders (id) on delete cascade,
    line        integer not null,
    business_id text not null,
    item_id     text not null,
    name        text not null,
    quantity    integer not null check (quantity > 0),
    unit_price  numeric not null,
    line_total  numeric not null,
    currency    text not null,
    primary key (order_id, line)
);
comment on table public.order_items is 'The lines of orders. Name and price are what they were when the order was placed.';
comment on column public.order_items.order_id is 'The order.';
comment on column public.order_items.line is 'Its place in the order, from 1.';
comment on column public.order_items.business_id is 'Whose order it is.';
comment on column public.order_items.item_id is 'The id in menu_items.';
comment on column public.order_items.name is 'The name on the menu.';
comment on column public.order_items.quantity is 'How many.';
comment on column public.order_items.unit_price is 'The price of one.';
comment on column public.order_items.line_total is 'The price of all of them.';
comment on column public.order_items.currency is 'ISO 4217.';

create table if not exists public.table_bookings (
    id           text primary key default gen_random_uuid()::text,
    business_id  text,
    guest_name   text not null,
    party_size   integer not null check (party_size > 0),
    booking_date date not null,
    booking_time text not null check (booking_time ~ '^[0-2][0-9]:[0-5][0-9]$'),
    phone        text,
    note         text,
    status       text not null default 'booked',
    created_at   timestamptz not null default now()
);
create index if not exists table_bookings_by_business on public.table_bookings (business_id, booking_date);
comment on table public.table_bookings is 'Tables that guests booked.';
comment on column public.table_bookings.id is 'Given by the database.';
comment on column public.table_bookings.business_id is 'Whose table; null where the service serves one house that has no id.';
comment on column public.table_bookings.guest_name is 'Who comes.';
comment on column public.table_bookings.party_size is 'How many come.';
comment on column public.table_bookings.booking_date is 'On which day, where the house is.';
comment on column public.table_bookings.booking_time is 'At what time, HH:MM, where the house is.';
comment on column public.table_bookings.phone is 'How to reach them.';
comment on column public.table_bookings.note is 'What they asked for besides.';
comment on column public.table_bookings.status is 'booked, until the staff say otherwise.';
comment on column public.table_bookings.created_at is 'When it was booked.';

-- Makes the changes of one effect and records it, both or neither. For a key that is there it does nothing and
-- returns what was recorded, so that it may be called again whenever an answer was lost.
create or replace function public.ai_realtime_apply_effect(
    effect_key text, effect_call text, effect_tool text, effect_business text, changes jsonb
) returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
    recorded jsonb;
    change   jsonb;
    written  jsonb;
begin
    -- A second attempt beside this one waits here for the first to end.
    insert into public.tool_effects (key, call_id, tool, business_id, result)
    values (effect_key, effect_call, effect_tool, effect_business, '[]')
    on conflict (key) do nothing;
    if not found then
        select e.result into strict recorded from public.tool_effects as e where e.key = effect_key;
        return recorded;
    end if;
    recorded := '[]';
    for change in select c.value from jsonb_array_elements(changes) with ordinality as c (value, place) order by c.place loop
        if change ? 'insert' then
            written := public.ai_realtime_apply_change('insert', change -> 'insert', effect_business);
        else
            written := public.ai_realtime_apply_change('update', change -> 'update', effect_business);
        end if;
        recorded := recorded || jsonb_build_array(written);
    end loop;
    update public.tool_effects as e set result = recorded where e.key = effect_key;
    return recorded;
end;
$$;

-- Makes one change, and returns the columns asked for of the row it wrote.
create or replace function public.ai_realtime_apply_change(kind text, change jsonb, business text)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
    target  text := change ->> 'table';
    cells   jsonb := coalesce(change -> 'row', change -> 'set');
    keys    jsonb := coalesce(change -> 'by', '{}');
    owned   boolean := coalesce((change ->> 'tenant')::boolean, true) and business is not null;
    shown   text;
    names   text;
    matched text;
    written jsonb;
    touched bigint;
begin
    if target in ('businesses', 'call_events', 'call_logs', 'configurations', 'document_chunks', 'documents',
                  'service_meta', 'tool_effects')
       or not exists (
           select 1 from pg_catalog.pg_class as c
           where c.relnamespace = 'public'::regnamespace and c.relname = target and c.relkind in ('r', 'p')) then
        raise exception 'there is no table % that tools may write', target using errcode = '42P01';
    end if;
    if owned then
        cells := case when kind = 'insert' then cells || jsonb_build_object('business_id', business) else cells end;
        keys := keys || jsonb_build_object('business_id', business);
    end if;
    -- Money leaves as text, as it was written.
    select coalesce(string_agg(format(
               case when a.atttypid = 'numeric'::regtype then '%L, t.%I::text' else '%L, t.%I' end,
               r.name, r.name), ', ' order by r.place), '')
    into shown
    from jsonb_array_elements_text(coalesce(change -> 'returning', '[]')) with ordinality as r (name, place)
    left join pg_catalog.pg_attribute as a
        on a.attrelid = format('public.%I', target)::regclass and a.attname = r.name and a.attnum > 0;
    select string_agg(format('%I', c.key), ', ' order by c.key) into names from jsonb_object_keys(cells) as c (key);
    if kind = 'insert' then
        execute format(
            'insert into public.%1$I as t (%2$s) select %2$s from jsonb_populate_record(null::public.%1$I, $1) '
            'returning jsonb_build_object(%3$s)', target, names, shown)
        into strict written using cells;
        return written;
    end if;
    select string_agg(format('t.%1$I = k.%1$I', c.key), ' and ' order by c.key)
    into matched from jsonb_object_keys(keys) as c (key);
    execute format(
        'with written as (update public.%1$I as t set (%2$s) = (select %2$s from jsonb_populate_record(null::public.%1$I, $1)) '
        'from jsonb_populate_record(null::public.%1$I, $2) as k where %3$s returning jsonb_build_object(%4$s) as shown) '
        'select count(*), (array_agg(shown))[1] from written', target, names, matched, shown)
    into touched, written using cells, keys;
    if touched <> 1 then
        -- Nothing is kept of an effect that meets no row, or more than the one it names.
        raise exception 'the key matches % rows', touched using errcode = '22ROW';
    end if;
    return written;
end;
$$;

comment on function public.ai_realtime_apply_effect(text, text, text, text, jsonb) is
    'Makes the changes of one effect and records it under its key, once; returns what was recorded';
comment on function public.ai_realtime_apply_change(text, jsonb, text) is
    'Makes one change of an effect, and returns the columns asked for of the row it wrote';
