// SPDX-License-Identifier: Apache-2.0
// Two short sounds, made on the spot: no file to load, nothing for the CSP to allow.

const resumeMs = 50; // without a person's gesture resume() stays pending for ever

let context: AudioContext | undefined;

function unlocked(): boolean {
  return context?.state === "running";
}

/** True when the browser lets sound out; false until this was called from a click. */
export async function unlock(): Promise<boolean> {
  context ??= new AudioContext();
  if (!unlocked()) {
    void context.resume();
    await new Promise((resolve) => window.setTimeout(resolve, resumeMs));
  }
  return unlocked();
}

function tone(at: number, hertz: number, seconds: number): void {
  if (!context) return;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.25, at + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + seconds);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + seconds);
}

export function play(kind: "chat" | "message"): void {
  if (!context || !unlocked()) return;
  const at = context.currentTime;
  if (kind === "chat") {
    tone(at, 660, 0.18);
    tone(at + 0.16, 880, 0.34);
  } else {
    tone(at, 784, 0.22);
  }
}
