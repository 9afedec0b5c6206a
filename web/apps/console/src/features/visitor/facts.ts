// SPDX-License-Identifier: Apache-2.0
// What the visitor's browser claims, made readable and harmless.

const browsers: [RegExp, string][] = [
  [/MicroMessenger\/(\d+)/, "WeChat"],
  [/Edg\/(\d+)/, "Edge"],
  [/Firefox\/(\d+)/, "Firefox"],
  [/Chrome\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari/, "Safari"],
];
const systems: [RegExp, string][] = [
  [/Windows/, "Windows"],
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** Only web addresses become links: a page view comes from outside. */
function href(url: string): string | undefined {
  return /^https?:\/\//i.test(url) ? url : undefined;
}

function browser(userAgent: string): string {
  for (const [pattern, name] of browsers) {
    const match = pattern.exec(userAgent);
    if (!match) continue;
    const system = systems.find(([sign]) => sign.test(userAgent))?.[1];
    return `${name} ${match[1] ?? ""}${system ? ` · ${system}` : ""}`;
  }
  return userAgent;
}

export const facts = { href, browser };
