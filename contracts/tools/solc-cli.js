// SPDX-License-Identifier: Apache-2.0
"use strict";

const fs = require("fs");
const path = require("path");
const solc = require("solc");

/** A pipe takes only part of a large output at once, and says EAGAIN when it is full. */
function writeAll(text) {
  const bytes = Buffer.from(text);
  let done = 0;
  while (done < bytes.length) {
    try {
      done += fs.writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Imports that forge did not already put into the standard JSON. */
function readImport(name) {
  try {
    return { contents: fs.readFileSync(path.resolve(name), "utf8") };
  } catch (error) {
    return { error: error.message };
  }
}

exports.main = function main(args) {
  if (args.includes("--version")) {
    writeAll(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
  } else if (args.includes("--standard-json")) {
    const input = fs.readFileSync(0, "utf8");
    writeAll(solc.compile(input, { import: readImport }));
  } else {
    process.stderr.write("usage: solc --version | --standard-json <input.json\n");
    process.exitCode = 64;
  }
};
