// Light or dark: as the system has it, or as was chosen here.

const KEY = "dlm.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];

export const isDark = () => (localStorage.getItem(KEY) ?? (dark.matches ? "dark" : "light")) === "dark";

export function whenThemed(run) {
  listeners.push(run);
}

export function applyTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const run of listeners) run();
}

export function switchTheme() {
  const wanted = isDark() ? "light" : "dark";
  if (wanted === (dark.matches ? "dark" : "light")) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, wanted);
  applyTheme();
}

dark.addEventListener("change", applyTheme);
