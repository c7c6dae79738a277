// Evidence cases of mandates: one that stands for itself, and what a delegate signed under one (step 2).
import { DAY, DOMAIN, NOW, address, canonical, word } from "./base.mjs";
import { CONTROLLER, DELEGATE, NOBODY, SUBJECT, evidenceCase, fiduciaryNotice, makeEvidence } from "./world.mjs";

const BRAND = address("another brand");
const [LOW, HIGH] = [CONTROLLER, BRAND].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
const RETIRED = 2n ** 64n - 1n;
const ANCHORED = NOW - 500; // the act's
const CUT = { message: { data: ["pd:EmailAddress"] }, policy: { data: ["pd:EmailAddress"] }, signer: "a delegate" };

/** A grant by the delegate under a mandate; `mandate` has the options of that. */
function under(name, desc, error, { mandate = {}, message = {}, ...options } = {}) {
  const grant = { ...CUT, ...options, mandate, message: { ...CUT.message, ...message } };
  return evidenceCase(`under-mandate-${name}`, desc, error, { onChain: error === "BadSignature" ? undefined : "BadSignature", ...grant });
}

function coverCases() {
  const bad = (name, desc, options) => under(name, desc, "BadMandate", options);
  return [
    under("valid", "A delegate grants what its mandate covers.", "Valid"),
    under("valid-any-controller", "The mandate is for any brand.", "Valid", { mandate: { message: { controllers: [NOBODY] } } }),
    under("valid-two-controllers", "The mandate is for two brands, in the order of their bytes.", "Valid", { mandate: { message: { controllers: [LOW, HIGH] } } }),
    under("valid-second-language", "The person signed the mandate's French sentence.", "Valid", { mandate: { language: "fr" } }),
    evidenceCase("under-mandate-refusal-valid", "A delegate refuses in the person's name.", "Valid", {
      type: "Refusal", signer: "a delegate", mandate: {}, policy: { data: null },
    }),
    bad("power", "The mandate lets the delegate refuse only.", { mandate: { message: { powers: ["Refusal"] } } }),
    bad("purpose", "One purpose is not in the mandate.", { mandate: { message: { purposes: ["dpv:Marketing"] } } }),
    bad("datum", "One datum is not in the mandate.", { message: { data: ["pd:EmailAddress", "pd:Purchase"] } }),
    bad("controller", "The mandate is for another brand.", { mandate: { message: { controllers: [BRAND] } } }),
    bad("of-another-person", "Another person gave the mandate.", {
      mandate: { message: { subject: address("another person") }, signer: "another person" },
    }),
    evidenceCase("under-mandate-refusal-power", "The mandate lets the delegate grant only.", "BadMandate", {
      type: "Refusal", signer: "a delegate", mandate: { message: { powers: ["Grant"] } }, policy: { data: null },
    }),
  ];
}

function signerCases() {
  return [
    under("by-another", "Somebody else uses the mandate.", "BadSignature", { signer: "a stranger" }),
    under("by-the-subject", "Where a mandate stands beside it, the delegate's signature counts.", "BadSignature", { signer: "the subject", onChain: "Valid" }),
    under("missing", "Signed by the delegate, with no mandate beside it.", "BadSignature", { mandate: undefined, sealed: (e) => delete e.mandate }),
    under("signed-by-the-delegate", "The delegate gave the mandate to itself.", "BadMandate", { mandate: { signer: "a delegate" } }),
    under("signature-before-mandate", "Neither the signature nor the mandate is good: the signature is judged first.", "BadSignature", {
      signer: "a stranger", mandate: { message: { powers: ["Refusal"] } },
    }),
    under("other-domain", "The domain is judged before the mandate.", "WrongDomain", { domain: { ...DOMAIN, chainId: 1 }, mandate: { domain: { ...DOMAIN, chainId: 1 }, message: { powers: ["Refusal"] } } }),
    under("erc1271-delegate", "The delegate is a contract that accepts the signature.", "Valid", { signer: "a device", facts: { contracts: { [DELEGATE]: true } } }),
    under("erc1271-subject", "The person's account is a contract that accepts the mandate's signature.", "Valid", {
      mandate: { signer: "a device" }, facts: { contracts: { [SUBJECT]: true } }, onChain: undefined,
    }),
    under("erc1271-not-read", "Nobody asked the person's contract: could not check.", "LedgerUnavailable", {
      mandate: { signer: "a device" }, facts: { contracts: { [SUBJECT]: null } },
    }),
  ];
}

function timeCases() {
  const at = (name, desc, error, mandate, facts = {}, more = {}) => under(name, desc, error, { mandate: { message: mandate }, facts, ...more });
  return [
    at("not-anchored", "The mandate was never anchored.", "BadMandate", {}, { mandate: { anchoredAt: 0 } }),
    at("anchored-after", "The mandate was anchored a second after the grant.", "BadMandate", {}, { mandate: { anchoredAt: ANCHORED + 1 } }),
    at("anchored-with", "The mandate was anchored in the second of the grant.", "Valid", {}, { mandate: { anchoredAt: ANCHORED } }),
    at("post-dated", "The mandate is dated 901 seconds after its anchor.", "BadMandate", { issuedAt: NOW - 7099, notBefore: NOW - 7099 }),
    at("not-yet", "The mandate begins a second after the grant's anchor.", "BadMandate", { notBefore: ANCHORED + 1 }),
    at("first-second", "The mandate begins in the second of the grant's anchor.", "Valid", { notBefore: ANCHORED }),
    at("last-second", "The mandate ends a second after the grant's anchor, and the grant holds on.", "Valid", { expiresAt: ANCHORED + 1 }),
    at("expired", "The mandate ends in the second of the grant's anchor.", "BadMandate", { expiresAt: ANCHORED }),
    at("ended-before", "The person ended the mandate a second before the grant's anchor.", "BadMandate", {}, { mandate: { revokedAt: ANCHORED - 1 } }),
    at("ended-with", "The person ended the mandate in the second of the grant's anchor.", "BadMandate", {}, { mandate: { revokedAt: ANCHORED } }),
    at("ended-after", "The person ended the mandate later: what was done before holds.", "Valid", {}, { mandate: { revokedAt: ANCHORED + 1 } }),
    at("kill-switch-before", "The person ended everything before the grant's date.", "BadMandate", {}, { cutoff: NOW - 2000, mandate: { cutoff: NOW - 2000 } }),
    at("kill-switch-older", "The person ended everything before the mandate's date.", "Valid", {}, { cutoff: NOW - 9001, mandate: { cutoff: NOW - 9001 } }),
    at("kill-switch-after", "The person ended everything after the grant's anchor: the grant ended too.", "Revoked", {}, { cutoff: NOW - 10, mandate: { cutoff: NOW - 10 } }),
    at("retired", "The person gave up the address.", "Revoked", {}, { cutoff: RETIRED, mandate: { cutoff: RETIRED } }),
    at("signer-cutoff", "The delegate ended everything that it had signed by the grant's date.", "Revoked", {}, { signer: { cutoff: NOW - 1000 } }),
    at("signer-cutoff-older", "The delegate ended everything before the grant's date.", "Valid", {}, { signer: { cutoff: NOW - 1001 } }),
    at("signer-retired", "The delegate gave up its address.", "Revoked", {}, { signer: { cutoff: RETIRED } }),
    at("grant-revoked", "The grant was revoked; the mandate stands.", "Revoked", {}, { revokedAt: NOW - 3 }),
    at("grant-not-anchored", "A grant without an anchor has no time to judge its mandate at.", "NotAnchored", { expiresAt: NOW - 8999 }, { anchoredAt: 0 }),
    evidenceCase("under-mandate-refusal-kill-switch-after", "A refusal outlives a later kill-switch, delegated or not.", "Valid", {
      type: "Refusal", signer: "a delegate", mandate: {}, policy: { data: null }, facts: { cutoff: NOW - 10, mandate: { cutoff: NOW - 10 } },
    }),
    evidenceCase("under-mandate-refusal-signer-retired", "The delegate who refused gave up its address.", "Revoked", {
      type: "Refusal", signer: "a delegate", mandate: {}, policy: { data: null }, facts: { signer: { cutoff: RETIRED } },
    }),
  ];
}

function partCases() {
  const bad = (name, desc, mandate, more = {}) => under(name, desc, "BadMandate", { mandate, ...more });
  const malformed = (name, desc, sealed, more = {}) => under(name, desc, "Malformed", { sealed, ...more });
  return [
    bad("not-included", "The mandate's proof belongs to another batch.", { anchor: () => makeEvidence("Grant").evidence.anchor }),
    bad("notice-of-another", "The mandate's notice names another fiduciary.", { notice: (n) => (n.controller.account = BRAND) }),
    bad("sentence", "The mandate's sentence is not its notice's.", { message: { statement: "Do what you like." } }),
    bad("longer-than-notice", "The mandate lasts longer than its notice allows.", { message: { expiresAt: NOW + 366 * DAY } }),
    bad("pair-outside", "The mandate's notice has a purpose and a datum in no scope together.", {
      message: { data: ["pd:EmailAddress", "pd:Purchase"] },
    }),
    malformed("other-domain-than-grant", "The mandate names another chain than the grant.", undefined, { mandate: { domain: { ...DOMAIN, chainId: 1 } } }),
    malformed("is-a-grant", "A grant in the place of the mandate.", (e) => (e.mandate.statement = e.statement)),
    malformed("without-anchor", "A mandate without its anchor.", (e) => delete e.mandate.anchor),
    malformed("without-notice", "A mandate without its notice.", (e) => delete e.mandate.notice),
    malformed("under-a-mandate", "A mandate under a mandate: nobody passes one on.", (e) => (e.mandate.mandate = { ...e.mandate })),
    malformed("with-details", "The details are never for a counterparty.", (e) => (e.mandate.details = "{}")),
    malformed("notice-malformed", "The mandate's notice is not canonical.", (e) => (e.mandate.notice += " ")),
    evidenceCase("acceptance-under-a-mandate", "A counter-signature is nobody's to delegate.", "Malformed", {
      type: "Acceptance", mandate: {}, policy: { purposes: null, data: null },
    }),
    evidenceCase("request-under-a-mandate", "A brand's request is nobody's to delegate.", "Malformed", { type: "Request", mandate: {} }),
  ];
}

function aloneCases() {
  const policy = { controllers: [DELEGATE], purposes: ["dpv:Marketing"], data: ["pd:EmailAddress"] };
  const alone = (name, desc, error, options = {}) => evidenceCase(`mandate-${name}`, desc, error, { type: "Mandate", policy, ...options });
  const fiduciary = (change) => canonical(fiduciaryNotice(change));
  return [
    alone("valid", "A mandate stands for itself; the policy's controllers are compared with the delegate.", "Valid"),
    alone("valid-any", "A mandate for any brand.", "Valid", { message: { controllers: [NOBODY] } }),
    alone("other-delegate", "A mandate of another fiduciary than the one that is asked about.", "WrongController", { policy: { ...policy, controllers: [BRAND] } }),
    alone("purpose", "A purpose that it does not list.", "PurposeNotGranted", { policy: { ...policy, purposes: ["dpv:ServiceProvision"] } }),
    alone("ended", "The person ended it.", "Revoked", { facts: { revokedAt: NOW - 1 } }),
    alone("cutoff", "The person ended everything.", "Revoked", { facts: { cutoff: NOW - 9000 } }),
    alone("not-yet", "It begins in a second.", "NotYetValid", { message: { notBefore: NOW + 1 } }),
    alone("expired", "It ends now.", "Expired", { message: { expiresAt: NOW } }),
    alone("by-the-delegate", "The delegate signed it.", "BadSignature", { signer: "a delegate" }),
    alone("not-anchored", "Never anchored.", "NotAnchored", { facts: { anchoredAt: 0 } }),
    alone("label-missing", "The notice has no label for a power.", "NoticeMismatch", {
      noticeText: fiduciary((n) => Object.values(n.text).forEach((text) => delete text.labels["power:Grant"])),
    }),
    alone("label-any-missing", "The notice has no label for any brand.", "NoticeMismatch", {
      message: { controllers: [NOBODY], statement: "I let anybody." },
      noticeText: fiduciary((n) => Object.values(n.text).forEach((text) => delete text.labels["controller:any"])),
    }),
    alone("powers-none", "It gives no power.", "Malformed", { message: { powers: [], statement: "" } }),
    alone("powers-unsorted", "Its powers in the wrong order.", "Malformed", { message: { powers: ["Refusal", "Grant"] } }),
    alone("powers-twice", "One power twice.", "Malformed", { message: { powers: ["Grant", "Grant"] } }),
    alone("powers-mandate", "No mandate under a mandate: it is no power.", "Malformed", { message: { powers: ["Grant", "Mandate"], statement: "" } }),
    alone("powers-unknown", "A power that there is not.", "Malformed", { message: { powers: ["Everything"], statement: "" } }),
    alone("controllers-none", "It is for nobody.", "Malformed", { message: { controllers: [], statement: "" } }),
    alone("controllers-unsorted", "Its brands in the wrong order.", "Malformed", { message: { controllers: [HIGH, LOW] } }),
    alone("controllers-twice", "One brand twice.", "Malformed", { message: { controllers: [LOW, LOW] } }),
    alone("controllers-any-and-one", "Any brand, and one more.", "Malformed", { message: { controllers: [NOBODY, LOW] } }),
    alone("controllers-65", "More than 64 brands.", "Malformed", {
      message: { controllers: Array.from({ length: 65 }, (_, i) => address(`brand ${i}`)).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)) },
    }),
    alone("expires-at-0", "It never ends.", "Malformed", { message: { expiresAt: 0 } }),
    alone("with-acceptance", "A mandate has no counter-signature.", "Malformed", {
      sealed: (e) => (e.acceptance = makeEvidence("Grant", { acceptance: {} }).evidence.acceptance),
    }),
    alone("notice-other", "Another notice than the one that was signed.", "NoticeMismatch", { message: { notice: word("another notice") } }),
  ];
}

export function mandateCases() {
  return [...coverCases(), ...signerCases(), ...timeCases(), ...partCases(), ...aloneCases()];
}
