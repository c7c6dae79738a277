// Gives the person a file to keep.

export function saveFile(name: string, raw: Uint8Array): void {
  const url = URL.createObjectURL(new Blob([raw as Uint8Array<ArrayBuffer>], { type: "application/json" }));
  const link = document.createElement("a");
  [link.href, link.download] = [url, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
