-- The businesses whose calls the service takes, and what is configured for each; tools cannot read them.
-- The same names and columns stand in the embedded store.

create table if not exists businesses (
    id           text not null primary key,
    name         text not null,
    phone_number text unique,
    country      text,
    currency     text,
    language     text,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    -- A plus sign and 2 to 15 digits: a number that is called is found by comparing texts.
    constraint phone_number_is_e164 check (phone_number ~ '^\+[0-9]{2,15}$')
);

comment on table businesses is 'The businesses whose calls the service takes';
comment on column businesses.id is 'What business_id says in the rows that belong to it';
comment on column businesses.name is 'What it is called';
comment on column businesses.phone_number is 'Its callers dial it: E.164, such as +35670000001';
comment on column businesses.country is 'ISO 3166-1 alpha-2, such as RW';
comment on column businesses.currency is 'ISO 4217, such as RWF';
comment on column businesses.language is 'The language its callers are greeted in: a BCP 47 tag';
comment on column businesses.created_at is 'When the row was made';
comment on column businesses.updated_at is 'When the row was last changed';

create table if not exists configurations (
    business_id text not null references businesses (id) on delete cascade,
    key         text not null,
    value       text not null,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (business_id, key)
);

comment on table configurations is 'What is configured for each business; calls that begin after a change have it';
comment on column configurations.business_id is 'The business';
comment on column configurations.key is
    'ai_personality, greeting_message, default_persona, language, voice, transfer_number, opening_hours, country, '
    'currency, or a key of your own, which prompts find as business.settings.<key>';
comment on column configurations.value is 'Text; of opening_hours the text of a JSON object';
comment on column configurations.created_at is 'When the row was made';
comment on column configurations.updated_at is 'When the row was last changed';
