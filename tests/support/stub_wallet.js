// Wallets as extensions inject them: announced by EIP-6963 (or left at window.ethereum), answered by the test.
// The test puts the list of wallets in place of WALLETS.
(() => {
  const made = {};
  const later = {};
  for (const info of WALLETS) {
    const heard = {};
    const provider = {
      on: (name, listener) => (heard[name] ??= []).push(listener),
      request: async ({ method, params }) => {
        const answer = JSON.parse(await window.askStub(info.rdns, method, JSON.stringify(params ?? null)));
        if (answer.never) await new Promise(() => {});
        if (answer.later) return new Promise((give) => (later[answer.later] = give));
        if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
        return answer.result;
      },
    };
    made[info.rdns] = { heard, provider, info };
    if (info.legacy) window.ethereum = provider;
  }
  const announce = () => {
    for (const { info, provider } of Object.values(made)) {
      const { uuid, name, icon, rdns } = info;
      const detail = Object.freeze({ info: Object.freeze({ uuid, name, icon, rdns }), provider });
      if (!info.legacy) window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
    }
  };
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
  window.giveLater = (name, value) => later[name](value);
  window.emitStub = (rdns, name, value) => (made[rdns].heard[name] ?? []).forEach((listener) => listener(value));
})();
