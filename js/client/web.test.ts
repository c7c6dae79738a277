import { expect, test } from "vitest";
import { Unreachable, Web, placed, problemIn } from "./web.ts";

const DOMAINS = { "shop.example": "http://127.0.0.1:8700" };

test("only https, and the names of a development network, are asked", () => {
  expect(placed("https://a.example/r/1", {})).toBe("https://a.example/r/1");
  expect(placed("https://shop.example/r/1", DOMAINS)).toBe("http://127.0.0.1:8700/r/1");
  expect(placed("http://127.0.0.1:8700/r/1", DOMAINS)).toBe("http://127.0.0.1:8700/r/1");
  const bad = ["http://a.example/", "javascript:alert(1)", "https://u:p@a.example/", "https://a.example/?q", "https://a.example/#f", "https://127.0.0.1/", "http://127.0.0.1:8701/", "https://localhost/", "x"];
  for (const url of bad) expect(() => placed(url, DOMAINS), url).toThrow();
});

test("a request tells nothing of who asks, and an answer is bounded", async () => {
  let seen: RequestInit = {};
  const web = new Web(async (_, init) => ((seen = init), new Response("x".repeat(100))));
  expect((await web.exchange("https://a.example/")).body.length).toBe(100);
  expect(seen).toMatchObject({ credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store", redirect: "error" });
  await expect(web.exchange("https://a.example/", { maxBytes: 99 })).rejects.toThrow(Unreachable);
});

test("no answer is never a yes or a no", async () => {
  const web = new Web(() => Promise.reject(new TypeError("Failed to fetch")));
  await expect(web.ask("NotaryUnavailable", "the notary", "https://a.example/")).rejects.toMatchObject({ name: "NotaryUnavailable" });
});

test("a server's words are bounded, and what is no problem has its status", () => {
  const answer = (text: string) => ({ status: 422, body: new TextEncoder().encode(text), header: () => "" });
  expect(problemIn(answer(JSON.stringify({ title: "Revoked", detail: "y".repeat(999), step: 5 })))).toMatchObject({ title: "Revoked", step: 5, words: `${"y".repeat(299)}…` });
  expect(problemIn(answer("<html>"))).toMatchObject({ title: "HTTP status 422" });
});
