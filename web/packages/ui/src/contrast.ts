// SPDX-License-Identifier: Apache-2.0
// Contrast of two colours as WCAG 2.2 defines it, and a brand colour made legible.

type Rgb = [number, number, number];

/** "#rgb" or "#rrggbb"; null for anything else. */
export function parseColor(text: string): Rgb | null {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text);
  const hex = short ? short.slice(1).map((digit) => digit + digit) : text.match(/[0-9a-f]{2}/gi);
  if (!hex || hex.length !== 3 || !/^#[0-9a-f]+$/i.test(text)) return null;
  return hex.map((pair) => parseInt(pair, 16)) as Rgb;
}

export function formatColor(color: Rgb): string {
  return `#${color.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const mix = (color: Rgb, other: Rgb, part: number) =>
  color.map((value, i) => value + ((other[i] as number) - value) * part) as Rgb;

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

/**
 * The CSS variables of a brand colour on this surface: moved towards black (or, on a dark surface,
 * white) until text in it is legible; text on it is white or black, whichever contrasts more.
 */
export function brandRoles(seed: string, surface: string): Record<string, string> {
  const color = parseColor(seed);
  const ground = parseColor(surface);
  if (!color || !ground) return {};
  const target = luminance(ground) > 0.4 ? BLACK : WHITE;
  let brand = color;
  for (let part = 0.05; part <= 1 && contrast(brand, ground) < 4.5; part += 0.05) {
    brand = mix(color, target, part);
  }
  const on = contrast(brand, WHITE) >= contrast(brand, BLACK) ? WHITE : BLACK;
  return {
    "--brand": formatColor(brand),
    "--brand-hover": formatColor(mix(brand, target, 0.15)),
    "--brand-subtle": formatColor(mix(ground, brand, 0.12)),
    "--bubble-agent": formatColor(mix(ground, brand, 0.12)),
    "--on-brand": formatColor(on),
    "--focus": formatColor(brand),
  };
}
