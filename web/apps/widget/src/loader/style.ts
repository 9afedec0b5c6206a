// SPDX-License-Identifier: Apache-2.0
// The launcher's style, inside its shadow root. A constructed sheet, because a page's content
// security policy may forbid style elements but not these.
export const launcherStyle = `
:host{all:initial;position:fixed;inset:0;pointer-events:none;z-index:2147483000;contain:layout style}
button,iframe{pointer-events:auto}
.launcher{position:absolute;bottom:calc(var(--y,20px) + env(safe-area-inset-bottom));right:var(--x,20px);width:56px;height:56px;padding:0;border:0;border-radius:50%;background:var(--brand,#2457d6);color:var(--on-brand,#fff);cursor:pointer;box-shadow:0 4px 12px rgb(0 0 0/.1),0 12px 32px rgb(0 0 0/.16);transition:transform 120ms cubic-bezier(.2,0,0,1)}
.left .launcher{right:auto;left:var(--x,20px)}
.launcher:hover{transform:scale(1.05)}
.launcher:focus-visible{outline:2px solid var(--brand,#2457d6);outline-offset:3px;box-shadow:0 0 0 3px #fff,0 12px 32px rgb(0 0 0/.16)}
.launcher svg{position:absolute;inset:0;margin:auto;width:28px;height:28px;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round;transition:opacity 120ms,transform 180ms cubic-bezier(.2,0,0,1)}
.icon-close,.open .icon-chat{opacity:0;transform:rotate(45deg) scale(.6)}
.open .icon-close{opacity:1;transform:none}
[aria-busy=true] .icon-close{animation:wait 800ms ease-in-out infinite alternate}
@keyframes wait{to{opacity:.35}}
.badge{position:absolute;top:-2px;right:-2px;min-width:20px;height:20px;padding:0 6px;box-sizing:border-box;border-radius:10px;border:2px solid #fff;background:#b3261e;color:#fff;font:600 11px/16px system-ui,-apple-system,"Segoe UI",sans-serif;text-align:center}
.badge:empty{display:none}
iframe{position:absolute;bottom:calc(var(--y,20px) + 68px);right:var(--x,20px);width:384px;height:min(680px,calc(100dvh - 104px));max-width:calc(100vw - 24px);border:0;border-radius:16px;background:transparent;color-scheme:normal;box-shadow:0 12px 32px rgb(0 0 0/.16),0 0 0 1px rgb(0 0 0/.06);opacity:0;visibility:hidden;transform:translateY(12px);transition:opacity 240ms cubic-bezier(.2,0,0,1),transform 240ms cubic-bezier(.2,0,0,1),visibility 0s 240ms}
.left iframe{right:auto;left:var(--x,20px)}
.open.ready iframe{opacity:1;visibility:visible;transform:none;transition-delay:0s}
@media (max-width:480px),(max-height:420px){
.launcher{width:48px;height:48px;right:var(--x,16px);bottom:calc(var(--y,16px) + env(safe-area-inset-bottom))}
.left .launcher{left:var(--x,16px)}
iframe,.left iframe{inset:0;width:100%;height:100%;max-width:none;border-radius:0}
.open.ready .launcher{visibility:hidden}
}
@media (prefers-reduced-motion:reduce){.launcher,.launcher svg,iframe{transition:opacity 120ms;animation:none!important}.launcher:hover,iframe,.icon-close,.open .icon-chat{transform:none}}
@media (forced-colors:active){.launcher{border:2px solid ButtonText}}
@media print{.launcher,iframe{display:none}}
`;
