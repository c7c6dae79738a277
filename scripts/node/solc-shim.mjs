#!/usr/bin/env node
// Answers the part of solc's command line that py-solc-x uses, with the same compiler as WebAssembly: `--version`, and
// `--standard-json` with all sources inside the input.
import { readFileSync } from "node:fs";
import solc from "solc";

const options = process.argv.slice(2);
if (options.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (options.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write("solc-shim: only --version and --standard-json are supported\n");
  process.exitCode = 2;
}
