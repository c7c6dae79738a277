// Long work in pieces, so that a page goes on drawing and listening between them.

/** Pieces of work that fill a frame; a slow phone takes four times as long for each. */
const MILLISECONDS = 12;

export type Breathe = () => Promise<void>;

/** Returns a function to call between pieces: it lets the page have its turn where a frame's time is over. */
export function breather(milliseconds = MILLISECONDS): Breathe {
  let until = performance.now() + milliseconds;
  return async () => {
    if (performance.now() < until) return;
    await turn();
    until = performance.now() + milliseconds;
  };
}

/** Does the work for each value in order, and breathes between. */
export async function inTurn<T, R>(all: readonly T[], breathe: Breathe, work: (value: T) => R | Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (const each of all) {
    done.push(await work(each));
    await breathe();
  }
  return done;
}

function turn(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: { yield?: () => Promise<void> } };
  return scheduler?.yield?.() ?? new Promise((go) => setTimeout(go));
}
