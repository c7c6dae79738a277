// Evidence cases of the proofs in steps 1 to 4: domain, signature, contract wallets, inclusion, anchor.
import { CHAIN_ID, DOMAIN, ZERO, address, commitment, ethers, hash, keccak256, signDigest, strangers, word } from "./base.mjs";
import { SUBJECT, evidenceCase, makeAnchor, makeEvidence } from "./world.mjs";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const WALLET = address("a contract wallet");

const part = (signature, from, to) => BigInt(ethers.dataSlice(signature, from, to));
const hex32 = (value) => ethers.zeroPadValue(ethers.toBeHex(value), 32).slice(2);

/** Returns the other signature of the same key and digest (high s), which EIP-2 forbids. */
export const highS = (signature) =>
  signature.slice(0, 66) + hex32(ORDER - part(signature, 32, 64)) + (signature.endsWith("1b") ? "1c" : "1b");
/** Returns the compact signature of 64 bytes (EIP-2098): the highest bit of s is the parity. */
export const compact = (signature) => ethers.Signature.from(signature).compactSerialized;
export const withV = (signature, v) => signature.slice(0, -2) + v;

function domainCases() {
  const wrong = (name, desc, change) =>
    evidenceCase(name, desc, "WrongDomain", { domain: { ...DOMAIN, ...change }, onChain: "BadSignature" });
  return [
    wrong("domain-other-chain", "A grant for another chain.", { chainId: 1 }),
    wrong("domain-other-registry", "A grant for another registry.", { verifyingContract: address("another registry") }),
    wrong("domain-other-name", "A domain of another name.", { name: "ConsentRegistry2" }),
    wrong("domain-other-version", "A domain of another version.", { version: "2" }),
    wrong("domain-empty-name", "A domain with an empty name.", { name: "" }),
    evidenceCase("domain-relabelled", "Signed for another chain, then relabelled for this one.", "BadSignature", {
      domain: { ...DOMAIN, chainId: 1 },
      sealed: (e) => (e.statement.domain.chainId = CHAIN_ID),
    }),
    evidenceCase("domain-other-chain-asked", "A policy for another chain, with facts of that chain; the contract answers for its own.", "WrongDomain", {
      policy: { chainId: 1 }, facts: { chainId: 1 }, onChain: "Valid",
    }),
  ];
}

function signatureCases() {
  const bad = (name, desc, signature, more = {}) => evidenceCase(name, desc, "BadSignature", { signature, ...more });
  const changed = (name, desc, change) => evidenceCase(name, desc, "BadSignature", { sealed: (e) => change(e.statement.message) });
  return [
    bad("signature-high-s", "The same signature with s in the upper half.", highS),
    bad("signature-64-bytes", "The compact form of EIP-2098.", compact),
    bad("signature-66-bytes", "A byte too many.", (signature) => signature + "00"),
    bad("signature-v-0-or-1", "The parity as 0 or 1 instead of 27 or 28.", (signature) => withV(signature, signature.endsWith("1b") ? "00" : "01")),
    bad("signature-v-other", "The other parity: another key's signature, or none's.", (signature) => withV(signature, signature.endsWith("1b") ? "1c" : "1b")),
    bad("signature-v-29", "A parity that does not exist.", (signature) => withV(signature, "1d")),
    bad("signature-zero", "65 bytes of zero.", () => "0x" + "00".repeat(65)),
    bad("signature-r-zero", "r is zero.", (signature) => "0x" + "00".repeat(32) + signature.slice(66)),
    bad("signature-s-zero", "s is zero.", (signature) => signature.slice(0, 66) + "00".repeat(32) + signature.slice(-2)),
    bad("signature-1-byte", "The shortest that is read at all.", () => "0x1b"),
    evidenceCase("signature-empty", "No signature.", "Malformed", { signature: () => "0x" }),
    bad("signature-8192-bytes", "The longest that is read; no key made it and no contract takes it.", () => "0x" + "ab".repeat(8192), {
      fill: { "@signature@": ["ab", 8192] },
    }),
    evidenceCase("signature-over-8192-bytes", "One byte longer, although the subject's contract would take it.", "Malformed", {
      message: { subject: WALLET }, facts: { contracts: { [WALLET]: true } },
      signature: () => "0x" + "ab".repeat(8193), fill: { "@signature@": ["ab", 8193] },
    }),
    evidenceCase("signer-other-key", "Signed by somebody else's key.", "BadSignature", { signer: "a stranger" }),
    evidenceCase("signer-controller", "Signed by the controller itself.", "BadSignature", { signer: "the controller" }),
    evidenceCase("signature-personal-message", "The digest was signed as a personal message (EIP-191).", "BadSignature", {
      signature: (_, digested) => signDigest(ethers.hashMessage(ethers.getBytes(digested)), "the subject"),
    }),
    changed("changed-purpose-added", "A purpose was added after signing.", (m) => m.purposes.push("dpv:ServiceProvision")),
    changed("changed-purposes-and-data", "Purposes and data changed places after signing.", (m) => ([m.purposes, m.data] = [m.data, m.purposes])),
    changed("changed-controller", "Another controller was put in after signing.", (m) => (m.controller = address("another brand"))),
    changed("changed-subject", "Another subject was put in after signing.", (m) => (m.subject = address("a stranger"))),
    changed("changed-expires-at", "A day was added after signing.", (m) => (m.expiresAt += 86_400)),
    changed("changed-revocation", "Another lock was put in after signing, so that revoking the true one would not count.", (m) => (m.revocation = word("a lock"))),
    changed("changed-statement", "The sentence was changed after signing.", (m) => (m.statement = m.statement.replace("email address", "name"))),
  ];
}

function contractCases() {
  const wallet = (name, desc, error, answer, more = {}) => evidenceCase(name, desc, error, {
    message: { subject: WALLET }, signer: "a device of the wallet", facts: { contracts: { [WALLET]: answer } }, ...more,
  });
  return [
    wallet("erc1271-yes", "The subject is a contract that accepts the signature (ERC-1271).", "Valid", true),
    wallet("erc1271-no", "The subject is a contract that refuses the signature.", "BadSignature", false),
    wallet("erc1271-not-read", "Nobody asked the subject's contract: could not check.", "LedgerUnavailable", null, { onChain: "BadSignature" }),
    wallet("erc1271-64-bytes", "A contract may accept what no key's signature looks like.", "Valid", true, { signature: compact }),
    wallet("erc1271-1-byte", "A contract may accept a single byte.", "Valid", true, { signature: () => "0x01" }),
    wallet("erc1271-8192-bytes", "A contract may accept the longest signature.", "Valid", true, {
      signature: () => "0x" + "cd".repeat(8192), fill: { "@signature@": ["cd", 8192] },
    }),
    evidenceCase("erc1271-high-s-accepted", "An upper s is not plain, but the subject's own contract accepts it.", "Valid", {
      signature: highS, facts: { contracts: { [SUBJECT]: true } },
    }),
    evidenceCase("eip7702-own-key", "An account with code signs with its own key; its code would refuse.", "Valid", {
      facts: { contracts: { [SUBJECT]: false } },
    }),
    evidenceCase("eip7702-own-key-not-asked", "A plain signature needs no answer from the chain.", "Valid", {
      facts: { contracts: { [SUBJECT]: null } },
    }),
  ];
}

function inclusionCases() {
  const sealed = (name, desc, change) => evidenceCase(name, desc, "NotIncluded", { sealed: change });
  const anchored = (name, desc, anchor) => evidenceCase(name, desc, "NotIncluded", { anchor });
  const place = (root, proof = []) => ({ root, proof, transaction: word("transaction"), block: 17 });
  const pair = (a, b) => keccak256(ethers.concat(BigInt(a) < BigInt(b) ? [a, b] : [b, a]));
  const another = makeEvidence("Grant", { label: "another grant", others: 6 }).evidence;
  return [
    sealed("proof-of-another-batch", "The proof of a grant in another batch; the root is this one's.", (e) => (e.anchor.proof = another.anchor.proof)),
    sealed("anchor-of-another-batch", "Root and proof of another batch.", (e) => (e.anchor = another.anchor)),
    sealed("proof-element-missing", "The last element is missing.", (e) => e.anchor.proof.pop()),
    sealed("proof-element-added", "An element too many.", (e) => e.anchor.proof.push(word("sibling"))),
    sealed("proof-reversed", "The elements in the reverse order.", (e) => e.anchor.proof.reverse()),
    sealed("proof-emptied", "No proof, although the batch had four.", (e) => (e.anchor.proof = [])),
    sealed("proof-one-bit", "One digit of the proof differs.", (e) => (e.anchor.proof[0] = e.anchor.proof[0].replace(/.$/, (c) => (c === "0" ? "1" : "0")))),
    sealed("proof-of-15", "The longest proof that is read, of no batch.", (e) => (e.anchor.proof = strangers(15).map(([digest]) => digest))),
    sealed("root-zero", "The root is zero, which no batch has.", (e) => (e.anchor.root = ZERO)),
    anchored("inner-node-as-leaf", "The commitment itself was anchored: an inner node over digest and hash passed off as a leaf.", (d, s) =>
      place(commitment(d, s))),
    anchored("inner-node-as-leaf-sorted", "The same with the pair in sorted order, as trees hash it.", (d, s) => place(pair(d, keccak256(s)))),
    anchored("inner-node-beside-leaf", "The commitment stands in the tree where a leaf should be.", (d, s) => {
      const sibling = word("sibling");
      return place(pair(commitment(d, s), sibling), [sibling]);
    }),
    anchored("anchored-before-signed", "Only the digest was anchored, with an empty signature: it existed before it was signed.", (d) => makeAnchor(d, "0x")),
    anchored("anchored-digest-alone", "The leaf was made from the digest alone.", (d) => place(keccak256(hash(["bytes32"], [d])))),
    anchored("anchored-other-signature", "The commitment is over another signature of the same statement.", (d, s) => makeAnchor(d, highS(s))),
  ];
}

function anchorCases() {
  return [
    evidenceCase("root-never-anchored", "Nobody anchored the root.", "NotAnchored", { facts: { anchoredAt: 0 } }),
    evidenceCase("confirmations-enough", "Twelve confirmations asked, and read that deep.", "Valid", { policy: { confirmations: 12 }, facts: { depth: 12 } }),
    evidenceCase("confirmations-too-few", "Anchored, but not twelve blocks ago: read that deep it is not there.", "NotAnchored", {
      policy: { confirmations: 12 }, facts: { depth: 12, anchoredAt: 0 },
    }),
    evidenceCase("depth-too-small", "Twelve confirmations asked, the facts were read eleven deep: could not check.", "LedgerUnavailable", {
      policy: { confirmations: 12 }, facts: { depth: 11 }, onChain: "Valid",
    }),
    evidenceCase("facts-of-another-chain", "The facts were read from another chain: could not check.", "LedgerUnavailable", {
      facts: { chainId: 1 }, onChain: "Valid",
    }),
  ];
}

export function provingCases() {
  return [...domainCases(), ...signatureCases(), ...contractCases(), ...inclusionCases(), ...anchorCases()];
}
