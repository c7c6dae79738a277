// Evidence of the other statements: Request (not anchored), Refusal, and an Acceptance without its grant.
import { DAY, NOW, ZERO, address, word } from "./base.mjs";
import { evidenceCase, makeAnchor, makeEvidence } from "./world.mjs";

const ISSUED = NOW - 2000;
const BRAND = address("another brand");

function requestCases() {
  const request = (name, desc, error, options = {}) => evidenceCase(`request-${name}`, desc, error, { type: "Request", ...options });
  return [
    request("valid", "A controller's request, signed and not anchored.", "Valid"),
    request("valid-anchor-not-needed", "Whether anything is anchored does not matter to a request.", "Valid", { facts: { anchoredAt: 0 } }),
    request("last-second", "The last second of the request.", "Valid", { now: NOW + DAY - 1 }),
    request("expired", "The second after.", "Expired", { now: NOW + DAY }),
    request("cutoff", "The controller's cutoff is the second of issue.", "Revoked", { facts: { cutoff: ISSUED } }),
    request("cutoff-below", "The cutoff lies one second before.", "Valid", { facts: { cutoff: ISSUED - 1 } }),
    request("retired", "The controller gave up its address.", "Revoked", { facts: { cutoff: 2n ** 64n - 1n } }),
    request("ahead-900", "Dated 15 minutes ahead: a clock's skew.", "Valid", { message: { issuedAt: NOW + 900 } }),
    request("ahead-901", "Dated a second further ahead.", "NotYetValid", { message: { issuedAt: NOW + 901 } }),
    request("with-anchor", "A request has no anchor.", "Malformed", { sealed: (e) => (e.anchor = makeAnchor(word("digest"), "0x01")) }),
    request("with-acceptance", "A request has no counter-signature.", "Malformed", {
      sealed: (e) => (e.acceptance = makeEvidence("Grant", { acceptance: {} }).evidence.acceptance),
    }),
    request("pair-outside", "A pair that lies in no scope of the notice.", "NoticeMismatch", { message: { purposes: ["dpv:Marketing", "dpv:Personalisation"] } }),
    request("terms", "Other terms than the notice's.", "NoticeMismatch", { message: { terms: "ieee-7012:PDC-AI" } }),
    request("notice-of-another", "The notice names another account.", "NoticeMismatch", { notice: (n) => (n.controller.account = BRAND) }),
    request("longer-than-notice", "A request may stay open longer than a grant may last.", "Valid", { message: { expiresAt: NOW + 400 * DAY } }),
    request("other-key", "Signed by another key.", "BadSignature", { signer: "a stranger" }),
    request("other-controller", "A request of another brand than the one that is asked about.", "WrongController", { policy: { controllers: [BRAND] } }),
    request("purpose", "It does not ask for that purpose.", "PurposeNotGranted", { policy: { purposes: ["dpv:Marketing"] } }),
    request("expires-at-0", "A request that never ends.", "Malformed", { message: { expiresAt: 0 } }),
  ];
}

function refusalCases() {
  const policy = { purposes: ["dpv:Personalisation"], data: null };
  const refusal = (name, desc, error, options = {}) => evidenceCase(`refusal-${name}`, desc, error, { type: "Refusal", policy, ...options });
  return [
    refusal("valid", "A person said no, signed and anchored.", "Valid"),
    refusal("valid-second-language", "The same in the notice's second language.", "Valid", { language: "fr" }),
    refusal("valid-after-cutoff", "A refusal is not revoked by a cutoff.", "Valid", { facts: { cutoff: NOW } }),
    refusal("retired", "The person gave up the address: nothing of it is believed.", "Revoked", { facts: { cutoff: 2n ** 64n - 1n } }),
    refusal("valid-years-later", "A refusal does not expire.", "Valid", { now: NOW + 3000 * DAY }),
    refusal("purpose-outside", "A purpose that lies in no scope, although it has a label.", "NoticeMismatch", {
      notice: (n) => Object.values(n.text).forEach((text) => (text.labels["dpv:Advertising"] = "advertising")),
      message: { purposes: ["dpv:Advertising", "dpv:Personalisation"] },
    }),
    refusal("statement", "Another sentence than the notice's.", "NoticeMismatch", { message: { statement: "No." } }),
    refusal("of-a-grants-sentence", "The sentence of a grant under a refusal.", "NoticeMismatch", {
      message: { statement: makeEvidence("Grant").evidence.statement.message.statement },
    }),
    refusal("not-anchored", "Never anchored.", "NotAnchored", { facts: { anchoredAt: 0 } }),
    refusal("post-dated", "Dated 901 seconds after its anchor.", "PostDated", { message: { issuedAt: NOW - 500 + 901 } }),
    refusal("other-key", "Signed by another key.", "BadSignature", { signer: "the controller" }),
    refusal("other-controller", "Said to another brand.", "WrongController", { policy: { ...policy, controllers: [BRAND] } }),
    refusal("purpose-not-refused", "That purpose was not refused.", "PurposeNotGranted", { policy: { ...policy, purposes: ["dpv:ServiceProvision"] } }),
    refusal("without-anchor", "A refusal without its anchor.", "Malformed", { sealed: (e) => delete e.anchor }),
    refusal("unsorted", "Its purposes in the wrong order.", "Malformed", { message: { purposes: ["dpv:Personalisation", "dpv:Marketing"] } }),
  ];
}

function acceptanceCases() {
  const { evidence: given, digested: grant } = makeEvidence("Grant", { label: "an accepted grant" });
  const policy = { purposes: null, data: null };
  const acceptance = (name, desc, error, { message, ...options } = {}) =>
    evidenceCase(`acceptance-${name}`, desc, error, { type: "Acceptance", given, policy, message: { grant, ...message }, ...options });
  return [
    acceptance("valid", "A counter-signature that stands alone, with its grant given.", "Valid"),
    acceptance("valid-after-cutoff", "A counter-signature is not revoked by a cutoff.", "Valid", { facts: { cutoff: NOW } }),
    acceptance("retired", "The controller gave up its address: nothing of it is believed.", "Revoked", { facts: { cutoff: 2n ** 64n - 1n } }),
    acceptance("grant-not-given", "Nobody gave the grant that it accepts.", "NotAccepted", { given: undefined }),
    acceptance("of-another-grant", "It accepts another grant than the one given.", "NotAccepted", { message: { grant: word("another grant") } }),
    acceptance("by-another-brand", "Another brand accepts it in its own name.", "WrongController", { message: { controller: BRAND }, signer: "another brand" }),
    acceptance("other-key", "Signed by another key.", "BadSignature", { signer: "the subject" }),
    acceptance("not-anchored", "Never anchored.", "NotAnchored", { facts: { anchoredAt: 0 } }),
    acceptance("not-included", "Its proof leads elsewhere.", "NotIncluded", { sealed: (e) => e.anchor.proof.pop() }),
    acceptance("with-notice", "A counter-signature has no notice.", "Malformed", { sealed: (e) => (e.notice = given.notice) }),
    acceptance("zero-grant", "It accepts the digest zero.", "NotAccepted", { message: { grant: ZERO } }),
    acceptance("other-controller-asked", "Another brand is asked about.", "WrongController", { policy: { ...policy, controllers: [BRAND] } }),
  ];
}

function acknowledgementCases() {
  const { evidence: given, digested: grant } = makeEvidence("Grant", { label: "an ended grant" });
  const policy = { purposes: null, data: null };
  const acknowledgement = (name, desc, error, { message, ...options } = {}) =>
    evidenceCase(`acknowledgement-${name}`, desc, error, { type: "Acknowledgement", given, policy, message: { grant, ...message }, ...options });
  return [
    acknowledgement("valid", "The controller has seen the end of the grant.", "Valid"),
    acknowledgement("grant-not-given", "Nobody gave the grant that ended.", "NotAccepted", { given: undefined }),
    acknowledgement("of-another-grant", "It names another grant than the one given.", "NotAccepted", { message: { grant: word("another grant") } }),
    acknowledgement("by-another-brand", "Another brand says it in its own name.", "WrongController", { message: { controller: BRAND }, signer: "another brand" }),
    acknowledgement("other-key", "Signed by another key.", "BadSignature", { signer: "the subject" }),
    acknowledgement("retired", "The controller gave up its address: nothing of it is believed.", "Revoked", { facts: { cutoff: 2n ** 64n - 1n } }),
    acknowledgement("not-anchored", "Never anchored.", "NotAnchored", { facts: { anchoredAt: 0 } }),
    acknowledgement("not-included", "Its proof leads elsewhere.", "NotIncluded", { sealed: (e) => e.anchor.proof.pop() }),
    acknowledgement("with-notice", "An acknowledgement has no notice.", "Malformed", { sealed: (e) => (e.notice = given.notice) }),
    acknowledgement("without-anchor", "An acknowledgement without its anchor.", "Malformed", { sealed: (e) => delete e.anchor }),
    evidenceCase("accepted-by-an-acknowledgement", "An acknowledgement where a counter-signature belongs.", "Malformed", {
      sealed: (e) => (e.acceptance = { statement: { ...e.statement, primaryType: "Acknowledgement", message: makeEvidence("Acknowledgement", {}).evidence.statement.message }, signature: e.signature, anchor: e.anchor }), onChain: "Valid",
    }),
  ];
}

function useLogCases() {
  const policy = { purposes: null, data: null };
  const head = (name, desc, error, options = {}) => evidenceCase(`use-log-${name}`, desc, error, { type: "UseLog", policy, ...options });
  return [
    head("valid", "The head of a use log stands for itself.", "Valid"),
    head("valid-after-cutoff", "A head is not revoked by a cutoff.", "Valid", { facts: { cutoff: NOW } }),
    head("retired", "The controller gave up its address: nothing of it is believed.", "Revoked", { facts: { cutoff: 2n ** 64n - 1n } }),
    head("other-key", "Signed by another key.", "BadSignature", { signer: "the subject" }),
    head("other-controller", "The log of another brand than the one that is asked about.", "WrongController", { policy: { ...policy, controllers: [BRAND] } }),
    head("purpose", "A head grants nothing.", "PurposeNotGranted", { policy: { purposes: ["dpv:Personalisation"] } }),
    head("not-anchored", "Never anchored.", "NotAnchored", { facts: { anchoredAt: 0 } }),
    head("post-dated", "Dated 901 seconds after its anchor.", "PostDated", { message: { issuedAt: NOW - 500 + 901 } }),
    head("not-included", "Its proof leads elsewhere.", "NotIncluded", { sealed: (e) => e.anchor.proof.pop() }),
    head("size-zero", "An empty log has no head.", "Malformed", { message: { size: 0 } }),
    head("with-notice", "A head has no notice.", "Malformed", { sealed: (e) => (e.notice = makeEvidence("Grant").evidence.notice) }),
    head("without-anchor", "A head without its anchor.", "Malformed", { sealed: (e) => delete e.anchor }),
  ];
}

export function statementCases() {
  return [...requestCases(), ...refusalCases(), ...acceptanceCases(), ...acknowledgementCases(), ...useLogCases()];
}
