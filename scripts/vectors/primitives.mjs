// Digests, signatures, commitments, trees and locks: from plain values to plain values.
import {
  DOMAIN, NOW, SCHEMA, TYPES, ZERO,
  accountNumber, address, canonical, commitment, copy, digest, encode, ethers, handleOf, hash, keccak256, lockOf, saltHashOf, secretOf, sha256, signDigest,
  strangers, tagOf, treeOf, utf8, word,
} from "./base.mjs";
import { compact, highS, withV } from "./proving.mjs";
import { CONTROLLER, NOBODY, SUBJECT, fiduciaryNotice, makeMessage, noticeDocument } from "./world.mjs";

const DOMAIN_TYPE = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];

function typedData(type, message, domain = DOMAIN) {
  return { types: { EIP712Domain: DOMAIN_TYPE, [type]: TYPES[type] }, primaryType: type, domain, message };
}

function digestCase(name, desc, type, message, domain = DOMAIN) {
  const types = { [type]: TYPES[type] };
  return [name, {
    desc,
    error: "Valid",
    typedData: typedData(type, message, domain),
    typeHash: keccak256(utf8(SCHEMA[type])),
    domainSeparator: ethers.TypedDataEncoder.hashDomain(domain),
    structHash: ethers.TypedDataEncoder.hashStruct(type, types, message),
    digest: digest(domain, type, message),
  }];
}

function refusedCase(name, desc, change) {
  const document = copy(typedData("Retire", { subject: SUBJECT }));
  change(document);
  return [`refused-${name}`, { desc, error: "Malformed", typedData: document }];
}

export function digestCases() {
  const document = noticeDocument();
  const make = (type, message) => makeMessage(type, document, canonical(document), { label: `digest of ${type}`, message });
  const largest = Number.MAX_SAFE_INTEGER;
  const mandate = (message) => makeMessage("Mandate", fiduciaryNotice(), canonical(fiduciaryNotice()), { label: "digest of Mandate", message });
  return [
    digestCase("request", "A request.", "Request", make("Request")),
    digestCase("grant", "A grant.", "Grant", make("Grant")),
    digestCase("refusal", "A refusal.", "Refusal", make("Refusal")),
    digestCase("acknowledgement", "The end of a grant was seen.", "Acknowledgement", make("Acknowledgement", { grant: word("a grant") })),
    digestCase("mandate", "A mandate for one brand.", "Mandate", mandate()),
    digestCase("mandate-two-controllers", "A mandate for two brands.", "Mandate", mandate({ statement: "", powers: ["Grant"], controllers: [CONTROLLER, address("another brand")].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)) })),
    digestCase("mandate-any-controller", "A mandate for any brand, with all powers.", "Mandate", mandate({ statement: "", powers: ["Bids", "Deal", "Grant", "Intent", "Offer", "Refusal"], controllers: [NOBODY] })),
    digestCase("use-log", "The head of a use log.", "UseLog", make("UseLog")),
    digestCase("use-log-largest", "The largest log that JSON numbers hold.", "UseLog", make("UseLog", { size: largest })),
    digestCase("mailbox-message", "A brand writes to a person.", "MailboxMessage", { grant: word("a grant"), controller: CONTROLLER, number: 1, content: word("a content"), issuedAt: NOW }),
    digestCase("mailbox-message-largest", "The largest number and time that JSON numbers hold.", "MailboxMessage", { grant: word("a grant"), controller: CONTROLLER, number: largest, content: word("a content"), issuedAt: largest }),
    digestCase("acceptance", "A counter-signature.", "Acceptance", make("Acceptance", { grant: word("a grant") })),
    digestCase("revoke", "An open revocation, relayed.", "Revoke", { subject: SUBJECT, handle: word("a handle") }),
    digestCase("revoke-all", "The kill-switch, relayed.", "RevokeAll", { subject: SUBJECT, issuedUntil: NOW }),
    digestCase("revoke-all-largest", "The largest time that JSON numbers hold.", "RevokeAll", { subject: SUBJECT, issuedUntil: largest }),
    digestCase("retire", "An address is given up.", "Retire", { subject: SUBJECT }),
    digestCase("grant-unicode", "A statement of many scripts, with an emoji.", "Grant", make("Grant", { statement: "J’autorise Ærø 株式会社 🦊 : e\u0301 \u202e" })),
    digestCase("grant-empty-statement", "An empty statement.", "Grant", make("Grant", { statement: "" })),
    digestCase("grant-many-terms", "Twenty purposes and thirty data.", "Grant", make("Grant", {
      statement: "Everything.",
      purposes: Array.from({ length: 20 }, (_, i) => `dpv:P${10 + i}`),
      data: Array.from({ length: 30 }, (_, i) => `pd:D${10 + i}`),
    })),
    digestCase("grant-largest-times", "The latest window that JSON numbers hold.", "Grant", make("Grant", {
      statement: "Later.", issuedAt: largest - 2, notBefore: largest - 1, expiresAt: largest,
    })),
    digestCase("grant-other-chain", "The same on the main network.", "Grant", make("Grant"), { ...DOMAIN, chainId: 1 }),
    digestCase("grant-other-registry", "The same for another registry.", "Grant", make("Grant"), { ...DOMAIN, verifyingContract: address("another registry") }),
    digestCase("retire-large-chain-id", "A chain id of 53 bits.", "Retire", { subject: SUBJECT }, { ...DOMAIN, chainId: largest }),
    digestCase("retire-zero", "The address zero.", "Retire", { subject: ethers.ZeroAddress }),
    refusedCase("primary-type", "A type that is not the registry's.", (d) => Object.assign(d, { primaryType: "Permit", types: { ...d.types, Permit: d.types.Retire } })),
    refusedCase("types-member-added", "A member more than the type has.", (d) => (d.types.Retire = [...d.types.Retire, { name: "note", type: "string" }])),
    refusedCase("types-other-kind", "A member of another type.", (d) => (d.types.Retire = [{ name: "subject", type: "bytes20" }])),
    refusedCase("types-extra", "A type that nothing uses.", (d) => (d.types.Mail = [])),
    refusedCase("types-no-domain", "The domain's type is missing.", (d) => delete d.types.EIP712Domain),
    refusedCase("domain-salt", "A domain with a salt.", (d) => (d.domain = { ...d.domain, salt: ZERO })),
    refusedCase("domain-chain-id-string", "The chain id as a string.", (d) => (d.domain = { ...d.domain, chainId: "31337" })),
    refusedCase("message-member-added", "A member that is not signed.", (d) => (d.message.note = "x")),
    refusedCase("message-address", "An address without its checksum.", (d) => (d.message.subject = d.message.subject.toLowerCase())),
    refusedCase("member-added", "A member beside the four.", (d) => (d.account = SUBJECT)),
  ];
}

export function signatureCases() {
  const digested = word("a digest");
  const signature = signDigest(digested, "the subject");
  const made = (name, desc, changed, signer = null) =>
    [name, { desc, error: signer ? "Valid" : "BadSignature", digest: digested, signature: changed, address: signer }];
  const other = withV(signature, signature.endsWith("1b") ? "1c" : "1b");
  const tampered = signature.slice(0, 10) + "77" + signature.slice(12);
  return [
    ...["the subject", "the controller", "a stranger", "a delegate"].map((name, i) => made(`key-${i + 1}`, "A plain signature.", signDigest(digested, name), address(name))),
    ...[ZERO, "0x" + "ff".repeat(32)].map((edge, i) => [`digest-edge-${i + 1}`, {
      desc: "A plain signature of the smallest and of the largest digest.", error: "Valid", digest: edge, signature: signDigest(edge, "the subject"), address: SUBJECT,
    }]),
    made("other-parity", "The other parity gives another key's address.", other, ethers.recoverAddress(digested, other)),
    made("high-s", "s in the upper half.", highS(signature)),
    made("64-bytes", "The compact form of EIP-2098.", compact(signature)),
    made("64-bytes-without-v", "r and s alone.", signature.slice(0, -2)),
    made("66-bytes", "A byte too many.", signature + "1b"),
    made("v-0", "v is 0.", withV(signature, "00")),
    made("v-1", "v is 1.", withV(signature, "01")),
    made("v-26", "v is 26.", withV(signature, "1a")),
    made("v-29", "v is 29.", withV(signature, "1d")),
    made("v-37", "v after EIP-155.", withV(signature, "25")),
    made("empty", "No bytes.", "0x"),
    made("zero", "65 bytes of zero.", "0x" + "00".repeat(65)),
    made("r-zero", "r is zero.", "0x" + "00".repeat(32) + signature.slice(66)),
    made("s-zero", "s is zero.", signature.slice(0, 66) + "00".repeat(32) + signature.slice(-2)),
    made("r-order", "r is the order of the curve.", "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141" + signature.slice(66)),
    made("r-largest", "r is over the order.", "0x" + "ff".repeat(32) + signature.slice(66)),
    made("r-not-on-the-curve", "No point of the curve has this r.", "0x" + "05".padStart(64, "0") + signature.slice(66)),
    made("tampered", "A byte of r was changed: another key's address, or none's.", tampered, recoverOrNull(digested, tampered)),
  ];
}

function recoverOrNull(digested, signature) {
  try {
    return ethers.recoverAddress(digested, signature);
  } catch {
    return null;
  }
}

export function commitmentCases() {
  const made = (name, desc, digested, signature) => [name, {
    desc, error: "Valid", digest: digested, signature,
    signatureHash: keccak256(signature),
    commitment: commitment(digested, signature),
    leaf: keccak256(commitment(digested, signature)),
  }];
  const digested = word("a digest");
  return [
    made("key", "A key's signature of 65 bytes.", digested, signDigest(digested, "the subject")),
    made("high-s", "Other bytes of the same key are another commitment.", digested, highS(signDigest(digested, "the subject"))),
    made("one-byte", "The shortest signature.", digested, "0x00"),
    made("contract", "A contract's signature of 200 bytes.", digested, "0x" + "a7".repeat(200)),
    made("zero-digest", "The digest zero.", ZERO, "0x" + "00".repeat(65)),
  ];
}

export function merkleCases() {
  const sizes = [1, 2, 3, 4, 5, 8, 1000];
  return sizes.map((size) => {
    const values = strangers(size, `batch of ${size}`);
    const tree = treeOf(values);
    const commitments = values.map((value) => keccak256(encode(["bytes32", "bytes32"], value)));
    const proven = [...new Set(size > 8 ? [0, 1, 2, 499, 500, 998, 999] : values.keys())];
    return [`batch-of-${size}`, {
      desc: `A batch of ${size}: digests with the hashes of their signatures, in the order of arrival.`,
      error: "Valid",
      values,
      root: tree.root,
      manifestDigest: sha256(ethers.getBytes(ethers.concat([...commitments].sort()))),
      proofs: proven.map((index) => ({ index, commitment: commitments[index], leaf: hash(["bytes32"], [commitments[index]]), proof: tree.getProof(index) })),
    }];
  });
}

export function lockCases() {
  const made = (name, desc, seed, salt, subject) => {
    const secret = secretOf(seed, salt);
    const [lock, tag] = [lockOf(secret), tagOf(subject, salt)];
    return [name, { desc, error: "Valid", seed, salt, subject, secret, lock, saltHash: saltHashOf(salt), tag, handle: handleOf(lock, tag) }];
  };
  const [seed, salt] = [word("a seed"), word("a salt")];
  return [
    made("usual", "A vault's seed and a grant's salt.", seed, salt, SUBJECT),
    made("other-salt", "Another grant of the same vault.", seed, word("another salt"), SUBJECT),
    made("other-seed", "Another vault with the same salt.", word("another seed"), salt, SUBJECT),
    made("other-subject", "The same lock, tied to another subject: another handle.", seed, salt, address("a stranger")),
    made("zero", "Seed and salt are zero.", ZERO, ZERO, ethers.getAddress("0x" + "00".repeat(19) + "01")),
    made("largest", "Seed, salt and subject have every bit set.", "0x" + "ff".repeat(32), "0x" + "ff".repeat(32), ethers.getAddress("0x" + "ff".repeat(20))),
  ];
}

export function accountCases() {
  const made = (name, desc, seed, of, generation) => {
    const words = ethers.Mnemonic.fromEntropy(seed);
    const number = accountNumber(seed, of.controller ?? of.salt, generation);
    const wallet = ethers.HDNodeWallet.fromMnemonic(words, `m/44'/60'/${number}'/0/0`);
    return [name, { desc, error: "Valid", seed, ...of, generation, number, address: wallet.address }];
  };
  const [seed, salt, controller] = [word("a seed"), word("a salt"), address("the controller")];
  const full = "0x" + "ff".repeat(32);
  return [
    made("usual", "The first account for a controller.", seed, { controller }, 0),
    made("retired-once", "The account after that one was retired.", seed, { controller }, 1),
    made("retired-often", "A generation of two bytes: the four are big-endian.", seed, { controller }, 0x0102),
    made("other-controller", "The same seed for another controller.", seed, { controller: address("a stranger") }, 0),
    made("other-seed", "Another seed for the same controller.", word("another seed"), { controller }, 0),
    made("salt", "The account for one Intent or Mandate, by its salt.", seed, { salt }, 0),
    made("salt-retired-once", "The account after that one was retired.", seed, { salt }, 1),
    made("salt-like-a-controller", "A salt that ends in a controller's bytes: another account.", seed, { salt: ethers.zeroPadValue(controller, 32) }, 0),
    made("zero", "Seed and controller are zero.", ZERO, { controller: ethers.ZeroAddress }, 0),
    made("largest", "Every bit of seed, salt and generation is set.", full, { salt: full }, 0xffffffff),
  ];
}
