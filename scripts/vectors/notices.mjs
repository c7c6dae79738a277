// Notice cases for every rule of the schema consent-notice/1.
import { canonical, sha256, utf8 } from "./base.mjs";
import { isPlainNotice } from "./plain_text.mjs";
import { noticeDocument, shorten } from "./world.mjs";

const KIB64 = 64 * 1024;
const BIDI = [0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069];
const CONTROLS = [0x00, 0x09, 0x0a, 0x1f, 0x7f, 0x85, 0x9f];

/** `raw` alters the text; `fill` keeps long runs out of the file. A valid case states its SHA-256 and its languages. */
function noticeCase(name, desc, error, change = () => {}, { raw = (same) => same, fill } = {}) {
  const document = noticeDocument(change);
  if (error === "Valid" && !isPlainNotice(document)) throw new Error(`${name} is not plain text`);
  const text = raw(canonical(document));
  const vector = { desc, error, notice: shorten(text, fill), fill };
  if (error === "Valid") Object.assign(vector, { digest: sha256(utf8(text)), languages: Object.keys(document.text).sort() });
  return [name, vector];
}

const valid = (name, desc, change, more) => noticeCase(`valid-${name}`, desc, "Valid", change, more);
const malformed = (name, desc, change, more) => noticeCase(name, desc, "Malformed", change, more);
const raw = (name, desc, change) => malformed(name, desc, () => {}, { raw: change });
const each = (notice, change) => Object.values(notice.text).forEach(change);
const english = (name, desc, change) => malformed(name, desc, (n) => change(n.text.en));
const sentence = (name, desc, text) => english(`sentence-${name}`, desc, (t) => (t.Grant = text));

function validCases() {
  return [
    valid("usual", "Two languages, two scopes."),
    valid("one-language", "One language.", (n) => delete n.text.fr),
    valid("languages", "Language tags with script, region and variant.", (n) => {
      Object.assign(n.text, { "zh-Hant-TW": n.text.en, "sl-rozaj-biske": n.text.en, "de-CH-1996": n.text.fr, tlh: n.text.en });
    }),
    valid("more", "Anything may stand in more: floats, null, text that is not NFC, names in every script.", (n) => {
      n.more = {
        float: 1.5, tiny: 1e-7, huge: 1e30, negative: -12.25, safe: 9007199254740991, none: null, yes: true, empty: {}, list: [[], [1, "a"]],
        text: "e\u0301 \u202e line\nbreak {controller}", "": "an empty name", "é": 1, "ﬁ": "U+FB01", "🦊": "a surrogate pair sorts before U+FB01", "\u0001": 0,
      };
    }),
    valid("unicode", "Texts in many scripts, with an emoji and a combining mark that has no composed form.", (n) => {
      Object.assign(n.text.en, { retention: "二年間保存します。", rights: "ваши права — см. сайт", trace: "⛓ x\u0304 stays" });
    }),
    valid("extra-label", "A label for a term that is in no scope.", (n) => each(n, (t) => (t.labels["dpv:Advertising"] = "advertising"))),
    valid("no-refusal", "No sentence for a refusal in any language.", (n) => each(n, (t) => delete t.Refusal)),
    valid("mandate", "A sentence for a mandate.", (n) =>
      each(n, (t) => (t.Mandate = "{delegate} may {powers} for me: {purposes}, {data}, {controllers}, until {expires}."))),
    valid("labels-that-are-alike", "Labels that are words of the sentence, or the joining word itself.", (n) =>
      each(n, (t) => Object.assign(t.labels, { "pd:Purchase": "and", "pd:EmailAddress": "until" }))),
    valid("processing", "Operations that only one scope names, the training of AI models, and a full IRI. None needs a label.", (n) => {
      n.scopes[0].processing = ["ai:ModelTraining", "dpv:Collect", "https://vocabulary.example/Weigh"];
    }),
    valid("max-days-1", "The shortest duration.", (n) => (n.maxDays = 1)),
    valid("max-days-3650", "The longest duration.", (n) => (n.maxDays = 3650)),
    valid("domain", "A host name of several labels with hyphens and digits.", (n) => (n.controller.domain = "a.b-2.xn--r-1fat.example")),
    valid("64-kib", "Exactly 64 KiB.", ...sized(KIB64)),
    valid("nested-128", "128 objects and arrays inside each other.", ...nested(128)),
    malformed("nested-129", "129 of them: one too many.", ...nested(129)),
    malformed("nested-30000", "30,000 of them.", ...nested(30_000)),
    malformed("over-64-kib", "One byte over 64 KiB.", ...sized(KIB64 + 1)),
  ];
}

function sized(size) {
  const times = size - utf8(canonical(noticeDocument((n) => (n.more = { x: "" })))).length;
  return [(n) => (n.more = { x: "y".repeat(times) }), { fill: { "@run@": ["y", times] } }];
}

/** `depth` counts the document itself and `more`. */
function nested(depth) {
  const times = depth - 2;
  return [
    () => {},
    { raw: (text) => text.replace('"more":{}', `"more":{"x":${"[".repeat(times)}${"]".repeat(times)}}`), fill: { "@open@": ["[", times], "@close@": ["]", times] } },
  ];
}

function jsonCases() {
  const more = (name, desc, value) => raw(`more-${name}`, desc, (text) => text.replace('"more":{}', `"more":{"x":${value}}`));
  return [
    raw("json-empty", "No bytes.", () => ""),
    raw("json-array", "A notice inside an array.", (text) => `[${text}]`),
    raw("json-truncated", "The end is missing.", (text) => text.slice(0, -9)),
    raw("json-indented", "White space between the members.", (text) => JSON.stringify(JSON.parse(text), null, 2)),
    raw("json-trailing-newline", "A newline at the end.", (text) => text + "\n"),
    raw("json-byte-order-mark", "A byte order mark at the beginning.", (text) => "\ufeff" + text),
    raw("json-unsorted-keys", "The schema stands first.", (text) => '{"schema":"consent-notice/1",' + text.slice(1).replace(',"schema":"consent-notice/1"', "")),
    raw("json-duplicate-key", "maxDays stands twice.", (text) => text.replace('"maxDays":365', '"maxDays":365,"maxDays":365')),
    raw("json-duplicate-label", "A label stands twice.", (text) => text.replace('"dpv:Marketing":', '"dpv:Marketing":"x","dpv:Marketing":')),
    raw("json-escaped-letter", "A letter written as an escape.", (text) => text.replace("Maison", "\\u004daison")),
    raw("json-escaped-accent", "An accented letter written as an escape.", (text) => text.replace("é", "\\u00e9")),
    raw("json-lone-surrogate", "Half of a surrogate pair.", (text) => text.replace("Maison", "\\ud83eaison")),
    more("minus-zero", "-0 in more is written 0.", "-0"),
    more("float-zero", "1.0 in more is written 1.", "1.0"),
    more("exponent", "1e3 in more is written 1000.", "1e3"),
    more("capital-exponent", "1E+30 in more is written 1e+30.", "1E+30"),
    more("over-53-bits", "An integer that not every reader can hold.", "9007199254740993"),
    more("infinite", "A number over every limit.", "1e400"),
    more("nan", "NaN in more.", "NaN"),
    more("duplicate-key", "A name that stands twice inside more.", '{"a":1,"a":1}'),
    more("unsorted-keys", "Names inside more in code point order, which is not UTF-16 order.", '{"ﬁ":1,"🦊":2}'),
  ];
}

function memberCases() {
  const members = ["controller", "maxDays", "more", "schema", "scopes", "terms", "text"];
  const texts = ["and", "labels", "retention", "recipients", "transfers", "rights", "withdrawal", "trace"];
  return [
    ...members.map((name) => malformed(`missing-${name.toLowerCase()}`, `No ${name}.`, (n) => delete n[name])),
    ...["name", "account", "recipient", "domain", "contact"].map((name) => malformed(`missing-controller-${name}`, `No controller.${name}.`, (n) => delete n.controller[name])),
    ...texts.map((name) => malformed(`missing-text-${name}`, `The second language has no ${name}.`, (n) => delete n.text.fr[name])),
    malformed("unknown-member", "An unknown member.", (n) => (n.lang = "en")),
    malformed("unknown-in-controller", "An unknown member of the controller.", (n) => (n.controller.logo = "x")),
    malformed("unknown-in-scope", "An unknown member of a scope.", (n) => (n.scopes[0].basis = "consent")),
    malformed("unknown-in-text", "An unknown member of a language.", (n) => (n.text.en.Grant2 = "x")),
    malformed("schema-2", "A schema that does not exist yet.", (n) => (n.schema = "consent-notice/2")),
    malformed("account-lower-case", "An account without its checksum.", (n) => (n.controller.account = n.controller.account.toLowerCase())),
    malformed("recipient-upper-case", "A recipient in upper case.", (n) => (n.controller.recipient = n.controller.recipient.toUpperCase())),
    malformed("recipient-other", "A recipient that is not age's.", (n) => (n.controller.recipient = "ssh-ed25519 AAAA")),
    malformed("max-days-0", "No days.", (n) => (n.maxDays = 0)),
    malformed("max-days-3651", "A day too many.", (n) => (n.maxDays = 3651)),
    malformed("max-days-string", "The days as a string.", (n) => (n.maxDays = "365")),
    malformed("max-days-fraction", "Half a day.", (n) => (n.maxDays = 0.5)),
    malformed("more-array", "More is an array.", (n) => (n.more = [])),
    malformed("scopes-empty", "No scopes.", (n) => (n.scopes = [])),
    malformed("scope-without-purposes", "A scope without purposes.", (n) => (n.scopes[0].purposes = [])),
    malformed("scope-without-data", "A scope without data.", (n) => (n.scopes[0].data = [])),
    malformed("scope-without-processing", "A scope without processing.", (n) => delete n.scopes[0].processing),
    malformed("scope-with-empty-processing", "A scope that names no operation.", (n) => (n.scopes[0].processing = [])),
    malformed("scope-processing-unsorted", "A scope's processing in the wrong order.", (n) => n.scopes[0].processing.reverse()),
    malformed("scope-processing-repeated", "An operation that stands twice in a scope.", (n) => (n.scopes[1].processing = ["dpv:Use", "dpv:Use"])),
    malformed("scope-processing-not-a-term", "An operation in plain words.", (n) => (n.scopes[0].processing = ["use"])),
    malformed("scope-processing-a-string", "One operation in place of a list.", (n) => (n.scopes[0].processing = "dpv:Use")),
    malformed("scope-unsorted", "A scope's data in the wrong order.", (n) => n.scopes[0].data.reverse()),
    malformed("scope-repeated", "A purpose that stands twice in a scope.", (n) => (n.scopes[1].purposes = ["dpv:Marketing", "dpv:Marketing"])),
    malformed("scope-not-a-term", "A purpose in plain words.", (n) => {
      n.scopes[1].purposes = ["marketing"];
      each(n, (t) => (t.labels.marketing = "marketing"));
    }),
    malformed("terms-not-a-term", "Terms in plain words.", (n) => (n.terms = "whatever we say")),
    ...["Aurelle.example", "aurelle", "https://aurelle.example", "aurelle.example.", "aurelle.example/x", "-a.example", "a..example", "ærø.example", "a b.example", "{x}.example", ""].map(
      (domain, i) => malformed(`domain-${i + 1}`, `No lower-case host name: ${JSON.stringify(domain)}.`, (n) => (n.controller.domain = domain)),
    ),
    malformed("domain-too-long", "A host name of 254 characters.", (n) => (n.controller.domain = "a.".repeat(125) + "exam")),
  ];
}

function textCases() {
  const character = (code) => `u${code.toString(16).padStart(4, "0")}`;
  return [
    malformed("text-empty", "No languages.", (n) => (n.text = {})),
    ...["e", "en_GB", "", "en-", "deutschland", "en-123456789", "e1", "en GB"].map((tag, i) =>
      malformed(`language-${i + 1}`, `No language tag: ${JSON.stringify(tag)}.`, (n) => (n.text = { [tag]: n.text.en }))),
    ...BIDI.map((code) => english(`bidi-${character(code)}`, `A bidirectional character, ${character(code)}, in a label.`, (t) => (t.labels["pd:Purchase"] += String.fromCharCode(code)))),
    ...CONTROLS.map((code) => english(`control-${character(code)}`, `A control character, ${character(code)}, in a text.`, (t) => (t.rights += String.fromCharCode(code)))),
    malformed("bidi-in-name", "A bidirectional character in the brand's name.", (n) => (n.controller.name = "Maison \u202eelleruA")),
    malformed("bidi-in-contact", "A bidirectional character in the contact.", (n) => (n.controller.contact += "\u2066")),
    english("bidi-in-sentence", "A bidirectional character in the sentence.", (t) => (t.Grant += "\u202d")),
    english("control-in-refusal", "A line break in the refusal's sentence.", (t) => (t.Refusal += "\n")),
    malformed("control-in-name", "A line break in the brand's name.", (n) => (n.controller.name += "\nBank")),
    malformed("nfc-name", "The brand's name is decomposed.", (n) => (n.controller.name = "Maison Aure\u0301lle")),
    english("nfc-label", "A label is decomposed.", (t) => (t.labels["pd:Purchase"] = "cafe\u0301")),
    english("nfc-sentence", "The sentence holds U+212B, whose NFC is another character.", (t) => (t.Grant += " \u212b")),
    english("nfc-and", "The joining word is decomposed.", (t) => (t.and = "e\u0301")),
    malformed("brace-in-name", "A brace in the brand's name.", (n) => (n.controller.name = "Maison {data}")),
    malformed("brace-in-name-alone", "A closing brace in the brand's name.", (n) => (n.controller.name = "Maison :}")),
    english("brace-in-label", "A placeholder in a label.", (t) => (t.labels["pd:Purchase"] = "{purposes}")),
    english("brace-in-unused-label", "A brace in a label that no scope uses.", (t) => (t.labels["pd:Age"] = "{")),
    english("brace-in-and", "A brace in the joining word.", (t) => (t.and = "{and}")),
    english("label-missing", "The first language lacks a datum's label.", (t) => delete t.labels["pd:Purchase"]),
    malformed("label-missing-in-second", "The second language lacks a purpose's label.", (n) => delete n.text.fr.labels["dpv:Marketing"]),
    english("label-empty", "An empty label.", (t) => (t.labels["pd:Purchase"] = "")),
    english("and-empty", "An empty joining word.", (t) => (t.and = "")),
    english("retention-empty", "An empty text.", (t) => (t.retention = "")),
    malformed("name-empty", "An empty name.", (n) => (n.controller.name = "")),
    malformed("sentences-differ", "The second language has no refusal.", (n) => delete n.text.fr.Refusal),
    malformed("sentences-none", "No sentence at all.", (n) => each(n, (t) => (delete t.Grant, delete t.Refusal))),
    sentence("placeholder-missing", "The sentence does not say until when.", "I allow {controller} my {data} for {purposes}."),
    sentence("placeholder-twice", "The data stand in the sentence twice.", "I allow {controller} my {data} for {purposes} until {expires}: {data}."),
    sentence("placeholder-foreign", "A placeholder of the mandate in a grant.", "I allow {controller} my {data} for {purposes} until {expires} by {delegate}."),
    sentence("placeholder-unknown", "A placeholder that does not exist.", "I allow {controller} my {data} for {purposes} until {expires} {now}."),
    sentence("placeholder-capital", "A placeholder with a capital letter.", "I allow {Controller} my {data} for {purposes} until {expires}."),
    sentence("placeholder-space", "A placeholder with a space.", "I allow {controller } my {data} for {purposes} until {expires}."),
    sentence("placeholder-empty", "Empty braces.", "I allow {controller} my {data} for {purposes} until {expires}{}."),
    sentence("brace-stray", "A stray brace.", "I allow {controller} my {data} for {purposes} until {expires}}."),
    sentence("brace-doubled", "Doubled braces.", "I allow {{controller}} my {data} for {purposes} until {expires}."),
    sentence("attribute", "What Python's str.format would read.", "I allow {controller.__class__} my {data} for {purposes} until {expires}."),
    sentence("empty", "An empty sentence.", ""),
    english("refusal-placeholder-foreign", "The data in a refusal's sentence.", (t) => (t.Refusal = "No {controller} {purposes} {data}.")),
  ];
}

export function noticeCases() {
  return [...validCases(), ...jsonCases(), ...memberCases(), ...textCases()];
}
