// What the clients of the Realtime API share: where they are installed, and how they wait and tell.

"use strict";

const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const LIMIT_MS = 30_000;
const WHOLE_LIMIT_MS = 100_000;
const CHUNK_BYTES = 4_800; // 100 ms of 24 kHz

const resolve = createRequire(path.join(process.env.PEERS_NODE, "package.json"));

/// A package of those that are installed, whichever kind of module it is.
async function load(name) {
  try {
    return resolve(name);
  } catch (error) {
    if (!["ERR_REQUIRE_ESM", "ERR_PACKAGE_PATH_NOT_EXPORTED"].includes(error.code)) throw error;
    const folder = path.join(process.env.PEERS_NODE, "node_modules", name);
    const { exports } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    return import(pathToFileURL(path.join(folder, exports["."].default)));
  }
}

/// Everything that happened, to be waited for.
class Events {
  constructor() {
    this.seen = [];
    this.waiting = [];
  }

  add(event) {
    this.seen.push(event);
    this.waiting = this.waiting.filter((look) => !look());
  }

  /// The first event from `from` on that is as it shall be.
  until(what, is, from = 0) {
    return new Promise((done, failed) => {
      const timer = setTimeout(() => {
        const kinds = this.seen.slice(from).map((event) => event.type);
        failed(new Error(`${what} did not come: ${JSON.stringify(kinds.slice(-60))}`));
      }, LIMIT_MS);
      const look = () => {
        const found = this.seen.slice(from).find(is);
        if (!found) return false;
        clearTimeout(timer);
        done(found);
        return true;
      };
      if (!look()) this.waiting.push(look);
    });
  }

  /// The place behind everything that was seen.
  get now() {
    return this.seen.length;
  }

  /// All that was said or written in events of these types.
  words(types, from = 0) {
    return this.seen.slice(from).filter((event) => types.includes(event.type)).map((event) => event.delta).join("");
  }
}

/// Fails with a word unless it is so.
function must(is, what) {
  if (!is) throw new Error(`not so: ${what}`);
}

/// No instructions, no tools: whatever the client was told of its session.
function mustKeepToItself(session, what) {
  must(!session.instructions, `${what} has no instructions`);
  must(!session.tools || session.tools.length === 0, `${what} has no tools`);
}

/// Pieces of a question that was recorded, as 16-bit PCM of 24 kHz, with silence behind it.
function question(file) {
  const sound = Buffer.concat([readFileSync(file), Buffer.alloc(48_000)]);
  const pieces = [];
  for (let at = 0; at < sound.length; at += CHUNK_BYTES) pieces.push(sound.subarray(at, at + CHUNK_BYTES));
  return pieces;
}

/// Runs a talk and prints what of it went well; the features are its own to name.
async function report(client, talk) {
  const features = {};
  const late = new Promise((_, failed) => {
    setTimeout(() => failed(new Error("the talk took too long")), WHOLE_LIMIT_MS);
  });
  try {
    await Promise.race([talk((name) => { features[name] = true; }), late]);
  } catch (error) {
    console.log(JSON.stringify({ client, features, failed: String(error.stack || error) }));
    process.exit(0);
  }
  console.log(JSON.stringify({ client, features }));
  process.exit(0);
}

module.exports = { Events, load, must, mustKeepToItself, question, report };
