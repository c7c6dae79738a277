// The rules of plain text: what a notice's names, labels, sentences and texts may hold (docs/formats.md, "Plain text").

import { caseless, category, defaultIgnorable, isVirama, joining, nfc, pointsIn, type Category, type Points } from "./unicode.ts";

/** The rules of one kind of text. `limit` is in characters (code points). */
export interface TextKind {
  readonly limit: number;
  readonly hasLines?: true;
  readonly needsWord?: true;
  readonly isListed?: true;
}

// Names and labels stand in lists and beside brackets, so they may hold nothing that looks like the end of one.
export const NAME: TextKind = { limit: 80, needsWord: true, isListed: true };
export const LABEL: TextKind = NAME;
export const AND: TextKind = { limit: 20, needsWord: true };
export const SENTENCE: TextKind = { limit: 500 };
export const TEXT: TextKind = { limit: 4_000, hasLines: true };

const SPACES = new Set(pointsIn(" \u00a0\u202f"));
const LINE_FEED = 0x0a;
const [ZWNJ, ZWJ] = [0x200c, 0x200d];
const APOSTROPHES = new Set(pointsIn("'\u2019"));
const BRACKETS: readonly Category[] = ["Ps", "Pe", "Pi", "Pf"];
// The quotes and commas that Unicode does not tell from other punctuation.
const QUOTES_AND_COMMAS = new Set(pointsIn("\"',\u060c\u3001\uff02\uff07\uff0c"));
const REFUSED: readonly (readonly [Category, string])[] = [
  ["Cc", "a control character"],
  ["Cf", "a format character"],
  ["Cs", "half of a surrogate pair"],
  ["Co", "a character for private use"],
  ["Cn", "not a character of Unicode 17"],
  ["Zl", "a line separator"],
  ["Zp", "a paragraph separator"],
];

/** Says which rule the text breaks, in words that follow its name; undefined if it is plain text of this kind. */
export function findFault(text: string, kind: TextKind): string | undefined {
  const points = pointsIn(text);
  if (points.length === 0) return "is empty";
  if (points.length > kind.limit) return `has ${points.length} characters, and ${kind.limit} are the most`;
  return (
    characterFault(points, kind) ??
    spaceFault(points, kind) ??
    joinerFault(points) ??
    (nfc(text) === text ? undefined : "is not in Unicode NFC") ??
    (kind.needsWord && !points.some(isWord) ? "has no letter or digit" : undefined) ??
    (kind.isListed ? markFault(points) : undefined)
  );
}

/** Two labels that read the same but for case and compatibility forms; undefined if all differ. */
export function findEqual(labels: Iterable<string>): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const label of labels) {
    const key = caseless(label);
    const other = seen.get(key);
    if (other !== undefined) return [other, label];
    seen.set(key, label);
  }
  return undefined;
}

function characterFault(points: readonly number[], kind: TextKind): string | undefined {
  for (const point of new Set(points)) {
    if (isJoiner(point) || (kind.hasLines && point === LINE_FEED)) continue;
    const what = refusalOf(point);
    if (what !== undefined) return `holds ${codeOf(point)}, which is ${what}`;
  }
  return undefined;
}

function refusalOf(point: number): string | undefined {
  const refused = REFUSED.find(([name]) => category(name).has(point));
  if (refused !== undefined) return refused[1];
  if (defaultIgnorable().has(point)) return "invisible";
  return !SPACES.has(point) && category("Zs").has(point) ? "a space other than U+0020, U+00A0 and U+202F" : undefined;
}

function spaceFault(points: readonly number[], kind: TextKind): string | undefined {
  const isBlank = (point: number | undefined): boolean => point !== undefined && (SPACES.has(point) || (kind.hasLines === true && point === LINE_FEED));
  if (isBlank(points[0]) || isBlank(points.at(-1))) return "begins or ends with a space";
  const areTwo = points.some((point, place) => place > 0 && SPACES.has(point) && SPACES.has(points[place - 1] as number));
  return areTwo ? "holds two spaces in a row" : undefined;
}

function joinerFault(points: readonly number[]): string | undefined {
  const place = points.findIndex((point, at) => isJoiner(point) && !joinerFits(points, at));
  return place < 0 ? undefined : `holds ${codeOf(points[place] as number)} where its script does not need it`;
}

/** The CONTEXTJ rules of RFC 5892, appendix A.1 and A.2. */
function joinerFits(points: readonly number[], place: number): boolean {
  const last = points[place - 1];
  if (last !== undefined && isVirama(last)) return true;
  if (points[place] !== ZWNJ) return false;
  const { left, right, dual, transparent } = joining();
  const before = nearest(points, place, -1, transparent);
  const after = nearest(points, place, 1, transparent);
  return before !== undefined && after !== undefined && (left.has(before) || dual.has(before)) && (right.has(after) || dual.has(after));
}

function nearest(points: readonly number[], place: number, step: number, transparent: Points): number | undefined {
  let at = place + step;
  while (points[at] !== undefined && transparent.has(points[at] as number)) at += step;
  return points[at];
}

function markFault(points: readonly number[]): string | undefined {
  const place = points.findIndex((point, at) => isMark(point) && !(APOSTROPHES.has(point) && isInsideWord(points, at)));
  if (place < 0) return undefined;
  return `holds ${codeOf(points[place] as number)}, and a bracket, quote or comma could end a list early`;
}

const isMark = (point: number): boolean => QUOTES_AND_COMMAS.has(point) || BRACKETS.some((name) => category(name).has(point));
const isJoiner = (point: number): boolean => point === ZWNJ || point === ZWJ;
const isLetter = (point: number | undefined): boolean => point !== undefined && category("L").has(point);
const isInsideWord = (points: readonly number[], at: number): boolean => isLetter(points[at - 1]) && isLetter(points[at + 1]);
const isWord = (point: number): boolean => isLetter(point) || category("Nd").has(point);
const codeOf = (point: number): string => `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
