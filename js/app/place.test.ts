import { expect, test } from "vitest";
import { type Place, readPlace, writePlace } from "./place.ts";

test("a place is read as it was written, and what makes no sense is the list", () => {
  const digest = `0x${"ab".repeat(32)}`;
  const all: Place[] = [{ at: "list" }, { at: "own" }, { at: "request", link: "https://a.example/r/0x1?x=1&y=#z" }, { at: "one", digest }, { at: "end-all" }, { at: "end-brand", account: "0x1" }];
  for (const place of all) expect(readPlace(writePlace(place))).toEqual(place);
  for (const bad of ["", "#", "#nothing", "#constructor=1"]) expect(readPlace(bad)).toEqual({ at: "list" });
  expect(readPlace("#request=%E0%A4%A")).toEqual({ at: "request", link: "" });
});
