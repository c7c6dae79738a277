// Evidence cases of the times in steps 4 to 6, of questions about the past, and of the order of the steps.
import { DAY, NOW } from "./base.mjs";
import { CONTROLLER, evidenceCase } from "./world.mjs";

const ISSUED = NOW - 1000;
const ANCHORED = NOW - 500;
const LARGEST = 2n ** 64n - 1n;

function dateCases() {
  const dated = (ahead) => ({ message: { issuedAt: ANCHORED + ahead, notBefore: ISSUED } });
  const backdated = (most) => ({ policy: { maxBackdate: most } });
  return [
    evidenceCase("post-dated-900", "Issued exactly 15 minutes after it was anchored: a clock's skew.", "Valid", dated(900)),
    evidenceCase("post-dated-901", "One second more.", "PostDated", dated(901)),
    evidenceCase("back-dated-exactly", "Anchored exactly as long after its date as the policy allows.", "Valid", backdated(500)),
    evidenceCase("back-dated-1-more", "One second longer.", "BackDated", { ...backdated(499), onChain: "Valid" }),
    evidenceCase("back-dated-0", "A policy that allows no delay at all.", "BackDated", { ...backdated(0), onChain: "Valid" }),
    evidenceCase("back-dated-post-dated", "A date after the anchor is no back-dating.", "Valid", { ...dated(300), ...backdated(0) }),
    evidenceCase("back-dated-not-asked", "Anchored 200 days after its date; nobody asked about that.", "Valid", {
      message: { issuedAt: NOW - 200 * DAY, notBefore: NOW - 200 * DAY },
    }),
    evidenceCase("facts-age-exactly", "The newest block is as old as the policy allows.", "Valid", { policy: { maxFactsAge: 5 } }),
    evidenceCase("facts-too-old", "The newest block is a second older: could not check.", "LedgerUnavailable", {
      policy: { maxFactsAge: 4 }, onChain: "Valid",
    }),
  ];
}

function revocationCases() {
  const facts = (name, desc, error, changes, more = {}) => evidenceCase(name, desc, error, { facts: changes, ...more });
  const ahead = { message: { issuedAt: ANCHORED + 800, notBefore: ISSUED } };
  return [
    facts("revoked-by-handle", "The person revoked it.", "Revoked", { revokedAt: NOW - 100 }),
    facts("revoked-before-anchored", "Revoked before it was anchored; that counts as well.", "Revoked", { revokedAt: ANCHORED - 400 }),
    facts("revoked-this-second", "Revoked in the newest block.", "Revoked", { revokedAt: NOW }),
    facts("cutoff-at-issued", "The cutoff is the second of issue.", "Revoked", { cutoff: ISSUED }),
    facts("cutoff-below-issued", "The cutoff lies one second before the issue.", "Valid", { cutoff: ISSUED - 1 }),
    facts("cutoff-between", "The cutoff lies between issue and anchor.", "Revoked", { cutoff: ISSUED + 1 }),
    facts("cutoff-after-anchored", "The cutoff lies after the anchor.", "Revoked", { cutoff: NOW - 1 }),
    facts("cutoff-at-anchored-dated-ahead", "Dated ahead of its anchor; the cutoff is the second of the anchor.", "Revoked", { cutoff: ANCHORED }, ahead),
    facts("cutoff-below-anchored-dated-ahead", "The same with the cutoff one second lower.", "Valid", { cutoff: ANCHORED - 1 }, ahead),
    facts("cutoff-after-dated-ahead", "A kill-switch after the anchor ends what was dated ahead of it.", "Revoked", { cutoff: ANCHORED + 100 }, ahead),
    facts("retired", "The address was given up: the cutoff is the largest uint64.", "Revoked", { cutoff: LARGEST }),
    evidenceCase("issued-at-0", "Dated 1970: a cutoff of zero, which is no cutoff, lies not before it.", "Revoked", {
      message: { issuedAt: 0, notBefore: 0, expiresAt: 315_360_000 },
    }),
  ];
}

function windowCases() {
  const begins = NOW + DAY;
  const ends = NOW + 30 * DAY;
  return [
    evidenceCase("window-first-second", "The first second of its window.", "Valid", { message: { notBefore: begins }, now: begins }),
    evidenceCase("window-second-before", "The second before.", "NotYetValid", { message: { notBefore: begins }, now: begins - 1 }),
    evidenceCase("window-last-second", "The last second of its window.", "Valid", { now: ends - 1 }),
    evidenceCase("window-second-after", "The second after: expiresAt itself is outside.", "Expired", { now: ends }),
    evidenceCase("window-long-over", "A year after it ended.", "Expired", { now: ends + 365 * DAY }),
    evidenceCase("window-of-a-second", "A window of one second.", "Valid", { message: { notBefore: NOW, expiresAt: NOW + 1 } }),
  ];
}

/** A question about the past, with facts that were read for that moment. */
function pastCases() {
  const asked = NOW - 100;
  const past = (name, desc, error, facts, more = {}) =>
    evidenceCase(name, desc, error, { now: asked, ...more, facts: { blockTime: NOW - 5, clock: NOW, asOf: asked, ...facts } });
  return [
    past("past-valid", "Valid a hundred seconds ago.", "Valid", {}),
    past("past-revoked-later", "Revoked after the moment that is asked about.", "Valid", { revokedAt: asked + 1 }),
    past("past-revoked-then", "Revoked in the very second that is asked about.", "Revoked", { revokedAt: asked }),
    past("past-anchored-later", "Anchored after the moment that is asked about.", "NotAnchored", { anchoredAt: asked + 1 }),
    past("past-anchored-then", "Anchored in the very second that is asked about.", "Valid", { anchoredAt: asked }),
    past("past-cutoff-by-then", "A kill-switch that was logged by then.", "Revoked", { cutoff: ISSUED }),
    past("past-not-yet", "Before its window, asked about the past.", "NotYetValid", {}, { message: { notBefore: NOW - 50 } }),
    past("past-facts-of-the-present", "The facts were read for the present: could not check.", "LedgerUnavailable", { asOf: null }),
    past("past-facts-of-another-time", "The facts were read for another moment: could not check.", "LedgerUnavailable", { asOf: asked - 1 }),
    past("past-facts-too-old", "The newest block is too old by the clock, whatever time is asked about: could not check.", "LedgerUnavailable", { blockTime: NOW - 50 }, {
      policy: { maxFactsAge: 20 },
    }),
    evidenceCase("future-facts-fresh", "Asked about tomorrow; the newest block is fresh by the clock.", "Valid", {
      now: NOW + DAY, facts: { clock: NOW, blockTime: NOW - 5 }, policy: { maxFactsAge: 5 },
    }),
    evidenceCase("past-facts-for-the-present", "The facts were read for a moment of the past, the question is about now.", "LedgerUnavailable", {
      facts: { asOf: NOW - 100 },
    }),
    evidenceCase("present-of-a-fast-chain", "The chain's clock runs ahead; its time is the present, and the revocation counts.", "Revoked", {
      now: NOW + 60, facts: { blockTime: NOW + 60, clock: NOW, revokedAt: NOW + 60 },
    }),
  ];
}

/** Several faults at once. The first failed step names the error. */
function orderCases() {
  const everything = { anchoredAt: 0, revokedAt: NOW - 100, cutoff: NOW - 100 };
  const nobody = { controllers: ["0x0000000000000000000000000000000000000001"], purposes: ["dpv:Marketing"], data: ["pd:Name"], terms: "ieee-7012:PDC-AI", accepted: true };
  const over = { notBefore: ISSUED, expiresAt: NOW - 10 };
  const forged = { sealed: (e) => (e.signature = "0x01"), message: over, policy: nobody };
  return [
    evidenceCase("order-signature-first", "Everything is wrong: the signature is named first.", "BadSignature", { ...forged, facts: everything }),
    evidenceCase("order-inclusion-before-anchor", "Not included, and never anchored.", "NotIncluded", {
      message: over, policy: nobody, facts: everything, sealed: (e) => e.anchor.proof.pop(),
    }),
    evidenceCase("order-anchor-before-revocation", "Never anchored, and revoked.", "NotAnchored", { message: over, policy: nobody, facts: everything }),
    evidenceCase("order-date-before-revocation", "Dated ahead, and revoked.", "PostDated", {
      message: { issuedAt: ANCHORED + 901, notBefore: ISSUED }, policy: nobody, facts: { revokedAt: NOW - 100 },
    }),
    evidenceCase("order-revocation-before-window", "Revoked, and over.", "Revoked", { message: over, policy: nobody, facts: { revokedAt: NOW - 100 } }),
    evidenceCase("order-window-before-policy", "Over, and for somebody else.", "Expired", { message: over, policy: nobody }),
    evidenceCase("order-notice-before-policy", "It does not fit its notice, and is for somebody else.", "NoticeMismatch", {
      message: { statement: "Yes to all." }, policy: nobody, onChain: "WrongController",
    }),
    evidenceCase("order-controller-before-purpose", "Nothing that is asked for is in it: the controller is named first.", "WrongController", { policy: nobody }),
    evidenceCase("order-purpose-before-data", "Neither purpose nor datum.", "PurposeNotGranted", { policy: { ...nobody, controllers: [CONTROLLER] } }),
    evidenceCase("order-data-before-terms", "Neither datum nor terms.", "DataNotGranted", {
      policy: { ...nobody, controllers: [CONTROLLER], purposes: ["dpv:Personalisation"] },
    }),
    evidenceCase("order-terms-before-acceptance", "Other terms, and not accepted.", "TermsNotGranted", {
      policy: { terms: "ieee-7012:PDC-AI", accepted: true }, onChain: "Valid",
    }),
  ];
}

export function timingCases() {
  return [...dateCases(), ...revocationCases(), ...windowCases(), ...pastCases(), ...orderCases()];
}
