// Judges the texts on stdin, [[text, kind], ...] as JSON: for each, whether it is plain text, and its caseless form.
//     node plain_text.mjs < texts.json
import { readFileSync } from "node:fs";

import { caseless, isPlain } from "../../scripts/vectors/plain_text.mjs";

const texts = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map(([text, kind]) => [isPlain(text, kind), caseless(text)])));
