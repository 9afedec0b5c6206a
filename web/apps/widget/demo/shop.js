// SPDX-License-Identifier: Apache-2.0
// The demo page's language: ?lang=, else the browser's. The chat follows the page's lang.
const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const chinese = wanted.toLowerCase().startsWith("zh");
document.documentElement.lang = chinese ? "zh-CN" : "en";
document.title = chinese ? "云杉 · 居家与户外" : "Spruce · Home & outdoor";

// A button of the page begins a flow of the chat; its words are shown as the visitor's.
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-flow]") : null;
  if (button) window.kefu?.("begin", button.dataset.flow, button.innerText.trim());
});
