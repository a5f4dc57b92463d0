// A client of the beta holds a conversation with the service: it keeps a model of the conversation, and throws at the
// first event that does not fit in.
//
//     node beta_client.cjs ws://127.0.0.1:1/v1/realtime KEY QUESTION.pcm

"use strict";

const { Events, load, must, mustKeepToItself, question, report } = require("./talk.cjs");

const [url, apiKey, recording] = process.argv.slice(2);

report("npm openai-realtime-api (beta)", async (went) => {
  const { RealtimeClient } = await load("openai-realtime-api");
  const events = new Events();
  const client = new RealtimeClient({ url, apiKey, sessionConfig: { instructions: "Answer with the word mango." } });
  client.on("realtime.event", ({ source, event }) => { if (source === "server") events.add(event); });
  const until = (type, from) => events.until(type, (event) => event.type === type, from);

  await client.connect();
  await client.waitForSessionCreated();
  mustKeepToItself((await until("session.created")).session, "session.created");
  went("connect");
  mustKeepToItself((await until("session.updated")).session, "session.updated");
  went("session.update");

  const messages = () => client.conversation.getItems().filter((item) => item.role === "assistant");
  const spoken = () => messages().map((item) => item.formatted.transcript || item.formatted.text).join("\n");
  const hears = (expected, from) => events.until(`an answer with ${expected}`, (event) =>
    event.type === "response.done" && spoken().includes(expected), from);
  let from = events.now;
  client.sendUserMessageContent([{ type: "input_text", text: "How much is the African tea?" }]);
  await hears("African tea, 2000 RWF", from);
  went("tool call");
  must(messages().at(-1).formatted.audio.length > 10_000, "there is audio");
  went("audio");

  // It finds the ends of turns itself.
  from = events.now;
  for (const piece of question(recording)) {
    client.appendInputAudio(new Int16Array(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length)));
  }
  client.createResponse();
  await until("input_audio_buffer.committed", from);
  await hears("African tea", from);
  await events.until("the caller's words", (event) => event.type.endsWith("input_audio_transcription.completed"), from);
  went("speech");

  from = events.now;
  client.sendUserMessageContent([{ type: "input_text", text: "What drinks do you have?" }]);
  const delta = await until("response.audio.delta", from);
  client.cancelResponse(delta.item_id, 2_400);
  await until("response.done", from);
  await until("conversation.item.truncated", from);
  went("interrupt");

  from = events.now;
  client.sendUserMessageContent([{ type: "input_text", text: "I have a question about VAT on restaurant meals in the EU" }]);
  await hears("I found 3 rules", from);
  await events.until("the CFO", (event) => event.type === "extension.persona.activated" && event.persona === "cfo");
  went("handoff");
  must(!JSON.stringify(events.seen).includes("function_call"), "no tool call is seen");
  client.disconnect();
});
