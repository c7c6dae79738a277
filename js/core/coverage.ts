// What a mandate covers: the powers, purposes, data and controllers of an act that a delegate signed.

import { NotConsented } from "./errors.ts";
import { addresseeOf, authorOfEvidence, type Evidence } from "./evidence.ts";
import { ZERO_ADDRESS } from "./scalars.ts";

const no = (message: string): NotConsented => new NotConsented("BadMandate", message);

/** Throws `BadMandate`, naming what is not covered, unless this mandate covers the act by what both say. */
export function checkMandateCovers({ statement: mandate }: Evidence, act: Evidence): void {
  if (mandate.primaryType !== "Mandate") throw new TypeError("only a Mandate stands in the place of one");
  const { subject, powers, purposes, data, controllers } = mandate.message;
  const { primaryType, message } = act.statement;
  if (subject !== authorOfEvidence(act)) throw no(`the mandate was given by ${subject}, and the ${primaryType} is of ${authorOfEvidence(act)}`);
  if (!powers.includes(primaryType)) throw no(`the mandate gives no power to sign a ${primaryType}`);
  checkListed("purpose", "purposes" in message ? message.purposes : [], purposes);
  checkListed("datum", "data" in message ? message.data : [], data);
  const controller = addresseeOf(act);
  if (controllers[0] !== ZERO_ADDRESS && !controllers.includes(controller)) throw no(`the mandate is not for ${controller}`);
}

function checkListed(what: string, asked: readonly string[], listed: readonly string[]): void {
  const missing = asked.find((one) => !listed.includes(one));
  if (missing !== undefined) throw no(`the mandate does not list the ${what} ${missing}`);
}
