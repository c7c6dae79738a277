// Waiting that anything new, or the end of the work, cuts short.

export class Rest {
  readonly #sleepers = new Set<() => void>();
  readonly #over: AbortSignal;
  /** How often it was woken. */
  wakes = 0;

  constructor(over: AbortSignal) {
    this.#over = over;
  }

  /** Waits so many seconds, or until it is woken; without a number until it is woken. */
  sleep(seconds?: number): Promise<void> {
    return new Promise((go) => {
      const done = (): void => (clearTimeout(timer), this.#sleepers.delete(done), go());
      const timer = seconds === undefined ? undefined : setTimeout(() => done(), seconds * 1000);
      this.#sleepers.add(done);
      if (this.#over.aborted) done();
    });
  }

  wake(): void {
    this.wakes += 1;
    for (const done of [...this.#sleepers]) done();
  }
}
