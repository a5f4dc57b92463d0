// OpenAI's agents SDK holds a conversation with the service.
//
//     node agents_client.cjs ws://127.0.0.1:1/v1/realtime KEY QUESTION.pcm

"use strict";

const { Events, load, must, mustKeepToItself, question, report } = require("./talk.cjs");

const [url, apiKey, recording] = process.argv.slice(2);

report("@openai/agents-realtime", async (went) => {
  const { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } = await load("@openai/agents-realtime");
  const events = new Events();
  const transport = new OpenAIRealtimeWebSocket({ url, useInsecureApiKey: true });
  // What a stock agent brings along is not the persona's business.
  const agent = new RealtimeAgent({ name: "Stock", instructions: "Answer every question with the word mango." });
  const session = new RealtimeSession(agent, { transport, model: "gpt-realtime-2.1" });
  const errors = [];
  session.on("error", (error) => errors.push(error));
  session.on("transport_event", (event) => events.add(event));
  let heard = 0;
  session.on("audio", (event) => { heard += event.data.byteLength; });

  await session.connect({ apiKey });
  mustKeepToItself((await events.until("session.created", (event) => event.type === "session.created")).session, "session.created");
  went("connect");
  mustKeepToItself((await events.until("session.updated", (event) => event.type === "session.updated")).session, "session.updated");
  went("session.update");

  const spoken = () => session.history.filter((item) => item.role === "assistant")
    .flatMap((item) => item.content).map((part) => part.transcript || part.text || "").join("\n");
  const says = async (text, expected) => {
    const from = events.now;
    session.sendMessage(text);
    await events.until(`an answer with ${expected}`, (event) => event.type === "response.done" && spoken().includes(expected), from);
    return from;
  };
  await says("How much is the African tea?", "African tea, 2000 RWF");
  must(!spoken().includes("mango"), "the persona answers");
  went("tool call");
  must(heard > 10_000, `${heard} bytes of audio`);
  went("audio");

  let from = events.now;
  for (const piece of question(recording)) {
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  }
  await events.until("the end of the answer to what was said", (event) => event.type === "response.done", from);
  await events.until("the caller's words", (event) => event.type === "conversation.item.retrieved", from);
  went("speech");

  from = events.now;
  session.sendMessage("What drinks do you have?");
  await events.until("audio", (event) => event.type === "response.output_audio.delta", from);
  session.interrupt();
  await events.until("the end of what was interrupted", (event) => event.type === "response.done", from);
  await events.until("the cut", (event) => event.type === "conversation.item.truncated", from);
  went("interrupt");

  await says("I have a question about VAT on restaurant meals in the EU", "I found 3 rules");
  await events.until("the CFO", (event) => event.type === "extension.persona.activated" && event.persona === "cfo");
  went("handoff");

  const kinds = session.history.map((item) => item.type);
  must(kinds.length >= 6 && kinds.every((kind) => kind === "message"), `the history has messages only: ${kinds}`);
  const count = (type) => events.seen.filter((event) => event.type === type).length;
  const areEven = () => count("response.created") === count("response.done");
  await events.until("the end of every response that was created", areEven);
  must(!JSON.stringify(events.seen).includes("function_call"), "no tool call is seen");
  must(errors.length === 0, `no errors: ${JSON.stringify(errors)}`);
  session.close();
});
