// Reads {count, types: {primaryType: [{name, type}]}}; writes that many random statements, each signed by ethers.
// The randomness is a hash of a counter: the same statements every time.
import { ethers, readInput, withoutDomainType } from "./packages.mjs";

const { count, types: known } = readInput();
const kinds = Object.keys(known);
const LETTERS = [..."abc 123 {}\"\\/é日🦊\u0000\u202e\n'"];
let counter = 0;

const word = () => ethers.id(`random ${counter++}`);
const below = (limit) => Number(ethers.toBigInt(word()) % BigInt(limit));
const pick = (list) => list[below(list.length)];
const many = (make, most) => Array.from({ length: 1 + below(most) }, make);
const terms = (prefix) => [...new Set(many(() => `${prefix}:T${below(50)}`, 6))].sort();

const DOMAIN_TYPE = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];
const MAKERS = {
  bytes32: word,
  address: () => ethers.computeAddress(word()),
  string: () => many(() => pick(LETTERS), 40).join(""),
  uint64: () => below(2 ** 52),
};

const POWERS = ["Bids", "Deal", "Grant", "Intent", "Offer", "Refusal"];
const controllers = () => many(() => MAKERS.address(), 4).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));

function makeMessage(fields) {
  const message = Object.fromEntries(fields.map(({ name, type }) => [name, MAKERS[type]?.()]));
  if ("purposes" in message) message.purposes = terms("dpv");
  if ("data" in message) message.data = terms("pd");
  if ("powers" in message) message.powers = [...new Set(many(() => pick(POWERS), 4))].sort();
  if ("controllers" in message) message.controllers = controllers();
  if ("terms" in message) message.terms = `ieee-7012:T${below(50)}`;
  if ("notBefore" in message) message.notBefore = message.issuedAt + below(1000);
  if ("expiresAt" in message) message.expiresAt = message.issuedAt + 1000 + below(10 ** 8);
  return message;
}

function makeStatement() {
  const primaryType = pick(kinds);
  const types = { EIP712Domain: DOMAIN_TYPE, [primaryType]: known[primaryType] };
  const domain = { name: "ConsentRegistry", version: "1", chainId: below(2 ** 52), verifyingContract: MAKERS.address() };
  return { types, primaryType, domain, message: makeMessage(known[primaryType]) };
}

async function signed(typedData) {
  const wallet = new ethers.Wallet(word());
  const { domain, types, message } = typedData;
  const signature = await wallet.signTypedData(domain, withoutDomainType(types), message);
  return { typedData, digest: ethers.TypedDataEncoder.hash(domain, withoutDomainType(types), message), signature, signer: wallet.address };
}

process.stdout.write(JSON.stringify(await Promise.all(Array.from({ length: count }, () => signed(makeStatement())))));
