// One configuration, three outputs: `vite build --mode app`, `--mode wallet` and `--mode button` (scripts/build_js.py).
//
// What is built runs under a strict policy: no inline script or style, no `data:` code, no `eval`. It depends on the
// sources and the lock file alone, so that two builds are equal byte for byte.

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { type BuildEnvironmentOptions, type PluginOption } from "vite";
import { defineConfig } from "vitest/config";

const HERE = import.meta.dirname;
const LICENSES = "LICENSES.md";

const SHARED: BuildEnvironmentOptions = {
  target: "es2022",
  assetsInlineLimit: 0,
  modulePreload: { polyfill: false },
  reportCompressedSize: false,
  emptyOutDir: true,
  license: { fileName: LICENSES },
};

/** The class of a component's styles comes from the styles; Svelte's own comes from the path of this checkout. */
function components(): PluginOption {
  return svelte({
    configFile: false,
    compilerOptions: { runes: true, cssHash: ({ hash, css }) => `s-${hash(css)}` },
  });
}

function page(name: string) {
  return { root: `${HERE}/${name}`, base: "./", plugins: [components()], build: { ...SHARED } };
}

/** The wallet page is three files with fixed names, which its server lists; nothing keeps them (`no-store`). */
function wallet() {
  const made = page("wallet");
  const output = { entryFileNames: "page.js", assetFileNames: "page[extname]", codeSplitting: false };
  return { ...made, plugins: [], publicDir: false as const, build: { ...made.build, rolldownOptions: { output } } };
}

/** The button is one file without a hash in its name: shops write its address into their pages. */
function button() {
  return {
    root: `${HERE}/button`,
    publicDir: false as const,
    build: {
      ...SHARED,
      // Not as a library: vite leaves the white space in those.
      rolldownOptions: {
        input: `${HERE}/button/consent-button.ts`,
        preserveEntrySignatures: "strict" as const,
        output: { entryFileNames: "consent-button.js" },
      },
    },
  };
}

const TESTS = {
  plugins: [components()],
  test: { include: ["{core,client,app,wallet,button}/**/*.test.ts"] },
};

export default defineConfig(({ mode }) => {
  if (mode === "button") return button();
  if (mode === "wallet") return wallet();
  return mode === "app" ? page(mode) : TESTS;
});
