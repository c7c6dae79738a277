// What a brand sends back: words and records, signed by its account and sealed to the grant's mailbox (docs/formats.md, "Mail").
// age does not say who sealed, so the account's signature does.

import { sha256 } from "@noble/hashes/sha2.js";
import { equal, toHex, utf8 } from "./bytes.ts";
import { asSealedContent, unsealed } from "./documents.ts";
import { sameDomain, type Domain } from "./eip712.ts";
import { InvalidInput, malformed, SealedDataError } from "./errors.ts";
import { pack } from "./frames.ts";
import { encode, parseCanonical, type Json, type JsonObject } from "./json.ts";
import { checkPlain } from "./notice.ts";
import { TEXT } from "./plain_text.ts";
import { checkIntegers } from "./record_lines.ts";
import { checkObject, checkOriginId, checkSchema, checkTime } from "./records.ts";
import { asSignature, asTerm, bytesOf, checkDistinct, type Address, type Hex, type Word } from "./scalars.ts";
import { damaged, sealBytes } from "./sealing.ts";
import { asList, asObject, asText, checkConstant } from "./shapes.ts";
import { recoverAddress } from "./signatures.ts";
import { asStatement, digestOf, type StatementOf } from "./statements.ts";

export const MAX_SEALED = 256 * 1024;
export const MAX_PLAIN = 1024 * 1024;
export const MAX_CONTENT = 512 * 1024;
export const MAX_RECORDS = 1_000;
// What the statement, the longest signature and the seal add to a content.
const MARGIN = 32 * 1024;

/** A record as the brand holds it. `id` is the brand's own name for it: the same id later is its newer value. */
export interface MailRecord {
  readonly id: string;
  readonly category: string;
  readonly schema: string;
  readonly body: JsonObject;
  readonly time?: string;
}

/** What is sent: plain text, records, or both. `id` is the brand's own name for the message, where it has one. */
export interface MailContent {
  readonly type: "MailContent";
  readonly version: 1;
  readonly id?: string;
  readonly text?: string;
  readonly records?: readonly MailRecord[];
}

/** A signed message. `content` is the text of the content, exactly as its SHA-256 was signed. */
export interface Mail {
  readonly type: "Mail";
  readonly version: 1;
  readonly statement: StatementOf<"MailboxMessage">;
  readonly signature: Hex;
  readonly content: string;
}

/** A message that fits its grant. Whether the controller signed it is for the caller to check: `isSignedByKey`, or its contract. */
export interface OpenedMail {
  readonly mail: Mail;
  readonly content: MailContent;
  readonly digest: Uint8Array;
}

/**
 * Opens a message of the grant with this digest. Throws `WrongCapsule` for another grant, brand or registry, `NotARecipient` for
 * another mailbox, `DamagedSeal` for what is no such message.
 */
export async function openMail(sealed: Uint8Array, identity: string, domain: Domain, grant: Word, controller: Address): Promise<OpenedMail> {
  const plain = await unsealed(sealed, identity, MAX_SEALED, MAX_PLAIN);
  const [mail, content] = asSealedContent(() => {
    const found = asMail(parseCanonical(plain, MAX_PLAIN));
    return [found, parseContent(utf8(found.content))] as const;
  });
  const { message } = mail.statement;
  if (!sameDomain(mail.statement.domain, domain)) throw wrong("signed for another chain or registry");
  if (message.grant !== grant) throw wrong("made for another grant");
  if (message.controller !== controller) throw wrong("made for another brand");
  if (message.content !== contentHash(utf8(mail.content))) throw damaged("the message holds another content than was signed");
  return { mail, content, digest: digestOf(mail.statement) };
}

/** Whether the controller's own key signed the message. A contract's signature (ERC-1271) only the chain can decide: this is false. */
export function isSignedByKey({ mail, digest }: OpenedMail): boolean {
  const signer = recoverAddress(digest, bytesOf(mail.signature));
  return signer !== undefined && equal(signer, bytesOf(mail.statement.message.controller));
}

/** Returns the `content` of the message that sends these bytes. */
export const contentHash = (raw: Uint8Array): Word => toHex(sha256(raw));

/** Returns the RFC 8785 bytes of a content. Throws `Malformed` where it breaks a rule, `InvalidInput` where no message has room for it. */
export async function writeContent(content: MailContent): Promise<Uint8Array> {
  const plain = encode(content as unknown as Json);
  const asSent = utf8(JSON.stringify(new TextDecoder().decode(plain)));
  if (Math.max(plain.length, asSent.length) > MAX_CONTENT) throw new InvalidInput(`the message is longer than ${MAX_CONTENT / 1024} KiB`, "Divide it.");
  parseContent(plain);
  await pack(plain, MAX_SEALED - MARGIN);
  return plain;
}

/** Parses a content, whose bytes are RFC 8785; `Malformed` for anything else. */
export function parseContent(raw: Uint8Array): MailContent {
  const found = asObject(parseCanonical(raw, MAX_CONTENT), "content", ["type", "version"], ["id", "text", "records"]);
  checkIntegers(new TextDecoder().decode(raw));
  checkConstant(found["type"], "MailContent", "type");
  checkConstant(found["version"], 1, "version");
  if (Object.hasOwn(found, "id")) checkOriginId(asText(found["id"], "id"));
  if (!Object.hasOwn(found, "text") && !Object.hasOwn(found, "records")) throw malformed("the message holds neither text nor records");
  if (Object.hasOwn(found, "text")) checkPlain(asText(found["text"], "text"), TEXT, "the text");
  const ids = Object.hasOwn(found, "records") ? asList(found["records"], "records", idOfRecord, 1, MAX_RECORDS) : [];
  checkDistinct(ids, "the id of a record");
  return found as unknown as MailContent;
}

/** Seals a signed message to a mailbox. Throws `InvalidInput` where it is too large. */
export async function sealMail(mail: Mail, recipient: string): Promise<Uint8Array> {
  const sealed = await sealBytes(await pack(encode(mail as unknown as Json), MAX_SEALED - 4096), [recipient]);
  if (sealed.length > MAX_SEALED) throw new InvalidInput(`the message is larger than ${MAX_SEALED / 1024} KiB`, "Divide it.");
  return sealed;
}

function asMail(value: Json): Mail {
  const found = asObject(value, "mail", ["type", "version", "statement", "signature", "content"]);
  checkConstant(found["type"], "Mail", "type");
  checkConstant(found["version"], 1, "version");
  return {
    type: "Mail",
    version: 1,
    statement: asStatement(found["statement"], ["MailboxMessage"]),
    signature: asSignature(found["signature"], "signature"),
    content: asText(found["content"], "content"),
  };
}

/** Checks a record, and returns its id. */
function idOfRecord(value: Json, name: string): string {
  const found = asObject(value, name, ["id", "category", "schema", "body"], ["time"]);
  asTerm(found["category"], `${name}.category`);
  checkSchema(asText(found["schema"], `${name}.schema`));
  checkObject(found["body"] as Json);
  if (Object.hasOwn(found, "time")) checkTime(asText(found["time"], `${name}.time`));
  return checkOriginId(asText(found["id"], `${name}.id`));
}

const wrong = (what: string): SealedDataError => new SealedDataError("WrongCapsule", `the message was ${what}`);
