-- The tables the tools read. The same names and columns stand in the embedded store.
--
-- Money is `numeric` without a scale: 4500 stays 4500, and 7.50 stays 7.50.
-- This file, like all of this folder, can be applied again without harm.

create table if not exists menu_items (
    id           text not null primary key,
    business_id  text not null,
    venue        text not null,
    name         text not null,
    category     text not null,
    description  text not null,
    price        numeric not null,
    currency     text not null,
    dietary      jsonb not null default '[]',
    allergens    jsonb not null default '[]',
    image_url    text,
    available    boolean not null default true
);
alter table menu_items
    add column if not exists dietary_text text generated always as (dietary::text) stored;
-- Without the name: an entry of an index holds no more than 2.7 kB.
create index if not exists menu_items_by_business on menu_items (business_id, category);

comment on table menu_items is 'What the businesses serve';
comment on column menu_items.id is 'Readable, such as kgl-brochette-goat';
comment on column menu_items.business_id is 'The business it belongs to';
comment on column menu_items.venue is 'Where it is served, as a caller would say it';
comment on column menu_items.name is 'As the menu says it';
comment on column menu_items.category is 'Such as Starters; every kind of drink has "drinks" in its name';
comment on column menu_items.description is 'What it is and what is in it, in a sentence';
comment on column menu_items.price is 'In units of the currency, with its usual decimals';
comment on column menu_items.currency is 'ISO 4217';
comment on column menu_items.dietary is 'An array of notes, such as ["vegetarian", "gluten-free"]';
comment on column menu_items.allergens is 'An array, such as ["gluten", "milk"]';
comment on column menu_items.image_url is 'A picture of it, where there is one';
comment on column menu_items.available is 'Whether it can be ordered now';
comment on column menu_items.dietary_text is 'The dietary notes as text, for tools to search in; it follows them by itself';

create table if not exists pairings (
    id             text not null primary key,
    item_id        text not null references menu_items (id) on delete cascade,
    paired_item_id text not null references menu_items (id) on delete cascade,
    reason         text not null,
    rank           integer not null default 1,
    unique (item_id, paired_item_id)
);
create index if not exists pairings_by_paired_item on pairings (paired_item_id);

comment on table pairings is 'What is recommended with what';
comment on column pairings.id is 'Readable, such as kgl-mutzig+kgl-brochette-goat';
comment on column pairings.item_id is 'What the caller has';
comment on column pairings.paired_item_id is 'What goes with it';
comment on column pairings.reason is 'Why, in words for the caller';
comment on column pairings.rank is '1 is the first recommendation';

-- It reads with the rights of whoever asks, so that the access of its tables holds for it, too.
create or replace view pairing_details with (security_invoker = true) as
select pairings.id             as id,
       pairings.item_id        as item_id,
       item.name               as item_name,
       item.business_id        as business_id,
       pairings.paired_item_id as paired_item_id,
       paired.name             as paired_name,
       paired.category         as paired_category,
       paired.description      as paired_description,
       paired.price            as paired_price,
       paired.currency         as currency,
       paired.image_url        as image_url,
       paired.available        as available,
       pairings.reason         as reason,
       pairings.rank           as rank
from pairings
join menu_items as item on item.id = pairings.item_id
join menu_items as paired on paired.id = pairings.paired_item_id;

comment on view pairing_details is
    'What a recommendation says in one read: the pairing with the name and price of what goes with the item';
comment on column pairing_details.id is 'The pairing';
comment on column pairing_details.item_id is 'What the caller has';
comment on column pairing_details.item_name is 'Its name';
comment on column pairing_details.business_id is 'The business of the item';
comment on column pairing_details.paired_item_id is 'What goes with it';
comment on column pairing_details.paired_name is 'The name of what goes with it';
comment on column pairing_details.paired_category is 'The category of what goes with it';
comment on column pairing_details.paired_description is 'The description of what goes with it';
comment on column pairing_details.paired_price is 'The price of what goes with it, in units of the currency';
comment on column pairing_details.currency is 'ISO 4217';
comment on column pairing_details.image_url is 'A picture of what goes with it, where there is one';
comment on column pairing_details.available is 'Whether what goes with it can be ordered now';
comment on column pairing_details.reason is 'Why, in words for the caller';
comment on column pairing_details.rank is '1 is the first recommendation';

create table if not exists gl_lines (
    id           text not null primary key,
    business_id  text not null,
    posted_on    date not null,
    account      text not null,
    account_name text not null,
    amount       numeric not null,
    currency     text not null,
    memo         text not null default ''
);
create index if not exists gl_lines_by_day on gl_lines (posted_on, account);

comment on table gl_lines is 'Lines of the general ledger; EBITDA = 4xxx - 5xxx - 6xxx';
comment on column gl_lines.id is 'Readable, such as gl-rwf-2025-04-01';
comment on column gl_lines.business_id is 'Whose books they are';
comment on column gl_lines.posted_on is 'The day it counts for';
comment on column gl_lines.account is
    'Four digits: 4xxx revenue, 5xxx cost of goods, 6xxx operating expenses; 7xxx (depreciation, interest) and 8xxx '
    '(income tax) stand outside EBITDA';
comment on column gl_lines.account_name is 'What the account is called';
comment on column gl_lines.amount is
    'Positive on its account''s own side: revenue earned, expense incurred; refunds and credit notes are negative';
comment on column gl_lines.currency is 'ISO 4217; sums never mix currencies';
comment on column gl_lines.memo is 'What it was for';

create table if not exists tax_rules (
    id             text not null primary key,
    jurisdiction   text not null,
    region         text,
    topic          text not null,
    rule           text not null,
    note           text not null default '',
    authority      text not null,
    rate           numeric,
    effective_from date
);
create index if not exists tax_rules_by_jurisdiction on tax_rules (jurisdiction);

comment on table tax_rules is 'Rules a book-keeper is asked about; they inform, and are no tax advice';
comment on column tax_rules.id is 'Readable, such as us-business-meals';
comment on column tax_rules.jurisdiction is 'US, CA, EU or UK';
comment on column tax_rules.region is 'A state, province or member state; null where the rule is general';
comment on column tax_rules.topic is 'In the words a caller would use';
comment on column tax_rules.rule is 'The rule, in a sentence';
comment on column tax_rules.note is 'What else to know of it';
comment on column tax_rules.authority is 'The statute or standard to cite';
comment on column tax_rules.rate is 'Percent, where the rule names one';
comment on column tax_rules.effective_from is 'Since when it has held, where that is a fact worth citing';
