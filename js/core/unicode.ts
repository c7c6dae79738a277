// Properties and normal forms of Unicode 17.0.0, from the tables in registry/data/unicode.json.
// A browser's own tables are of another version in each release, so two readers of one notice could disagree.

import tables from "../../registry/data/unicode.json" with { type: "json" };

export type Category = keyof typeof tables.General_Category;

// Hangul syllables are computed (Unicode, section 3.12).
const [S, L, V, T] = [0xac00, 0x1100, 0x1161, 0x11a7];
const [L_COUNT, V_COUNT, T_COUNT] = [19, 21, 28];
const S_COUNT = L_COUNT * V_COUNT * T_COUNT;
const VIRAMA = 9;

/** A set of code points. */
export interface Points {
  has(point: number): boolean;
}

type Mapping = ReadonlyMap<number, readonly number[]>;

const categories = new Map<Category, Points>();

/** The characters of this General_Category; "L" is all letters. */
export function category(name: Category): Points {
  const known = categories.get(name) ?? pointsOf(tables.General_Category[name]);
  categories.set(name, known);
  return known;
}

/** The characters that programs show as nothing: Default_Ignorable_Code_Point. */
export const defaultIgnorable = once(() => pointsOf(tables.Default_Ignorable_Code_Point));

/** The characters of each Joining_Type that RFC 5892 names, except U. */
export const joining = once(() => ({
  left: pointsOf(tables.Joining_Type.L),
  right: pointsOf(tables.Joining_Type.R),
  dual: pointsOf(tables.Joining_Type.D),
  transparent: pointsOf(tables.Joining_Type.T),
}));

/** Whether the character's Canonical_Combining_Class is Virama. */
export const isVirama = (point: number): boolean => classOf(point) === VIRAMA;

/** The code points of a text. */
export const pointsIn = (text: string): number[] => Array.from(text, (character) => character.codePointAt(0) as number);

/** Unicode Normalization Form C (UAX 15). */
export const nfc = (text: string): string => composed(decomposed(pointsIn(text), canonicalMapping()));

/** Unicode Normalization Form KC (UAX 15). */
export const nfkc = (text: string): string => composed(decomposed(pointsIn(text), compatibleMapping()));

/** NFKC(casefold(NFKC(text))), in which texts are equal that differ in case or compatibility forms only. */
export function caseless(text: string): string {
  const folded = pointsIn(nfkc(text)).flatMap((point) => folding().get(point) ?? [point]);
  return nfkc(textOf(folded));
}

const canonicalMapping = once(() => mappingOf(tables.Canonical_Decomposition));
const compatibleMapping = once(() => new Map([...canonicalMapping(), ...mappingOf(tables.Compatibility_Decomposition)]));
const folding = once(() => mappingOf(tables.Case_Folding));
const compositions = once(() => {
  const excluded = pointsOf(tables.Full_Composition_Exclusion);
  return new Map([...canonicalMapping()].filter(([whole]) => !excluded.has(whole)).map(([whole, parts]) => [parts.join(), whole]));
});
const classes = once(() => {
  const found = new Map<number, number>();
  for (const [value, runs] of Object.entries(tables.Canonical_Combining_Class)) {
    const bounds = sums(runs);
    for (let at = 0; at + 1 < bounds.length; at += 2) {
      for (let point = bounds[at] as number; point < (bounds[at + 1] as number); point += 1) found.set(point, Number(value));
    }
  }
  return found;
});

const classOf = (point: number): number => classes().get(point) ?? 0;

function once<Made>(make: () => Made): () => Made {
  let made: Made | undefined;
  return () => (made ??= make());
}

function sums(steps: readonly number[]): number[] {
  let sum = 0;
  return steps.map((step) => (sum += step));
}

/** The file has how many code points to skip and how many to take, in turn. */
function pointsOf(runs: readonly number[]): Points {
  const bounds = sums(runs);
  return { has: (point) => countUntil(bounds, point) % 2 === 1 };
}

/** How many of the ascending bounds are at most `point`. */
function countUntil(bounds: readonly number[], point: number): number {
  let [low, high] = [0, bounds.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[middle] as number) <= point) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The file has the distance from the entry before, then the code points that this one becomes. */
function mappingOf(entries: readonly (readonly number[])[]): Mapping {
  const points = sums(entries.map(([distance]) => distance as number));
  return new Map(entries.map((entry, place) => [points[place] as number, entry.slice(1)]));
}

/** Decomposes fully, and puts marks in canonical order: by class, and marks of one class as they stood. */
function decomposed(points: readonly number[], mapping: Mapping): number[] {
  const made: number[] = [];
  let marks: number[] = [];
  const flush = (): void => {
    made.push(...marks.sort((one, other) => classOf(one) - classOf(other)));
    marks = [];
  };
  for (const point of points.flatMap((one) => piecesOf(one, mapping))) {
    if (classOf(point) > 0) marks.push(point);
    else {
      flush();
      made.push(point);
    }
  }
  flush();
  return made;
}

function piecesOf(point: number, mapping: Mapping): number[] {
  const parts = mapping.get(point);
  if (parts !== undefined) return parts.flatMap((part) => piecesOf(part, mapping));
  const index = point - S;
  if (index < 0 || index >= S_COUNT) return [point];
  const pieces = [L + Math.floor(index / (V_COUNT * T_COUNT)), V + (Math.floor(index / T_COUNT) % V_COUNT)];
  return index % T_COUNT > 0 ? [...pieces, T + (index % T_COUNT)] : pieces;
}

/** Joins each character with the last starter that nothing separates it from (Unicode, section 3.11, D117). */
function composed(points: readonly number[]): string {
  const made: number[] = [];
  let [starter, before] = [-1, 0];
  for (const point of points) {
    const itsClass = classOf(point);
    const isBlocked = made.length - 1 > starter && (before === 0 || before >= itsClass);
    const whole = starter < 0 || isBlocked ? undefined : joined(made[starter] as number, point);
    if (whole !== undefined) {
      made[starter] = whole;
      continue;
    }
    if (itsClass === 0) starter = made.length;
    made.push(point);
    before = itsClass;
  }
  return textOf(made);
}

function joined(first: number, second: number): number | undefined {
  const [left, vowel] = [first - L, second - V];
  if (left >= 0 && left < L_COUNT && vowel >= 0 && vowel < V_COUNT) return S + (left * V_COUNT + vowel) * T_COUNT;
  const [index, tail] = [first - S, second - T];
  if (index >= 0 && index < S_COUNT && index % T_COUNT === 0 && tail > 0 && tail < T_COUNT) return first + tail;
  return compositions().get(`${first},${second}`);
}

const textOf = (points: readonly number[]): string => points.map((point) => String.fromCodePoint(point)).join("");
