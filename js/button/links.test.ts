import { expect, test } from "vitest";
import { safeUrl, targetOf } from "./links.ts";

const LINK = "https://aurelle.example/r/0x00";

test("only https and this machine are places to go", () => {
  for (const good of [LINK, "http://localhost:8900/", "http://127.0.0.1:1/r", "http://[::1]:2/", "http://a.localhost/"]) {
    expect(safeUrl(good)?.href).toBe(good);
  }
  const bad = [
    "javascript:alert(1)",
    " \tjava\nscript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://aurelle.example/1",
    "file:///etc/passwd",
    "http://aurelle.example/r",
    "http://127.0.0.1.aurelle.example/",
    "http://localhost.aurelle.example/",
    "https://user:secret@aurelle.example/",
    "//aurelle.example/r",
    "/r/0x00",
    "",
    null,
  ];
  for (const each of bad) expect(safeUrl(each), String(each)).toBeUndefined();
});

test("the request stands in the fragment of the app, whole and escaped", () => {
  const target = targetOf(`${LINK}?a=1&b=#c`, "https://app.example/in/?x=1#old");
  expect(target).toBe(`https://app.example/in/?x=1#request=${encodeURIComponent(`${LINK}?a=1&b=#c`)}`);
  expect(targetOf(LINK, null)).toBe(LINK);
});

test("an unsafe app is no reason to go elsewhere", () => {
  for (const app of ["javascript:alert(1)", "", "app"]) expect(targetOf(LINK, app)).toBeUndefined();
  expect(targetOf("javascript:alert(1)", "https://app.example/")).toBeUndefined();
  expect(targetOf(null, "https://app.example/")).toBeUndefined();
});
