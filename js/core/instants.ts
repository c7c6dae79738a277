// When something happened, as records write it: a calendar day, or a time of day with its offset from UTC (RFC 3339 in one spelling:
// upper-case T and Z, at most six digits of a second, years 0001 to 9999). To sort, a day counts as its 00:00 UTC.

import { malformed } from "./errors.ts";

const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;
const ADVICE = "Write a day (2026-01-31), or a time with its offset from UTC (2026-01-31T10:00:00+01:00).";

/** Returns the microseconds from 1970-01-01 UTC. Throws `Malformed` for any other spelling, and for a day that does not exist. */
export function microseconds(text: string): bigint {
  const found = TIME.exec(text);
  if (found === null) throw refused(text, "it is written otherwise");
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = found;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (Number(year) < 1 || date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) {
    throw refused(text, "the calendar has no such day");
  }
  const seconds = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offsetOf(zone);
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
}

/** Whether the text is a day and not a time of day. */
export const isDay = (text: string): boolean => !text.includes("T");

function offsetOf(zone: string): number {
  if (zone === "Z") return 0;
  const seconds = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4)) * 60;
  return zone.startsWith("-") ? -seconds : seconds;
}

const refused = (text: string, why: string): Error => malformed(`${JSON.stringify(text.slice(0, 40))} is no time: ${why}`, ADVICE);
