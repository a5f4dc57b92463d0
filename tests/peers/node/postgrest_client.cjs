// Asks a Supabase project with Supabase's own client of PostgREST.
//
//     node postgrest_client.cjs < {"url": …, "key": …, "questions": [{"table", "select", "filters", "or", "order", "limit"}]}
//
// Prints the rows of each question: one line of JSON. PEERS_NODE names the folder whose node_modules holds the client.

"use strict";

const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const { PostgrestClient } = createRequire(path.join(process.env.PEERS_NODE, "package.json"))("@supabase/postgrest-js");

async function main() {
  const { url, key, questions } = JSON.parse(readFileSync(0, "utf8"));
  const headers = { apikey: key, Authorization: `Bearer ${key}` };
  const client = new PostgrestClient(`${url}/rest/v1`, { headers });
  const answers = [];
  for (const question of questions) {
    const { data, error } = await asked(client, question);
    if (error) throw new Error(`${JSON.stringify(question)}: ${JSON.stringify(error)}`);
    answers.push(data);
  }
  console.log(JSON.stringify(answers));
}

function asked(client, question) {
  let query = client.from(question.table).select(question.select);
  for (const [name, column, value] of question.filters) {
    if (name === "is_null") query = value ? query.is(column, null) : query.not(column, "is", null);
    else query = query[name](column, value);
  }
  if (question.or) query = query.or(question.or);
  for (const [column, descending] of question.order) {
    query = query.order(column, { ascending: !descending, nullsFirst: false });
  }
  return query.limit(question.limit);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
