// Notices that the person comes back to the shop's page after they left it by the button.
//
// The app lets no page keep a hold on its window (Cross-Origin-Opener-Policy), so it cannot tell us. The shop learns
// only that somebody is back, and asks its own server what they decided.

type Stage = "here" | "leaving" | "away";

/** Watches this page; `back` is called once for each return. */
export class Returning {
  #stage: Stage = "here";
  readonly #back: () => void;

  constructor(back: () => void) {
    this.#back = back;
  }

  /** The button was followed just now. */
  left(): void {
    this.#stage = "leaving";
  }

  watch(until: AbortSignal): void {
    const options = { signal: until };
    addEventListener("blur", () => this.#gone(), options);
    addEventListener("pagehide", () => this.#gone(), options);
    addEventListener("focus", () => this.#here(), options);
    addEventListener("pageshow", () => this.#here(), options);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#gone() : this.#here()), options);
  }

  #gone(): void {
    if (this.#stage === "leaving") this.#stage = "away";
  }

  #here(): void {
    if (this.#stage !== "away" || document.hidden) return;
    this.#stage = "here";
    this.#back();
  }
}
