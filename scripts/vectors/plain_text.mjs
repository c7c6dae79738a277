// The rules of plain text, written a second time from the design: with Node's own Unicode 17 (ICU), and with npm's tables
// for the three properties that JavaScript does not have. Nothing comes from registry/data.
import { createRequire } from "node:module";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const UNICODE = "17.0.0";
if (!`${process.versions.unicode}.0`.startsWith(UNICODE)) throw new Error(`Node has Unicode ${process.versions.unicode}, not ${UNICODE}`);

const load = async (path) => (await import(require.resolve(`@unicode/unicode-${UNICODE}/${path}.mjs`))).default;
const setOf = async (path) => new Set(await load(`${path}/code-points`));
const [LEFT, RIGHT, DUAL, TRANSPARENT] = await Promise.all(
  ["Left_Joining", "Right_Joining", "Dual_Joining", "Transparent"].map((type) => setOf(`Joining_Type/${type}`)),
);
const VIRAMA = await setOf("Binary_Property/Grapheme_Link");
const FOLDING = new Map([...(await load("Case_Folding/C/code-points")), ...(await load("Case_Folding/F/code-points"))]);

const KINDS = {
  name: { limit: 80, word: true, listed: true },
  label: { limit: 80, word: true, listed: true },
  and: { limit: 20, word: true },
  sentence: { limit: 500 },
  text: { limit: 4000, lines: true },
};

/** Returns whether the text is plain text of this kind. */
export function isPlain(text, kind) {
  const { limit, word, listed, lines } = KINDS[kind];
  const rest = lines ? text.replaceAll("\n", "") : text;
  return (
    [...text].length <= limit &&
    text === text.normalize("NFC") &&
    !/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(rest.replace(/[\u200c\u200d]/gu, "")) &&
    !/[^\P{Zs} \u00a0\u202f]/u.test(text) &&
    !/^[ \u00a0\u202f\n]|[ \u00a0\u202f\n]$|[ \u00a0\u202f]{2}/u.test(text) &&
    text !== "" &&
    joinersFit(text) &&
    (!word || /[\p{L}\p{Nd}]/u.test(text)) &&
    (!listed || !/["',\u060c\u3001\uff02\uff07\uff0c\p{Ps}\p{Pe}\p{Pi}\p{Pf}]/u.test(text.replace(/(?<=\p{L})['\u2019](?=\p{L})/gu, "")))
  );
}

/** Returns whether each joiner stands where RFC 5892, appendix A.1 and A.2, allows it. */
function joinersFit(text) {
  const points = [...text].map((c) => c.codePointAt(0));
  const nearest = (at, step) => {
    while (TRANSPARENT.has(points[at])) at += step;
    return points[at];
  };
  const fits = (point, i) => {
    if (point !== 0x200c && point !== 0x200d) return true;
    if (VIRAMA.has(points[i - 1])) return true;
    const [before, after] = [nearest(i - 1, -1), nearest(i + 1, 1)];
    return point === 0x200c && (LEFT.has(before) || DUAL.has(before)) && (RIGHT.has(after) || DUAL.has(after));
  };
  return points.every(fits);
}

/** Returns NFKC(casefold(NFKC(label))). */
export function caseless(label) {
  const folded = [...label.normalize("NFKC")].flatMap((c) => FOLDING.get(c.codePointAt(0)) ?? c.codePointAt(0));
  return String.fromCodePoint(...folded).normalize("NFKC");
}

/** Returns whether every text of the notice is plain, and no two labels of one language read the same. */
export function isPlainNotice({ controller, text }) {
  return (
    isPlain(controller.name, "name") &&
    isPlain(controller.contact, "sentence") &&
    Object.values(text).every(({ labels, and, Grant, Refusal, Mandate, ...texts }) => {
      const all = Object.values(labels);
      return (
        isPlain(and, "and") &&
        all.every((label) => isPlain(label, "label")) &&
        [Grant, Refusal, Mandate].every((sentence) => sentence === undefined || isPlain(sentence, "sentence")) &&
        Object.values(texts).every((said) => isPlain(said, "text")) &&
        new Set(all.map(caseless)).size === all.length
      );
    })
  );
}
