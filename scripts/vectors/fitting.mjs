// Evidence cases of step 7: the notice, the policy, the counter-signature.
import { DAY, DOMAIN, NOW, address, canonical, word } from "./base.mjs";
import { CONTROLLER, evidenceCase, makeEvidence, noticeDocument } from "./world.mjs";

const BRAND = address("another brand");

function noticeCases() {
  const mismatch = (name, desc, options) => evidenceCase(name, desc, "NoticeMismatch", { onChain: "Valid", ...options });
  const renamed = (name) => canonical(noticeDocument((n) => (n.controller.name = name)));
  return [
    mismatch("notice-one-byte", "One byte of the notice differs from what was signed.", {
      sealed: (e) => (e.notice = e.notice.replace("Two years", "Ten years")),
    }),
    mismatch("notice-renamed", "The notice beside the grant is a later one of the same brand.", {
      sealed: (e) => (e.notice = renamed("Maison Aurelle SA")),
    }),
    mismatch("notice-of-another-brand", "The signed notice names another brand's account.", { notice: (n) => (n.controller.account = BRAND) }),
    mismatch("scope-pair", "Purpose and datum are each in a scope, but in no scope together.", {
      message: { purposes: ["dpv:Marketing", "dpv:Personalisation"], data: ["pd:Purchase"] },
    }),
    mismatch("scope-two-scopes", "Each of two purposes has a scope, but one has it without one of the data.", {
      message: { purposes: ["dpv:Marketing", "dpv:Personalisation"] },
    }),
    mismatch("scope-purpose", "A purpose that is in no scope, although there is a label for it.", {
      notice: (n) => Object.values(n.text).forEach((text) => (text.labels["dpv:Advertising"] = "advertising")),
      message: { purposes: ["dpv:Advertising", "dpv:Personalisation"] },
    }),
    mismatch("scope-datum", "A datum that is in no scope, although there is a label for it.", {
      notice: (n) => Object.values(n.text).forEach((text) => (text.labels["pd:Age"] = "age")),
      message: { data: ["pd:Age", "pd:Purchase"] },
    }),
    evidenceCase("scope-overlap", "Every pair lies in one of two overlapping scopes.", "Valid", {
      message: { purposes: ["dpv:Marketing", "dpv:Personalisation"], data: ["pd:EmailAddress"] }, policy: { data: ["pd:EmailAddress"] },
    }),
    evidenceCase("max-days-exactly", "It lasts exactly the notice's 365 days.", "Valid", { message: { expiresAt: NOW - 1000 + 365 * DAY } }),
    mismatch("max-days-1-second-more", "It lasts a second longer.", { message: { expiresAt: NOW - 1000 + 365 * DAY + 1 } }),
    mismatch("terms-not-the-notices", "Other terms than the notice's.", { message: { terms: "ieee-7012:SD-BASE-DP" } }),
    mismatch("statement-other-words", "A sentence that the notice does not have.", { message: { statement: "I allow Maison Aurelle everything." } }),
    mismatch("statement-empty", "An empty sentence.", { message: { statement: "" } }),
    mismatch("statement-trailing-space", "A space after the notice's sentence.", {
      message: { statement: makeEvidence("Grant").evidence.statement.message.statement + " " },
    }),
    mismatch("statement-other-date", "The sentence names a day earlier than the grant's end.", {
      message: { statement: makeEvidence("Grant", { message: { expiresAt: NOW + 29 * DAY } }).evidence.statement.message.statement },
    }),
    mismatch("statement-fewer-data", "The sentence names fewer data than the grant.", {
      message: { statement: makeEvidence("Grant", { message: { data: ["pd:Purchase"] } }).evidence.statement.message.statement },
    }),
    mismatch("statement-template", "The sentence with its placeholders not filled in.", { message: { statement: noticeDocument().text.en.Grant } }),
    mismatch("statement-mixed-languages", "English words, joined in French.", {
      message: {
        statement: makeEvidence("Grant").evidence.statement.message.statement.replace("email address and purchases", "email address et purchases"),
      },
    }),
    mismatch("statement-of-another-language", "The sentence in a language that this notice lacks.", {
      language: "fr",
      notice: (n) => delete n.text.fr,
      message: { statement: makeEvidence("Grant", { language: "fr" }).evidence.statement.message.statement },
    }),
    mismatch("statement-none-in-notice", "The notice has no sentence for grants.", {
      notice: (n) => Object.values(n.text).forEach((text) => delete text.Grant),
      message: { statement: makeEvidence("Grant").evidence.statement.message.statement },
    }),
  ];
}

function policyCases() {
  const asked = (name, desc, error, policy, more = {}) => evidenceCase(name, desc, error, { policy, ...more });
  const both = { message: { purposes: ["dpv:Personalisation", "dpv:ServiceProvision"] } };
  return [
    asked("policy-nothing-asked", "Nothing is asked about controller, purposes and data.", "Valid", { controllers: null, purposes: null, data: null }),
    asked("policy-several-asked", "Two purposes and two data are asked for, all granted.", "Valid",
      { purposes: ["dpv:Personalisation", "dpv:ServiceProvision"], data: ["pd:EmailAddress", "pd:Purchase"] }, both),
    asked("policy-one-of-controllers", "The controller is one of several that are asked about.", "Valid", { controllers: [BRAND, CONTROLLER] }),
    asked("controller-other", "Given to another brand than the one that asks.", "WrongController", { controllers: [BRAND] }),
    asked("controllers-empty", "An empty set of controllers lets nobody through.", "WrongController", { controllers: [] }),
    asked("purpose-not-granted", "A purpose that was not granted.", "PurposeNotGranted", { purposes: ["dpv:Marketing"] }),
    asked("purpose-one-of-two", "One of two purposes was not granted.", "PurposeNotGranted", { purposes: ["dpv:Marketing", "dpv:Personalisation"] }),
    asked("purpose-other-case", "Terms are matched exactly: another case is another purpose.", "PurposeNotGranted", { purposes: ["dpv:personalisation"] }),
    asked("purpose-narrower", "A narrower purpose is another purpose.", "PurposeNotGranted", { purposes: ["dpv:PersonalisedAdvertising"] }),
    asked("datum-not-granted", "A datum that was not granted.", "DataNotGranted", { data: ["pd:Name"] }),
    asked("datum-one-of-two", "One of two data was not granted.", "DataNotGranted", { data: ["pd:Name", "pd:Purchase"] }),
    asked("agreement-asked", "The terms that are asked for are the grant's.", "Valid", { terms: "ieee-7012:SD-BASE" }),
    asked("agreement-other", "Other terms are asked for.", "TermsNotGranted", { terms: "ieee-7012:SD-BASE-DP" }, { onChain: "Valid" }),
  ];
}

const BAD_ACCEPTANCES = {
  "of-another-grant": ["The counter-signature is for another grant.", { message: { grant: word("another grant") } }],
  "by-another-key": ["The counter-signature is by another key.", { signer: "a stranger" }],
  "by-the-subject": ["The subject counter-signed.", { signer: "the subject" }],
  "of-another-controller": ["Another brand counter-signed in its own name.", { message: { controller: BRAND }, signer: "another brand" }],
  "not-included": ["The counter-signature's proof belongs to another batch.", { anchor: () => makeEvidence("Grant").evidence.anchor }],
};
const BAD_ANCHORS = {
  "not-anchored": ["The counter-signature was never anchored.", { acceptance: { anchoredAt: 0 } }],
  "post-dated": ["The counter-signature is dated 901 seconds after its anchor.", { acceptance: { anchoredAt: NOW - 400 - 901 } }],
};

function acceptanceCases() {
  const cases = [
    evidenceCase("valid-accepted", "Counter-signed by the controller, as the policy asks.", "Valid", {
      acceptance: {}, policy: { accepted: true }, reported: "verified",
    }),
    evidenceCase("valid-accepted-not-asked", "Counter-signed; nobody asked, and it is reported as verified.", "Valid", { acceptance: {}, reported: "verified" }),
    evidenceCase("accepted-later-than-cutoff", "The controller's own cutoff says nothing about its counter-signature.", "Valid", {
      acceptance: {}, policy: { accepted: true }, reported: "verified", facts: { acceptance: { anchoredAt: NOW - 300, cutoff: NOW } },
    }),
    evidenceCase("accepted-retired", "The controller gave up its address: its counter-signature is not believed.", "NotAccepted", {
      acceptance: {}, policy: { accepted: true }, onChain: "Valid", facts: { acceptance: { anchoredAt: NOW - 300, cutoff: 2n ** 64n - 1n } },
    }),
    evidenceCase("accepted-retired-not-asked", "Nobody asked for the counter-signature; it is reported as not verified.", "Valid", {
      acceptance: {}, reported: "not verified", facts: { acceptance: { anchoredAt: NOW - 300, cutoff: 2n ** 64n - 1n } },
    }),
    evidenceCase("accepted-missing", "The policy asks for a counter-signature and there is none.", "NotAccepted", { policy: { accepted: true }, onChain: "Valid" }),
    evidenceCase("accepted-erc1271", "The controller is a contract that accepts the counter-signature.", "Valid", {
      acceptance: { signer: "a device of the controller" }, policy: { accepted: true }, reported: "verified", facts: { contracts: { [CONTROLLER]: true } },
    }),
    evidenceCase("accepted-erc1271-not-read", "Nobody asked the controller's contract: could not check.", "LedgerUnavailable", {
      acceptance: { signer: "a device of the controller" }, policy: { accepted: true }, facts: { contracts: { [CONTROLLER]: null } }, onChain: "Valid",
    }),
    evidenceCase("accepted-other-domain", "The counter-signature names another chain than the grant.", "Malformed", {
      acceptance: { domain: { ...DOMAIN, chainId: 1 } }, onChain: "Valid",
    }),
    evidenceCase("accepted-with-notice", "A counter-signature has no notice.", "Malformed", { acceptance: {}, sealed: (e) => (e.acceptance.notice = e.notice), onChain: "Valid" }),
    evidenceCase("accepted-other-type", "A grant in the place of the counter-signature.", "Malformed", {
      acceptance: {}, sealed: (e) => (e.acceptance.statement = e.statement), onChain: "Valid",
    }),
  ];
  const both = (key, desc, options) => [
    evidenceCase(`accepted-${key}`, `${desc} The policy asks for one.`, "NotAccepted", { ...options, policy: { accepted: true }, onChain: "Valid" }),
    evidenceCase(`unasked-acceptance-${key}`, `${desc} Nobody asked for one: reported as not verified.`, "Valid", { ...options, reported: "not verified" }),
  ];
  for (const [key, [desc, acceptance]] of Object.entries(BAD_ACCEPTANCES)) cases.push(...both(key, desc, { acceptance }));
  for (const [key, [desc, facts]] of Object.entries(BAD_ANCHORS)) cases.push(...both(key, desc, { acceptance: {}, facts }));
  return cases;
}

export function fittingCases() {
  return [...noticeCases(), ...policyCases(), ...acceptanceCases()];
}
