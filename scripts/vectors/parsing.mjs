// Evidence cases of step 0: valid files, and every way to be malformed.
import { DOMAIN, NOW, ZERO, canonical, digest, word } from "./base.mjs";
import { SUBJECT, evidenceCase, makeEvidence, makeMessage, noticeDocument } from "./world.mjs";

const MIB = 1024 * 1024;

function validCases() {
  const request = makeMessage("Request", noticeDocument(), canonical(noticeDocument()), { label: "the request" });
  return [
    evidenceCase("valid-batch-of-1", "A grant that was anchored alone: its proof is empty.", "Valid", { others: 0 }),
    evidenceCase("valid-batch-of-5", "A grant in a batch of five.", "Valid", { others: 4 }),
    evidenceCase("valid-batch-of-1000", "A grant in a batch of a thousand: a proof of ten elements.", "Valid", { others: 999 }),
    evidenceCase("valid-first-language", "The sentence is rendered in the notice's first language.", "Valid"),
    evidenceCase("valid-second-language", "The sentence is rendered in the notice's second language.", "Valid", { language: "fr" }),
    evidenceCase("valid-answers-a-request", "The grant names the digest of the request that it answers.", "Valid", {
      message: { request: digest(DOMAIN, "Request", request) },
    }),
    evidenceCase("valid-supersedes", "The grant names the digest of the one that it replaces, and a capsule's hash.", "Valid", {
      message: { supersedes: word("an older grant"), content: word("a capsule") },
    }),
    evidenceCase("valid-unicode-names", "The brand's name, contact and labels hold letters of many scripts and an emoji.", "Valid", {
      notice: (n) => {
        Object.assign(n.controller, { name: "Ærø 株式会社 Ωμέγα 🦊", domain: "xn--r-1fat.example", contact: "プライバシー窓口" });
        n.text.en.labels["pd:Purchase"] = "purchases – お買い物 🛍";
      },
    }),
    evidenceCase("valid-https-terms", "Purposes, data and terms may be full https:// IRIs.", "Valid", {
      notice: (n) => {
        n.scopes.push({ purposes: ["https://aurelle.example/p#styling"], data: ["https://aurelle.example/d#sizes?v=2"], processing: ["https://aurelle.example/o#fit"] });
        for (const text of Object.values(n.text)) {
          Object.assign(text.labels, { "https://aurelle.example/p#styling": "styling", "https://aurelle.example/d#sizes?v=2": "sizes" });
        }
        n.terms = "https://aurelle.example/terms/7";
      },
      message: { purposes: ["https://aurelle.example/p#styling"], data: ["https://aurelle.example/d#sizes?v=2"], terms: "https://aurelle.example/terms/7" },
      policy: { purposes: ["https://aurelle.example/p#styling"], data: ["https://aurelle.example/d#sizes?v=2"], terms: "https://aurelle.example/terms/7" },
    }),
    evidenceCase("valid-exactly-10-years", "The longest window: 315,360,000 seconds.", "Valid", {
      notice: (n) => (n.maxDays = 3650),
      message: { expiresAt: NOW - 1000 + 315_360_000 },
    }),
  ];
}

function jsonCases() {
  const malformed = (name, desc, raw, more = {}) => evidenceCase(name, desc, "Malformed", { raw, ...more });
  const reformatted = (name, desc, raw) => malformed(name, desc, raw, { restores: true });
  return [
    malformed("json-truncated", "The last 40 characters are missing.", (text) => text.slice(0, -40)),
    malformed("json-empty", "A file without any bytes.", () => ""),
    malformed("json-array", "The evidence inside an array.", (text) => `[${text}]`),
    malformed("json-null", "The JSON value null.", () => "null"),
    reformatted("json-byte-order-mark", "A byte order mark before the first brace.", (text) => "\ufeff" + text),
    reformatted("json-leading-space", "A space before the first brace.", (text) => " " + text),
    reformatted("json-trailing-newline", "A newline after the last brace, as editors add it.", (text) => text + "\n"),
    malformed("json-trailing-data", "A second object after the first.", (text) => text + "{}"),
    reformatted("json-indented", "The same members, written with white space.", (text) => JSON.stringify(JSON.parse(text), null, 2)),
    reformatted("json-unsorted-keys", "The version stands first.", (text) => text.replace("{", '{"version":1,').replace(',"version":1}', "}")),
    malformed("json-duplicate-key", "The version stands twice.", (text) => text.replace('"version":1}', '"version":1,"version":1}')),
    malformed("json-duplicate-key-in-message", "Two salts; a lenient parser takes the last.", (text) =>
      text.replace('"salt":', `"salt":"${ZERO}","salt":`)),
    reformatted("json-escaped-letter", "A letter written as \\u0061: a second encoding of the same text.", (text) => text.replace("I allow", "I \\u0061llow")),
    reformatted("json-escaped-slash", "A slash with a backslash before it.", (text) => text.replace("consent-notice/1", "consent-notice\\/1")),
    malformed("json-lone-surrogate", "Half of a surrogate pair inside the statement.", (text) => text.replace("I allow", "\\ud800 allow")),
    reformatted("json-exponent", "A time written with an exponent.", (text) => text.replace(`"issuedAt":${NOW - 1000}`, '"issuedAt":1789999e3')),
    reformatted("json-float", "A time written as 1789999000.0.", (text) => text.replace(`"issuedAt":${NOW - 1000}`, `"issuedAt":${NOW - 1000}.0`)),
    malformed("json-leading-zero", "A block number with a leading zero.", (text) => text.replace('"block":17', '"block":017')),
    reformatted("json-minus-zero", "The block number is -0.", (text) => text.replace('"block":17', '"block":-0')),
    malformed("json-nan", "NaN, which is not JSON.", (text) => text.replace('"block":17', '"block":NaN')),
    malformed("json-infinity", "Infinity, which is not JSON.", (text) => text.replace('"block":17', '"block":Infinity')),
    malformed("json-deep-nesting", "A mandate with 250,000 arrays inside each other.", (text) =>
      text.replace('"notice":', `"mandate":{"a":${"[".repeat(250_000)}${"]".repeat(250_000)}},"notice":`), {
      fill: { "@open@": ["[", 250_000], "@close@": ["]", 250_000] },
    }),
    evidenceCase("size-1-mib", "Exactly 1 MiB is read; its long statement is not the notice's.", "NoticeMismatch", {
      ...filled(MIB), onChain: "Valid",
    }),
    evidenceCase("size-over-1-mib", "One byte more than 1 MiB.", "Malformed", { ...filled(MIB + 1), onChain: "Valid" }),
  ];
}

/** Returns a statement that makes the file `size` bytes long. */
function filled(size) {
  const short = canonical(makeEvidence("Grant", { message: { statement: "" } }).evidence);
  const times = size - new TextEncoder().encode(short).length;
  return { message: { statement: "x".repeat(times) }, fill: { "@statement@": ["x", times] } };
}

function memberCases() {
  const sealed = (name, desc, change, more = {}) => evidenceCase(name, desc, "Malformed", { sealed: change, ...more });
  const message = (name, desc, change, more) => sealed(name, desc, (e) => change(e.statement.message), more);
  return [
    sealed("member-unknown", "A member that no version knows.", (e) => (e.comment = "trust me")),
    sealed("member-unknown-in-statement", "An unknown member beside domain and message.", (e) => (e.statement.types = {})),
    message("member-unknown-in-message", "An unknown member of the message, which nobody signed.", (m) => (m.note = "x")),
    sealed("member-unknown-in-domain", "A domain with a salt.", (e) => (e.statement.domain.salt = ZERO)),
    sealed("member-unknown-in-anchor", "An unknown member of the anchor.", (e) => (e.anchor.chain = 1)),
    sealed("member-type-missing", "No type.", (e) => delete e.type),
    sealed("member-version-missing", "No version.", (e) => delete e.version),
    sealed("member-anchor-missing", "A grant without its anchor.", (e) => delete e.anchor),
    sealed("member-notice-missing", "A grant without its notice.", (e) => delete e.notice),
    sealed("member-primary-type-missing", "No primary type.", (e) => delete e.statement.primaryType),
    message("member-salt-missing", "A message without its salt.", (m) => delete m.salt),
    sealed("member-null", "A null where a member should be absent.", (e) => (e.acceptance = null)),
    sealed("type-wrong", "Another type.", (e) => (e.type = "ConsentReceipt")),
    sealed("version-2", "A version that does not exist yet.", (e) => (e.version = 2)),
    sealed("version-string", "The version as a string.", (e) => (e.version = "1")),
    sealed("primary-type-unknown", "A primary type that nobody knows.", (e) => (e.statement.primaryType = "Grant2")),
    sealed("primary-type-other", "A grant's message under the name of a refusal.", (e) => (e.statement.primaryType = "Refusal")),
    sealed("primary-type-revoke", "A Revoke is no evidence.", (e) => {
      e.statement.primaryType = "Revoke";
      e.statement.message = { subject: SUBJECT, handle: ZERO };
    }),
    sealed("notice-as-object", "The notice as an object; it has to be the stored text.", (e) => (e.notice = JSON.parse(e.notice))),
    evidenceCase("notice-not-canonical", "The notice with white space; its hash is signed and right.", "Malformed", {
      noticeText: JSON.stringify(noticeDocument(), null, 1), onChain: "Valid",
    }),
    evidenceCase("notice-malformed", "A notice of an unknown schema; its hash is signed and right.", "Malformed", {
      notice: (n) => (n.schema = "consent-notice/2"), onChain: "Valid",
    }),
    evidenceCase("notice-hides-a-purpose", "A purpose whose label is invisible; the sentence does not show it.", "Malformed", {
      notice: (n) => Object.values(n.text).forEach((text) => (text.labels["dpv:ServiceProvision"] = "\u2060")),
      message: { purposes: ["dpv:Personalisation", "dpv:ServiceProvision"] }, onChain: "Valid",
    }),
  ];
}

function valueCases() {
  const sealed = (name, desc, change, more = {}) => evidenceCase(name, desc, "Malformed", { sealed: change, ...more });
  const message = (name, desc, change, more) => sealed(name, desc, (e) => change(e.statement.message), more);
  const flip = (text) => text.replace(/[a-f]/i, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
  return [
    sealed("hex-upper-case-signature", "The signature in upper-case hex.", (e) => (e.signature = "0x" + e.signature.slice(2).toUpperCase())),
    sealed("hex-upper-case-root", "The root in upper-case hex.", (e) => (e.anchor.root = "0x" + e.anchor.root.slice(2).toUpperCase())),
    sealed("hex-upper-case-proof", "A proof element in upper-case hex.", (e) => (e.anchor.proof[0] = "0x" + e.anchor.proof[0].slice(2).toUpperCase())),
    message("hex-upper-case-salt", "The salt in upper-case hex.", (m) => (m.salt = "0x" + m.salt.slice(2).toUpperCase()), { onChain: "Valid" }),
    sealed("hex-upper-case-prefix", "A signature that begins with 0X.", (e) => (e.signature = e.signature.replace("0x", "0X"))),
    sealed("hex-no-prefix", "A root without 0x.", (e) => (e.anchor.root = e.anchor.root.slice(2))),
    message("hex-short-word", "A salt of 31 bytes.", (m) => (m.salt = m.salt.slice(0, -2))),
    message("hex-long-word", "A salt of 33 bytes.", (m) => (m.salt += "00")),
    sealed("hex-short-proof", "A proof element of 31 bytes.", (e) => (e.anchor.proof[0] = e.anchor.proof[0].slice(0, -2))),
    sealed("hex-odd-signature", "A signature of 129 hex digits.", (e) => (e.signature = e.signature.slice(0, -1))),
    sealed("hex-newline", "A newline after the root's last digit.", (e) => (e.anchor.root += "\n")),
    message("hex-letter", "A letter that is no hex digit.", (m) => (m.content = "0x" + "0g".repeat(32))),
    message("address-lower-case", "The subject's address without its checksum.", (m) => (m.subject = m.subject.toLowerCase()), { onChain: "Valid" }),
    message("address-upper-case", "The controller's address in upper case.", (m) => (m.controller = "0x" + m.controller.slice(2).toUpperCase()), { onChain: "Valid" }),
    message("address-bad-checksum", "One letter of the subject's address in the wrong case.", (m) => (m.subject = flip(m.subject)), { onChain: "Valid" }),
    message("address-short", "An address of 19 bytes.", (m) => (m.subject = m.subject.slice(0, -2))),
    sealed("address-registry-lower-case", "The registry's address without its checksum.", (e) =>
      (e.statement.domain.verifyingContract = e.statement.domain.verifyingContract.toLowerCase())),
    message("integer-string", "A time as a string.", (m) => (m.issuedAt = String(m.issuedAt))),
    message("integer-fraction", "A time with a fraction.", (m) => (m.issuedAt += 0.5)),
    message("integer-negative", "A negative time.", (m) => (m.notBefore = -1)),
    message("integer-true", "A boolean instead of a time.", (m) => (m.notBefore = true)),
    message("integer-over-64-bits", "A time of 65 bits.", (m) => (m.expiresAt = 2n ** 64n)),
    sealed("integer-chain-id-string", "The chain's number as a hex string.", (e) => (e.statement.domain.chainId = "0x7a69")),
    evidenceCase("integer-of-53-bits", "The largest integer that is read.", "PostDated", latest(2n ** 53n - 1n)),
    evidenceCase("integer-over-53-bits", "One more, properly signed.", "Malformed", { ...latest(2n ** 53n), onChain: "PostDated" }),
    sealed("proof-of-16", "A proof of sixteen elements: no batch is that large.", (e) => {
      e.anchor.proof = Array.from({ length: 16 }, (_, i) => word(`sibling ${i}`));
    }),
  ];
}

/** Returns a validity window that ends at this time. */
function latest(expiresAt) {
  const issuedAt = expiresAt - 86_400n;
  return { message: { issuedAt, notBefore: issuedAt, expiresAt, statement: "I allow it." } };
}

function ruleCases() {
  const signed = (name, desc, message, onChain, more = {}) => evidenceCase(name, desc, "Malformed", { message, onChain, ...more });
  const statement = "I allow it.";
  return [
    signed("terms-unsorted", "Data in another order than by their UTF-8 bytes, properly signed.", { data: ["pd:Purchase", "pd:EmailAddress"] }, "Valid"),
    signed("terms-repeated", "A purpose that stands twice, properly signed.", { purposes: ["dpv:Personalisation", "dpv:Personalisation"] }, "Valid"),
    signed("purposes-empty", "No purposes.", { purposes: [], statement }, "PurposeNotGranted"),
    signed("data-empty", "No data.", { data: [], statement }, "DataNotGranted"),
    signed("terms-no-prefix", "A purpose that is neither compact nor an IRI.", { purposes: ["Marketing", "dpv:Personalisation"], statement }, "Valid"),
    signed("terms-http", "A purpose as an http:// IRI.", { purposes: ["dpv:Personalisation", "http://aurelle.example/p"], statement }, "Valid"),
    signed("terms-space", "A datum that ends with a space.", { data: ["pd:Purchase", "pd:Purchase "], statement }, "Valid"),
    signed("terms-unicode", "A datum with a letter outside ASCII.", { data: ["pd:Purchase", "pd:Purchasé"], statement }, "Valid"),
    signed("agreement-empty", "Empty terms.", { terms: "" }, "Valid"),
    signed("expires-at-0", "A grant that claims never to end.", { expiresAt: 0 }, "Expired"),
    signed("expires-before-not-before", "It ends before it begins.", { notBefore: NOW + 10, expiresAt: NOW + 5 }, "NotYetValid"),
    signed("expires-at-not-before", "It ends as it begins.", { notBefore: NOW, expiresAt: NOW }, "Expired"),
    signed("expires-before-issued-at", "It ends before it was issued.", { issuedAt: NOW - 600, notBefore: NOW - 1000, expiresAt: NOW - 700 }, "Expired"),
    signed("over-10-years", "One second more than ten years.", { expiresAt: NOW - 1000 + 315_360_001 }, "Valid", { notice: (n) => (n.maxDays = 3650) }),
  ];
}

export function parsingCases() {
  return [...validCases(), ...jsonCases(), ...memberCases(), ...valueCases(), ...ruleCases()];
}
