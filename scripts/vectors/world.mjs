// One valid grant. Each evidence case changes one thing about it.
import {
  CHAIN_ID, DAY, DOMAIN, NOW, REGISTRY, ZERO,
  address, canonical, copy, digest, handleOf, keccak256, lockOf, secretOf, sha256, signDigest, strangers, tagOf, treeOf,
  utf8, word,
} from "./base.mjs";

export const SUBJECT = address("the subject");
export const CONTROLLER = address("the controller");
export const DELEGATE = address("a delegate");
export const NOBODY = "0x" + "00".repeat(20);
const SEED = word("vault seed");

const ENGLISH = {
  Grant: "I allow {controller} to use my {data} for {purposes}, until {expires}. I can stop at any time.",
  Refusal: "I do not allow {controller} to use my data for {purposes}.",
  labels: {
    "dpv:Marketing": "marketing",
    "dpv:Personalisation": "personalising its offers",
    "dpv:ServiceProvision": "providing its services",
    "pd:EmailAddress": "email address",
    "pd:Purchase": "purchases",
  },
  and: "and",
  retention: "Two years after the last purchase.",
  recipients: "Nobody else.",
  transfers: "None outside the European Union.",
  rights: "Access, rectification, erasure, objection, portability, complaint.",
  withdrawal: "At any time, in your wallet.",
  trace: "A pseudonymous hash stays on the chain for ever.",
};
const FRENCH = {
  Grant: "J’autorise {controller} à utiliser mes données ({data}) pour {purposes}, jusqu’au {expires}. Je peux cesser quand je veux.",
  Refusal: "Je n’autorise pas {controller} à utiliser mes données pour {purposes}.",
  labels: {
    "dpv:Marketing": "le démarchage",
    "dpv:Personalisation": "personnaliser ses offres",
    "dpv:ServiceProvision": "fournir ses services",
    "pd:EmailAddress": "adresse électronique",
    "pd:Purchase": "achats",
  },
  and: "et",
  retention: "Deux ans après le dernier achat.",
  recipients: "Personne d’autre.",
  transfers: "Aucun hors de l’Union européenne.",
  rights: "Accès, rectification, effacement, opposition, portabilité, réclamation.",
  withdrawal: "À tout moment, dans votre portefeuille.",
  trace: "Une empreinte pseudonyme reste pour toujours sur la chaîne.",
};

/** Returns a valid notice; `change` may alter it first. */
export function noticeDocument(change = () => {}) {
  const document = copy({
    schema: "consent-notice/1",
    controller: {
      name: "Maison Aurelle",
      account: CONTROLLER,
      recipient: "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
      domain: "aurelle.example",
      contact: "privacy@aurelle.example",
    },
    scopes: [
      { purposes: ["dpv:Personalisation", "dpv:ServiceProvision"], data: ["pd:EmailAddress", "pd:Purchase"], processing: ["dpv:Collect", "dpv:Use"] },
      { purposes: ["dpv:Marketing"], data: ["pd:EmailAddress"], processing: ["dpv:Use"] },
    ],
    terms: "ieee-7012:SD-BASE",
    maxDays: 365,
    more: {},
    text: { en: ENGLISH, fr: FRENCH },
  });
  change(document);
  return document;
}

/** Returns the notice of the delegate, a fiduciary; `change` may alter it first. */
export function fiduciaryNotice(change = () => {}) {
  return noticeDocument((n) => {
    Object.assign(n.controller, { name: "Good Steward", account: DELEGATE, domain: "steward.example", contact: "hello@steward.example" });
    const more = {
      en: { Mandate: "I let {delegate} sign for me ({powers}): {purposes}, with my {data}, for {controllers}, until {expires}.", powers: ["permissions", "refusals"], any: "any brand" },
      fr: { Mandate: "Je laisse {delegate} signer pour moi ({powers}) : {purposes}, avec {data}, pour {controllers}, jusqu’au {expires}.", powers: ["autorisations", "refus"], any: "toute marque" },
    };
    for (const [language, { Mandate, powers: [Grant, Refusal], any }] of Object.entries(more)) {
      const text = n.text[language];
      delete text.Grant;
      delete text.Refusal;
      text.Mandate = Mandate;
      Object.assign(text.labels, { "power:Grant": Grant, "power:Refusal": Refusal, "controller:any": any });
    }
    change(n);
  });
}

const day = (time) => new Date(time * 1000).toISOString().slice(0, 10);

function join(labels, and) {
  return labels.length === 1 ? labels[0] : `${labels.slice(0, -1).join(", ")} ${and} ${labels.at(-1)}`;
}

/** Returns the sentence that the wallet shows. */
export function render(document, language, type, message) {
  const { [type]: template, labels, and } = document.text[language];
  const list = (terms) => join(terms.map((term) => labels[term]), and);
  const whom = (controllers) => (controllers[0] === NOBODY ? labels["controller:any"] : join(controllers, and));
  const values = {
    "{controller}": () => `${document.controller.name} (${document.controller.domain})`,
    "{purposes}": () => list(message.purposes),
    "{data}": () => list(message.data),
    "{delegate}": () => `${document.controller.name} (${document.controller.domain})`,
    "{powers}": () => list(message.powers.map((power) => `power:${power}`)),
    "{controllers}": () => whom(message.controllers),
    "{expires}": () => day(Number(message.expiresAt)),
  };
  return template.split(/(\{[a-z]+\})/).map((piece) => values[piece]?.() ?? piece).join("");
}

const MAKERS = {
  Grant: (notice, label) => ({
    statement: "",
    subject: SUBJECT,
    controller: CONTROLLER,
    request: ZERO,
    purposes: ["dpv:Personalisation"],
    data: ["pd:EmailAddress", "pd:Purchase"],
    terms: "ieee-7012:SD-BASE",
    notice,
    content: ZERO,
    supersedes: ZERO,
    issuedAt: NOW - 1000,
    notBefore: NOW - 1000,
    expiresAt: NOW + 30 * DAY,
    revocation: lockOf(secretOf(SEED, word(`salt of ${label}`))),
    salt: word(`salt of ${label}`),
  }),
  Request: (notice, label) => ({
    controller: CONTROLLER,
    notice,
    purposes: ["dpv:Personalisation"],
    data: ["pd:EmailAddress", "pd:Purchase"],
    terms: "ieee-7012:SD-BASE",
    issuedAt: NOW - 2000,
    expiresAt: NOW + DAY,
    salt: word(`salt of ${label}`),
  }),
  Refusal: (notice, label) => ({
    statement: "",
    subject: SUBJECT,
    controller: CONTROLLER,
    request: ZERO,
    purposes: ["dpv:Marketing", "dpv:Personalisation"],
    notice,
    issuedAt: NOW - 1000,
    salt: word(`salt of ${label}`),
  }),
  Mandate: (notice, label) => ({
    statement: "",
    subject: SUBJECT,
    delegate: DELEGATE,
    powers: ["Grant", "Refusal"],
    purposes: ["dpv:Marketing", "dpv:Personalisation"],
    data: ["pd:EmailAddress"],
    controllers: [CONTROLLER],
    notice,
    details: word("details of a mandate"),
    issuedAt: NOW - 9000,
    notBefore: NOW - 9000,
    expiresAt: NOW + 60 * DAY,
    revocation: lockOf(secretOf(SEED, word(`salt of ${label}`))),
    salt: word(`salt of ${label}`),
  }),
  Acceptance: (_, label) => ({ grant: ZERO, controller: CONTROLLER, issuedAt: NOW - 400, salt: word(`salt of ${label}`) }),
  Acknowledgement: (_, label) => ({ grant: ZERO, controller: CONTROLLER, issuedAt: NOW - 300, salt: word(`salt of ${label}`) }),
  UseLog: (_, label) => ({ controller: CONTROLLER, root: word("root of a use log"), size: 12345, issuedAt: NOW - 600, salt: word(`salt of ${label}`) }),
};

/** Returns a valid message of this type with `changes`. Its sentence is rendered unless `changes` contains one. */
export function makeMessage(type, document, noticeText, { message: changes = {}, language = "en", label = type } = {}) {
  const message = { ...MAKERS[type](sha256(utf8(noticeText)), label), ...changes };
  if (message.statement === "" && !("statement" in changes)) message.statement = render(document, language, type, message);
  return message;
}

/** Returns the anchor of [digest, keccak256(signature)] in a batch with `others` other statements. */
export function makeAnchor(digested, signature, others = 3) {
  const tree = treeOf([...strangers(others), [digested, keccak256(signature)]]);
  return { root: tree.root, proof: tree.getProof(others), transaction: word("transaction"), block: 17 };
}

const SIGNERS = { Mandate: "the subject", Grant: "the subject", Refusal: "the subject", Request: "the controller", Acceptance: "the controller", Acknowledgement: "the controller", UseLog: "the controller" };

function sign(type, message, { signer = SIGNERS[type], domain = DOMAIN, signature: change = (same) => same }) {
  const digested = digest(domain, type, message);
  return { digested, signature: change(signDigest(digested, signer), digested) };
}

/**
 * Returns evidence as an object. Options, in the order of their effect: `notice` changes the document, `noticeText`
 * replaces its text; `message`, `language` and `label` make the message; `signer`, `domain` and `signature` sign it;
 * `others` or `anchor` place it in a batch; `mandate` and `acceptance` (options again) attach one.
 */
export function makeEvidence(type, options = {}) {
  const document = (type === "Mandate" ? fiduciaryNotice : noticeDocument)(options.notice);
  const notice = options.noticeText ?? canonical(document);
  const message = makeMessage(type, document, notice, options);
  const { digested, signature } = sign(type, message, options);
  const evidence = { type: "ConsentEvidence", version: 1, signature };
  evidence.statement = { primaryType: type, domain: { ...(options.domain ?? DOMAIN) }, message };
  if (type !== "Request") {
    evidence.anchor = options.anchor?.(digested, signature) ?? makeAnchor(digested, signature, options.others);
  }
  if (["Grant", "Refusal", "Request", "Mandate"].includes(type)) evidence.notice = notice;
  if (options.mandate) evidence.mandate = mandateOf(options.mandate);
  if (options.acceptance) evidence.acceptance = attached(digested, options.acceptance);
  return { evidence, digested };
}

function mandateOf(options) {
  const { evidence } = makeEvidence("Mandate", { label: "a mandate", ...options });
  return { statement: evidence.statement, signature: evidence.signature, anchor: evidence.anchor, notice: evidence.notice };
}

function attached(grant, options) {
  const { evidence } = makeEvidence("Acceptance", { ...options, message: { grant, ...options.message } });
  return { statement: evidence.statement, signature: evidence.signature, anchor: evidence.anchor };
}

function policyOf(changes) {
  return {
    chainId: CHAIN_ID, registry: REGISTRY, controllers: [CONTROLLER], purposes: ["dpv:Personalisation"], data: ["pd:Purchase"],
    terms: null, accepted: false, confirmations: 0, maxBackdate: null, maxFactsAge: null, ...changes,
  };
}

/** `contracts`: each contract's answer to ERC-1271, null if nobody asked. Other addresses have no code. */
function factsOf(now, changes) {
  return {
    chainId: CHAIN_ID, blockNumber: 42, blockTime: now - 5, clock: now, depth: 0, asOf: null,
    anchoredAt: NOW - 500, revokedAt: 0, cutoff: 0, acceptance: { anchoredAt: NOW - 300 }, contracts: {}, ...changes,
    mandate: changes?.mandate && { anchoredAt: NOW - 8000, ...changes.mandate },
  };
}

/**
 * Returns one evidence case. Options beside those of `makeEvidence`: `sealed` alters the finished object, `raw` its text;
 * `fill` ({mark: [text, times]}) keeps long runs out of the file; `policy`, `facts`, `now`; `onChain` if the contract's
 * answer differs; `restores` if rewriting the JSON makes it valid; `reported` is the report on an attached acceptance;
 * `given` is the grant beside an acceptance.
 */
export function evidenceCase(name, desc, error, options = {}) {
  const { evidence, digested } = makeEvidence(options.type ?? "Grant", { label: name, ...options });
  options.sealed?.(evidence);
  const text = (options.raw ?? ((same) => same))(canonical(evidence));
  const now = options.now ?? NOW;
  const vector = { desc, error, onChain: options.onChain, evidence: shorten(text, options.fill), fill: options.fill };
  if (options.restores) vector.restores = true;
  if (options.given) vector.grant = canonical(options.given);
  const facts = options.mandate ? { mandate: {}, ...options.facts } : options.facts;
  Object.assign(vector, { policy: policyOf(options.policy), facts: factsOf(now, facts), now });
  if (error === "Valid") Object.assign(vector, outcome(evidence, digested, options));
  return [name, vector];
}

function outcome({ statement: { message } }, digested, { reported }) {
  const handle = message.revocation && handleOf(message.revocation, tagOf(message.subject, message.salt));
  return { digest: digested, handle, reported };
}

/** Replaces each long run of `fill` by its mark. */
export function shorten(text, fill = {}) {
  return Object.entries(fill).reduce((short, [mark, [unit, times]]) => {
    const run = unit.repeat(times);
    if (short.includes(mark) || !short.includes(run)) throw new Error(`the mark ${mark} does not fit the text`);
    return short.replace(run, () => mark);
  }, text);
}
