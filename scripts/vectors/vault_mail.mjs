// Cases of mail: what a brand's account signs and seals to the mailbox of a grant.
import { CONTROLLER, SUBJECT } from "./world.mjs";
import { DOMAIN, NOW, address, canonical, digest, sha256, signDigest, utf8, word } from "./base.mjs";
import { base64, frame, keysOf, recipientOf, seal } from "./vault.mjs";

const GRANT = word("a grant's digest");
const KEYS = keysOf(word("a vault's seed"), SUBJECT, CONTROLLER);
const RECORD = { body: { name: "coat", orderDate: "2026-01-31", price: "43.49", weight: 1.25 }, category: "pd:Purchase", id: "order-17", schema: "purchase/1" };
const CONTENT = { records: [RECORD, { ...RECORD, id: "order-18", time: "2026-02-01T10:00:00+01:00" }], text: "Your order has left.\nThank you.", type: "MailContent", version: 1 };

function mailOf(content, { message: changes = {}, domain = DOMAIN, by = "the controller" } = {}) {
  const text = typeof content === "string" ? content : canonical(content);
  const message = { content: sha256(utf8(text)), controller: CONTROLLER, grant: GRANT, issuedAt: NOW, number: 1, ...changes };
  const digested = digest(domain, "MailboxMessage", message);
  return { digested, mail: { content: text, signature: signDigest(digested, by), statement: { domain, message, primaryType: "MailboxMessage" }, type: "Mail", version: 1 } };
}

function mailCase(name, desc, error, content, { rewrite = (same) => same, ...options } = {}) {
  const { mail, digested } = mailOf(content, options);
  const good = error === "Valid" ? { digest: digested, signer: address(options.by ?? "the controller") } : {};
  return [`mail-${name}`, { desc, error, kind: "mail", grant: { digest: GRANT, controller: CONTROLLER }, domain: DOMAIN, ...good, document: rewrite(canonical(mail)) }];
}

async function sealedCase() {
  const { mail, digested } = mailOf(CONTENT);
  const sealed = await seal(frame(utf8(canonical(mail))), await recipientOf(KEYS.mailbox), "a message");
  return ["mail-sealed", {
    desc: "A message as the brand's service gives it, and the mailbox that opens it.", error: "Valid", kind: "mail", grant: { digest: GRANT, controller: CONTROLLER }, domain: DOMAIN,
    digest: digested, signer: CONTROLLER, identity: KEYS.mailbox, sealed: base64(sealed), document: canonical(mail),
  }];
}

export async function mailCases() {
  const bad = (name, desc, content, options) => mailCase(name, desc, "DamagedSeal", content, options);
  const other = (name, desc, options) => mailCase(name, desc, "WrongCapsule", CONTENT, options);
  const with_ = (changes) => ({ ...CONTENT, ...changes });
  const text = canonical(CONTENT);
  return [
    mailCase("good", "Text and two records.", "Valid", CONTENT),
    mailCase("text", "Text alone, with the brand's own id.", "Valid", { id: "shipment-2", text: "It is on its way.", type: "MailContent", version: 1 }),
    mailCase("records", "Records alone.", "Valid", { records: [RECORD], type: "MailContent", version: 1 }),
    mailCase("other-signer", "Signed by somebody else: it opens, and the account decides.", "Valid", CONTENT, { by: "a stranger" }),
    mailCase("largest-number", "The largest number.", "Valid", CONTENT, { message: { number: Number.MAX_SAFE_INTEGER } }),
    mailCase("markup", "Markup is text.", "Valid", { text: "<script>alert('x')</script>", type: "MailContent", version: 1 }),
    other("other-grant", "For another grant.", { message: { grant: word("another grant's digest") } }),
    other("other-controller", "Of another brand.", { message: { controller: address("a stranger") } }),
    other("other-chain", "On another chain.", { domain: { ...DOMAIN, chainId: 1 } }),
    bad("other-content", "Another content than was signed.", CONTENT, { message: { content: word("another content") } }),
    bad("number-zero", "Numbers begin at 1.", CONTENT, { message: { number: 0 } }),
    bad("nothing", "Neither text nor records.", { type: "MailContent", version: 1 }),
    bad("text-empty", "An empty text in place of an absent one.", with_({ text: "" })),
    bad("records-empty", "An empty list in place of an absent one.", with_({ records: [] })),
    bad("id-empty", "An empty id in place of an absent one.", with_({ id: "" })),
    bad("text-control", "A text with a tab.", with_({ text: "a\tb" })),
    bad("text-bidi", "A text that turns its direction.", with_({ text: "a \u202etxet" })),
    bad("text-long", "A text of 4,001 characters.", with_({ text: "x".repeat(4_001) })),
    bad("record-twice", "Two records of one id.", with_({ records: [RECORD, RECORD] })),
    bad("record-id-space", "An id with a space.", with_({ records: [{ ...RECORD, id: "order 17" }] })),
    bad("record-member", "A member that a record does not have.", with_({ records: [{ ...RECORD, home: "00112233aabbccdd" }] })),
    bad("record-body", "A body that is no object.", with_({ records: [{ ...RECORD, body: [] }] })),
    bad("record-time", "No date.", with_({ records: [{ ...RECORD, time: "2026" }] })),
    bad("white-space", "A content written with a space.", text.replace(",", ", ")),
    bad("member-order", "A content whose members are not sorted.", `{"version":1,${text.slice(1).replace(',"version":1}', "}")}`),
    bad("repeated-member", "A member twice.", text.replace('"version":1', '"version":1,"version":1')),
    bad("content-version", "Another version of the content.", with_({ version: 2 })),
    bad("version", "Another version.", CONTENT, { rewrite: (mail) => mail.replace(/"version":1}$/, '"version":2}') }),
    bad("unknown-member", "A member that mail does not have.", CONTENT, { rewrite: (mail) => mail.replace('{"content"', '{"a":1,"content"') }),
    bad("outer-white-space", "Mail written with a space.", CONTENT, { rewrite: (mail) => mail.replace(',"signature"', ', "signature"') }),
    await sealedCase(),
  ];
}
