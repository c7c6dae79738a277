// Writes the shared test vectors. Each case is one JSON file, which Python, Solidity (through Python) and JavaScript read.
//
//     node scripts/vectors.mjs [FOLDER]        default: tests/vectors
//
// This code uses nothing of the Python package. Hashes, signatures and trees come from ethers, @openzeppelin/merkle-tree
// and node:crypto. Rendering and the evidence file are implemented again from the design. The output is deterministic.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { pretty } from "./vectors/base.mjs";
import { fittingCases } from "./vectors/fitting.mjs";
import { mandateCases } from "./vectors/mandates.mjs";
import { noticeCases } from "./vectors/notices.mjs";
import { parsingCases } from "./vectors/parsing.mjs";
import { plainCases } from "./vectors/plain.mjs";
import { accountCases, commitmentCases, digestCases, lockCases, merkleCases, signatureCases } from "./vectors/primitives.mjs";
import { provingCases } from "./vectors/proving.mjs";
import { renderingCases } from "./vectors/rendering.mjs";
import { statementCases } from "./vectors/statements.mjs";
import { timingCases } from "./vectors/timing.mjs";
import { useCases } from "./vectors/uses.mjs";
import { fileCases } from "./vectors/vault_files.mjs";
import { mailCases } from "./vectors/vault_mail.mjs";
import { primitiveCases } from "./vectors/vault_parts.mjs";

const FOLDERS = {
  digests: digestCases,
  signatures: signatureCases,
  commitments: commitmentCases,
  merkle: merkleCases,
  locks: lockCases,
  accounts: accountCases,
  notices: () => [...noticeCases(), ...plainCases(), ...renderingCases()],
  evidence: () => [...parsingCases(), ...provingCases(), ...timingCases(), ...fittingCases(), ...mandateCases(), ...statementCases()],
  uses: useCases,
  vault: async () => [...(await primitiveCases()), ...(await fileCases()), ...(await mailCases())],
};

function writeFolder(folder, cases) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(".json")) rmSync(join(folder, name));
  const seen = new Set();
  for (const [name, vector] of cases) {
    if (!/^[a-z0-9-]+$/.test(name) || seen.has(name)) throw new Error(`rename the case ${name} in ${folder}`);
    seen.add(name);
    writeFileSync(join(folder, `${name}.json`), pretty(vector));
  }
  return seen.size;
}

const target = process.argv[2] ?? fileURLToPath(new URL("../tests/vectors", import.meta.url));
for (const [name, cases] of Object.entries(FOLDERS)) {
  process.stdout.write(`${name}: ${writeFolder(join(target, name), await cases())}\n`);
}
