// OpenAI's own client for Node holds a conversation with the service. It speaks TLS only, which this offers before it.
//
//     NODE_EXTRA_CA_CERTS=CERT node openai_client.cjs 127.0.0.1:1 KEY CERT PRIVATE_KEY

"use strict";

const { readFileSync } = require("node:fs");
const net = require("node:net");
const tls = require("node:tls");

const { Events, load, must, mustKeepToItself, report } = require("./talk.cjs");

const [address, apiKey, cert, key] = process.argv.slice(2);

/// Takes the TLS off every connection and passes it on.
function front() {
  const [host, port] = address.split(":");
  const server = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (outer) => {
    const inner = net.connect(Number(port), host);
    const end = () => { outer.destroy(); inner.destroy(); };
    outer.on("error", end).on("close", end);
    inner.on("error", end).on("close", end);
    outer.pipe(inner).pipe(outer);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
}

report("npm openai", async (went) => {
  const { OpenAI } = await load("openai");
  const { OpenAIRealtimeWS } = await load("openai/realtime/ws");
  const client = new OpenAI({ apiKey, baseURL: `https://localhost:${await front()}/v1` });
  const events = new Events();
  const line = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
  line.on("event", (event) => events.add(event));
  line.on("error", () => {}); // an event like any other
  const until = (type, from) => events.until(type, (event) => event.type === type, from);

  mustKeepToItself((await until("session.created")).session, "session.created");
  went("connect");
  line.send({ type: "session.update", session: {
    type: "realtime", instructions: "Answer with the word mango.", tools: [], output_modalities: ["text"],
  } });
  const { session } = await until("session.updated");
  mustKeepToItself(session, "session.updated");
  must(session.output_modalities[0] === "text", "it is written to");
  went("session.update");

  const says = async (text) => {
    const from = events.now;
    const content = [{ type: "input_text", text }];
    line.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    line.send({ type: "response.create" });
    return from;
  };
  const writes = async (text, expected) => {
    const from = await says(text);
    const is = (event) => event.type === "response.done"
      && events.words(["response.output_text.delta"], from).includes(expected);
    await events.until(`an answer with ${expected}`, is, from);
  };
  await writes("How much is the African tea?", "African tea, 2000 RWF");
  went("tool call");

  const added = await until("conversation.item.added");
  line.send({ type: "conversation.item.retrieve", item_id: added.item.id });
  must((await until("conversation.item.retrieved")).item.id === added.item.id, "the item comes back");
  line.send({ type: "conversation.item.delete", item_id: added.item.id });
  must((await until("conversation.item.deleted")).item_id === added.item.id, "the item is deleted");
  went("items");

  line.send({ type: "response.cancel", event_id: "nothing-to-cancel" });
  const refused = await until("error");
  must(refused.error.code === "response_cancel_not_active" && refused.error.event_id === "nothing-to-cancel", JSON.stringify(refused));
  went("errors");

  await writes("I have a question about VAT on restaurant meals in the EU", "I found 3 rules");
  await events.until("the CFO", (event) => event.type === "extension.persona.activated" && event.persona === "cfo");
  went("handoff");
  must(!JSON.stringify(events.seen).includes("function_call"), "no tool call is seen");
  line.close();
});
