// The loopback page of `--wallet browser`: follows what the terminal says, until it is done.

import "../style/tokens.css";
import "../style/base.css";
import "./page.css";
import { choose, connect, look, refuse, reportDifference, sign } from "./asking.ts";
import { verdictOn } from "./check.ts";
import { draw, open, tell } from "./page.ts";
import { claim, forget, hasKey, post, Refused, say, type State } from "./protocol.ts";
import { session, type End } from "./session.ts";

const RETRY_MILLISECONDS = 500;
const MOST_FAILURES = 4;

async function begin(): Promise<void> {
  const reason = await claim();
  if (reason !== "") finish({ code: reason });
  else await follow();
}

async function follow(): Promise<void> {
  for (let failed = 0; session.end === undefined; ) {
    try {
      take(await post<State>("state", session.state?.number ?? 0));
      failed = 0;
    } catch (error) {
      // A page that reloads fails here too and must not end; a computer that wakes up tries again.
      await new Promise((go) => setTimeout(go, RETRY_MILLISECONDS));
      failed += 1;
      if (error instanceof Refused) finish({ code: "tokenless" });
      else if (failed > MOST_FAILURES) finish({ code: "gone" });
    }
  }
}

function take(state: State): void {
  if (session.end !== undefined) return;
  const before = session.state;
  session.deadline = performance.now() + state.left * 1000;
  if (state.number === before?.number) return;
  session.state = state;
  if (state.stage === "done") return finish(state.outcome ?? { code: "gone" });
  if (state.stage === before?.stage) return;
  session.note = undefined;
  if (state.stage === "question" && state.question) session.verdict = verdictOn(state.question, state.account ?? "", state.chain.id);
  if (session.verdict?.fault !== undefined && state.stage === "question") reportDifference();
  draw();
}

function finish(end: End): void {
  if (session.end !== undefined) return;
  session.end = end;
  session.verdict = undefined;
  tell(undefined);
  forget();
  draw();
}

async function elsewhere(): Promise<void> {
  const { token } = await post<{ token: string }>("elsewhere");
  finish({ code: "elsewhere", token });
}

// The tab followed another link.
window.addEventListener("hashchange", () => location.reload());
window.addEventListener("pagehide", () => {
  if (session.end === undefined && hasKey()) void say("leave");
});
look();
open({ connect, choose, sign, look, refuse: () => void refuse(), elsewhere: () => void elsewhere() });
void begin();
