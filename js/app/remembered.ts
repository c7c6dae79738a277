// Single words that the browser keeps in the open: the language, and that there was a key.
//
// A browser that lets a page keep nothing throws even where it is only asked.
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It is asked for again next time.
  }
}

export function forgetWord(name: string): void {
  try {
    localStorage.removeItem(name);
  } catch {
    // There is nothing then.
  }
}
