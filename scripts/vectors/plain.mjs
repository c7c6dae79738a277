// Notice cases for plain text: what every name, label, joining word, sentence and text may hold.
import { canonical, sha256, utf8 } from "./base.mjs";
import { isPlainNotice } from "./plain_text.mjs";
import { noticeDocument } from "./world.mjs";

const DATUM = "pd:Purchase";
const PLACES = {
  name: (n, text) => (n.controller.name = text),
  contact: (n, text) => (n.controller.contact = text),
  label: (n, text) => (n.text.en.labels[DATUM] = text),
  and: (n, text) => (n.text.en.and = text),
  sentence: (n, text) => (n.text.en.Refusal = `${text} {controller} {purposes}`),
  text: (n, text) => (n.text.en.trace = text),
};

/** One notice; the rules as written here must agree with what the case says of it. */
function plainCase(name, desc, error, change) {
  const document = noticeDocument(change);
  if (isPlainNotice(document) !== (error === "Valid")) throw new Error(`plain-${name} is not ${error} by the rules`);
  const text = canonical(document);
  const vector = { desc, error, notice: text };
  if (error === "Valid") Object.assign(vector, { digest: sha256(utf8(text)), languages: Object.keys(document.text).sort() });
  return [`plain-${name}`, vector];
}

const everywhere = (name, error, desc, text, places = Object.keys(PLACES)) =>
  places.map((place) => plainCase(`${name}-in-${place}`, `${place}: ${desc}`, error, (n) => PLACES[place](n, text)));
const valid = (name, desc, text, places = ["label"]) => everywhere(name, "Valid", desc, text, places);
const malformed = (name, desc, text, places = ["label"]) => everywhere(name, "Malformed", desc, text, places);
const labels = (name, error, desc, first, second) =>
  plainCase(`labels-${name}`, desc, error, (n) => Object.assign(n.text.en.labels, { "pd:EmailAddress": first, [DATUM]: second }));

function scriptCases() {
  return [
    ...valid("persian", "A non-joiner between letters that would join.", "می\u200cخواهم", ["name", "label", "and", "sentence", "text"]),
    ...valid("persian-mark", "A non-joiner after a letter with a vowel sign.", "مِ\u200cخ"),
    ...valid("hindi", "A joiner after a virama.", "क्\u200dष"),
    ...valid("bengali", "A joiner after a virama.", "র্\u200dয"),
    ...valid("malayalam", "A non-joiner after a virama.", "ന്\u200cമ"),
    ...valid("sinhala", "A joiner after a virama.", "ශ්\u200dරී", ["name", "label"]),
    ...valid("chinese", "Chinese.", "购买记录"),
    ...valid("japanese", "Japanese, with a long vowel mark and a middle dot.", "メール・アドレス"),
    ...valid("korean", "Korean, in composed syllables.", "구매 내역", ["name", "label"]),
    ...valid("arabic", "Arabic.", "عنوان البريد"),
    ...valid("greek", "Greek, with accents.", "διεύθυνση ηλεκτρονικού ταχυδρομείου"),
    ...valid("hebrew", "Hebrew, with gershayim and maqaf.", "דו״ח־קנייה"),
    ...valid("thai", "Thai, whose vowels are marks.", "ที่อยู่อีเมล"),
    ...valid("tamil", "Tamil.", "மின்னஞ்சல்"),
    ...valid("vietnamese", "Letters with two accents.", "địa chỉ thư điện tử"),
    ...valid("accents", "Accents, a ligature, a sharp s.", "œuvre à façon et Straße"),
    ...valid("apostrophe", "Apostrophes between letters, straight and typographic.", "l'achat d’aujourd’hui", ["name", "label"]),
    ...valid("digits", "Digits alone.", "4711", ["name", "label", "and"]),
    ...valid("arabic-digits", "Arabic digits alone.", "٤٧", ["label"]),
    ...valid("symbols", "Symbols beside letters.", "A&B – C/D + 100 % · №7", ["name", "label"]),
    ...valid("emoji", "A picture of one character beside a letter.", "Fox 🦊", ["name", "label"]),
    ...valid("no-break-spaces", "No-break spaces, wide and narrow.", "a\u00a0b\u202fc", Object.keys(PLACES)),
    ...valid("new-in-17", "A letter of Unicode 17, which older tables do not have.", "x\ua7d2y"),
    ...valid("marks-of-a-sentence", "Brackets, quotes and commas, which only names and labels may not hold.", "“a” (b), «c» 'd' \"e\"、[f]", ["contact", "sentence", "text"]),
    ...valid("joining-comma", "A comma in the joining word.", "and, also,", ["and"]),
    ...valid("lines", "Line feeds, and an empty line, in a text.", "one\n\ntwo\nthree", ["text"]),
  ];
}

function characterCases() {
  const bad = {
    "zero-width-space": ["A zero-width space.", "a\u200bb"],
    "word-joiner": ["A word joiner.", "a\u2060b"],
    "soft-hyphen": ["A soft hyphen.", "a\u00adb"],
    "byte-order-mark": ["A byte order mark.", "a\ufeffb"],
    "hangul-filler": ["A Hangul filler, a letter that shows nothing.", "\u3164"],
    "half-width-filler": ["A half-width Hangul filler.", "a\uffa0b"],
    "hangul-jamo-filler": ["A Hangul choseong filler.", "\u115f"],
    "variation-selector": ["A variation selector.", "a\ufe0fb"],
    "variation-selector-17": ["A variation selector of a higher plane.", "a\u{e0100}b"],
    "tag": ["A tag character.", "a\u{e0041}b"],
    "grapheme-joiner": ["A combining grapheme joiner.", "a\u034fb"],
    "invisible-times": ["An invisible multiplication sign.", "a\u2062b"],
    "khmer-inherent-vowel": ["An invisible Khmer vowel.", "a\u17b4b"],
    "mongolian-selector": ["A Mongolian selector.", "a\u180bb"],
    "musical-format": ["A format character of music.", "a\u{1d173}b"],
    "right-to-left-override": ["A bidirectional override.", "a\u202eb"],
    "arabic-number-sign": ["An Arabic number sign, a format character that shows.", "a\u0600b"],
    "private-use": ["A character for private use.", "a\ue000b"],
    "private-use-plane-16": ["A character for private use of the last plane.", "a\u{10fffd}b"],
    "unassigned": ["A code point without a character.", "a\u0378b"],
    "noncharacter": ["A noncharacter.", "a\ufdd0b"],
    "unassigned-ignorable": ["A code point without a character that would be invisible.", "a\u{e0fff}b"],
    "line-separator": ["A line separator.", "a\u2028b"],
    "paragraph-separator": ["A paragraph separator.", "a\u2029b"],
    "tabulator": ["A tabulator.", "a\tb"],
    "carriage-return": ["A carriage return.", "a\rb"],
    "ideographic-space": ["An ideographic space.", "a\u3000b"],
    "em-space": ["An em space.", "a\u2003b"],
    "ogham-space": ["An Ogham space, which shows as a line.", "a\u1680b"],
    "two-spaces": ["Two spaces.", "a  b"],
    "two-kinds-of-space": ["A no-break space beside a space.", "a\u00a0 b"],
    "blank": ["A space alone.", " "],
    "space-first": ["A space at the beginning.", " a"],
    "space-last": ["A space at the end.", "a "],
    "narrow-space-last": ["A narrow no-break space at the end.", "a\u202f"],
    "decomposed": ["A letter and an accent that have one character.", "e\u0301"],
    "marks-in-another-order": ["Two marks in another order than NFC's.", "a\u0301\u0323"],
    "jamo": ["Korean letters that have one character.", "\u1100\u1161\u11a8"],
    "singleton": ["A sign that NFC writes as a letter.", "\u212b"],
    "joiner-between-letters": ["A joiner between Latin letters.", "a\u200db"],
    "non-joiner-between-letters": ["A non-joiner between Latin letters.", "a\u200cb"],
    "non-joiner-after-one-side": ["A non-joiner after a letter that joins to the right only.", "د\u200cخ"],
    "non-joiner-last": ["A non-joiner at the end.", "می\u200c"],
    "non-joiner-twice": ["Two non-joiners.", "می\u200c\u200cخ"],
    "joiner-in-persian": ["A joiner where only a non-joiner may stand.", "می\u200dخ"],
    "joiner-in-emoji": ["A joiner between two pictures.", "x 👩\u200d💻"],
    "joiner-first": ["A joiner at the beginning.", "\u200dक"],
  };
  const everyPlace = ["zero-width-space", "hangul-filler", "blank", "unassigned", "two-spaces", "joiner-between-letters"];
  return Object.entries(bad).flatMap(([name, [desc, text]]) =>
    malformed(name, desc, text, everyPlace.includes(name) ? Object.keys(PLACES) : ["label"]));
}

function markCases() {
  const named = ["name", "label"];
  const marks = [..."\"',()[]<{}«»‹›“”‘’‚„「」（）⟨⟩،、＂＇，"].filter((mark) => mark !== "<");
  return [
    ...marks.map((mark) => malformed(`mark-u${mark.codePointAt(0).toString(16).padStart(4, "0")}`, `${mark} among words.`, `a ${mark} b`)[0]),
    ...malformed("second-name", "A name that carries a second one.", "Maison Aurelle (aurelle.example), Bank", named),
    ...malformed("quoted", "A name in quotes.", "“Aurelle”", named),
    ...malformed("apostrophe-first", "An apostrophe at the beginning.", "'t huis", named),
    ...malformed("apostrophe-last", "An apostrophe at the end.", "brands’", named),
    ...malformed("apostrophe-after-digit", "An apostrophe after a digit.", "90's"),
    ...malformed("no-letter", "Punctuation alone.", "– & –", [...named, "and"]),
    ...malformed("marks-alone", "A mark without a letter.", "\u0301", [...named, "and"]),
    ...malformed("braille-blank", "A symbol that shows nothing, alone.", "\u2800", [...named, "and"]),
    ...malformed("roman-number", "A number that is neither letter nor decimal digit.", "½"),
    ...malformed("line-feed", "A line feed outside a text.", "a\nb", ["name", "contact", "label", "and", "sentence"]),
    ...malformed("line-feed-first", "A line feed at the beginning.", "\na", ["text"]),
    ...malformed("line-feed-last", "A line feed at the end.", "a\n", ["text"]),
    ...malformed("line-feeds-alone", "Line feeds alone.", "\n\n", ["text"]),
  ];
}

/** The longest text of each kind, in characters and not in code units, and one more. */
function lengthCases() {
  const refusal = [..." {controller} {purposes}"].length;
  const limits = { name: 80, contact: 500, label: 80, and: 20, sentence: 500 - refusal, text: 4000 };
  return Object.entries(limits).flatMap(([place, limit]) => [
    ...valid("longest", "As long as it may be.", "𐐨" + "y".repeat(limit - 1), [place]),
    ...malformed("too-long", "One character too many.", "y".repeat(limit + 1), [place]),
  ]);
}

function labelCases() {
  return [
    labels("equal", "Malformed", "Two labels that are equal.", "address", "address"),
    labels("equal-but-for-case", "Malformed", "Two labels that differ in case.", "Email Address", "email address"),
    labels("equal-but-for-greek-case", "Malformed", "Two labels that differ in a final sigma.", "ΟΔΟΣ", "οδος"),
    labels("equal-but-for-sharp-s", "Malformed", "Two labels that case folding makes equal.", "Straße", "STRASSE"),
    labels("equal-but-for-width", "Malformed", "Two labels that differ in the width of a letter.", "data", "ｄata"),
    labels("equal-but-for-ligature", "Malformed", "Two labels that differ in a ligature.", "files", "ﬁles"),
    labels("equal-but-for-space", "Malformed", "Two labels that differ in the kind of space.", "my data", "my\u00a0data"),
    labels("equal-but-for-hangul", "Malformed", "Two labels that differ in compatibility letters.", "가", "\u3131\u314f"),
    labels("equal-after-two-steps", "Malformed", "Two labels that are equal only after the second NFKC.", "ᾳ\u0345".normalize("NFC"), "αιι"),
    labels("accent-differs", "Valid", "Two labels that differ in an accent.", "côte", "coté"),
    labels("dotless-i", "Valid", "Two labels that differ in the dot of an i.", "kilit", "kılıt"),
    plainCase("labels-equal-in-two-languages", "A label of one language may equal one of another.", "Valid", (n) => (n.text.fr.labels[DATUM] = n.text.en.labels[DATUM])),
    plainCase("labels-equal-beside-scopes", "A label for a term in no scope counts too.", "Malformed", (n) => (n.text.en.labels["dpv:Advertising"] = "Marketing")),
  ];
}

export function plainCases() {
  return [...scriptCases(), ...characterCases(), ...markCases(), ...lengthCases(), ...labelCases()];
}
