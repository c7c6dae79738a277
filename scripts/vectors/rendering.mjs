// Rendering cases: from a notice and a message to the sentence that the wallet shows.
import { DAY, NOW, canonical } from "./base.mjs";
import { isPlainNotice } from "./plain_text.mjs";
import { CONTROLLER, NOBODY, fiduciaryNotice, makeMessage, noticeDocument, render } from "./world.mjs";

const time = (text) => Date.parse(text) / 1000;

/** `statement` is the expected sentence. Without it, the renderer of this generator makes the sentence. */
function renderingCase(name, desc, { type = "Grant", language = "en", message = {}, notice, statement, error = "Valid" } = {}) {
  const document = (type === "Mandate" ? fiduciaryNotice : noticeDocument)(notice);
  const made = makeMessage(type, document, canonical(document), { message: { statement: "", ...message }, label: name });
  const sentence = error === "Valid" ? render(document, language, type, made) : undefined;
  if (!isPlainNotice(document)) throw new Error(`${name} is not plain text`);
  if (statement !== undefined && statement !== sentence) throw new Error(`${name}: ${sentence}`);
  return [`render-${name}`, { desc, error, notice: canonical(document), language, primaryType: type, message: made, statement: sentence }];
}

const ends = (name, desc, expiresAt, statement) =>
  renderingCase(`date-${name}`, desc, {
    message: { issuedAt: expiresAt - 1000, notBefore: expiresAt - 1000, expiresAt, data: ["pd:Purchase"] },
    statement: `I allow Maison Aurelle (aurelle.example) to use my purchases for personalising its offers, until ${statement}. I can stop at any time.`,
  });

function mandateCases() {
  const mandate = { type: "Mandate" };
  const said = (powers, controllers) => `I let Good Steward (steward.example) sign for me (${powers}): marketing and personalising its offers, with my email address, for ${controllers}, until 2026-09-22.`;
  const until = { expiresAt: NOW + DAY };
  return [
    renderingCase("mandate", "Powers by their labels, a brand by its address.", { ...mandate, message: until, statement: said("permissions and refusals", CONTROLLER) }),
    renderingCase("mandate-any", "The zero address by its label.", { ...mandate, message: { ...until, powers: ["Grant"], controllers: [NOBODY] }, statement: said("permissions", "any brand") }),
    renderingCase("mandate-second-language", "The second language.", { ...mandate, language: "fr", message: until }),
  ];
}

function listCases() {
  const three = ["dpv:Marketing", "dpv:Personalisation", "dpv:ServiceProvision"];
  const refusal = { type: "Refusal" };
  return [
    renderingCase("1-purpose", "One purpose stands alone.", { ...refusal, message: { purposes: three.slice(0, 1) }, statement: "I do not allow Maison Aurelle (aurelle.example) to use my data for marketing." }),
    renderingCase("2-purposes", "Two are joined by the joining word.", { ...refusal, message: { purposes: three.slice(0, 2) }, statement: "I do not allow Maison Aurelle (aurelle.example) to use my data for marketing and personalising its offers." }),
    renderingCase("3-purposes", "Three: a comma, then the joining word.", { ...refusal, message: { purposes: three }, statement: "I do not allow Maison Aurelle (aurelle.example) to use my data for marketing, personalising its offers and providing its services." }),
    renderingCase("second-language", "The second language joins with its own word.", { language: "fr", message: { purposes: three } }),
    renderingCase("order-of-the-message", "Lists keep the message's order, which is that of the terms, not that of the labels.", {
      notice: (n) => Object.assign(n.text.en.labels, { "pd:EmailAddress": "zebra", "pd:Purchase": "aardvark" }),
      message: { expiresAt: NOW + DAY },
      statement: "I allow Maison Aurelle (aurelle.example) to use my zebra and aardvark for personalising its offers, until 2026-09-22. I can stop at any time.",
    }),
    renderingCase("labels-like-the-joining-word", "Labels that hold the joining word are not looked at again.", {
      notice: (n) => Object.assign(n.text.en.labels, { "pd:EmailAddress": "and", "pd:Purchase": "and and" }),
      message: { expiresAt: NOW + DAY },
      statement: "I allow Maison Aurelle (aurelle.example) to use my and and and and for personalising its offers, until 2026-09-22. I can stop at any time.",
    }),
    renderingCase("special-characters", "Dollars and backslashes in a label mean nothing to the renderer.", {
      notice: (n) => Object.assign(n.text.en.labels, { "pd:EmailAddress": "$& $1 $$ \\1", "pd:Purchase": "%s %d" }),
      message: { expiresAt: NOW + DAY },
      statement: "I allow Maison Aurelle (aurelle.example) to use my $& $1 $$ \\1 and %s %d for personalising its offers, until 2026-09-22. I can stop at any time.",
    }),
    renderingCase("other-order-of-placeholders", "The sentence may hold its placeholders in any order, side by side.", {
      notice: (n) => (n.text.en.Grant = "{expires}{purposes}{data}{controller}"),
      message: { expiresAt: NOW + DAY },
      statement: "2026-09-22personalising its offersemail address and purchasesMaison Aurelle (aurelle.example)",
    }),
    renderingCase("unicode", "Names and labels outside ASCII.", {
      notice: (n) => {
        n.controller.name = "Ærø 株式会社 🦊";
        n.text.en.labels["pd:Purchase"] = "お買い物";
      },
      message: { expiresAt: NOW + DAY, data: ["pd:Purchase"] },
      statement: "I allow Ærø 株式会社 🦊 (aurelle.example) to use my お買い物 for personalising its offers, until 2026-09-22. I can stop at any time.",
    }),
    renderingCase("no-label", "A purpose without a label.", { message: { purposes: ["dpv:Advertising"] }, error: "NoticeMismatch" }),
    renderingCase("no-sentence", "No sentence for a grant.", { notice: (n) => Object.values(n.text).forEach((t) => delete t.Grant), error: "NoticeMismatch" }),
  ];
}

function dateCases() {
  return [
    ends("first-second-of-a-day", "The first second of a day, in UTC.", time("2027-01-01T00:00:00Z"), "2027-01-01"),
    ends("last-second-of-a-day", "The last second of a year.", time("2026-12-31T23:59:59Z"), "2026-12-31"),
    ends("leap-day", "A leap day.", time("2028-02-29T12:00:00Z"), "2028-02-29"),
    ends("after-leap-day", "The second after a leap day.", time("2028-03-01T00:00:00Z"), "2028-03-01"),
    ends("no-leap-day-2100", "2100 has no leap day.", time("2100-02-28T23:59:59Z") + 1, "2100-03-01"),
    ends("leap-day-2400", "2400 has one.", time("2400-02-29T00:00:00Z"), "2400-02-29"),
    ends("one-digit-month", "Months and days have two digits.", time("2027-03-04T05:06:07Z"), "2027-03-04"),
    ends("after-2038", "A time over 31 bits.", 2 ** 31, "2038-01-19"),
    ends("after-2106", "A time over 32 bits.", 2 ** 32, "2106-02-07"),
    ends("year-9999", "The last second that has a date of ten characters.", time("9999-12-31T23:59:59Z"), "9999-12-31"),
    renderingCase("date-year-10000", "One second later there is none.", {
      message: { issuedAt: 253402300000, notBefore: 253402300000, expiresAt: 253402300800 }, error: "NoticeMismatch",
    }),
  ];
}

export function renderingCases() {
  return [...listCases(), ...mandateCases(), ...dateCases()];
}
