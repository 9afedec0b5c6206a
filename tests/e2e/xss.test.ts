// SPDX-License-Identifier: Apache-2.0
// Strings that were markup or code somewhere, through every field that people can write, into the
// chat panel and the console in a real browser. None may run, none may become an element; what was
// said is shown as it was said.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Frame as BrowserFrame, Page } from "playwright-core";
import { Console, launch, Shop } from "./browser.ts";
import { Server } from "./server.ts";
import { Agent, clientId, type Frame } from "./wire.ts";

const server = new Server({
  KEFU_LIMIT_IP_RATE: "0",
  KEFU_LIMIT_VISITOR_RATE: "0",
  KEFU_LIMIT_NEW_CONVERSATIONS: "0",
});
let browser: Browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server.destroy();
});

/** `run()` is set on every page and frame. */
const payloads = [
  "<script>run()</script>",
  "<ScRiPt>run()</sCrIpT>",
  "<script src=//evil.example/x.js></script>",
  "</script><script>run()</script>",
  '"><script>run()</script>',
  "'><script>run()</script>",
  "</textarea><script>run()</script>",
  "</title><script>run()</script>",
  "</style><script>run()</script>",
  "--><script>run()</script>",
  "]]><script>run()</script>",
  "<<script>run();//<</script>",
  "<img src=x onerror=run()>",
  '<img src="x" onerror="run()">',
  "<img src=x onerror=run&#40;&#41;>",
  "<img/src=x/onerror=run()>",
  "<img src=x:x onerror=run()//",
  '"><img src=x onerror=run()>',
  "<image src=x onerror=run()>",
  "<svg onload=run()>",
  "<svg/onload=run()>",
  "<svg><script>run()</script></svg>",
  "<svg><animate onbegin=run() attributeName=x dur=1s>",
  "<svg><a xlink:href=javascript:run()><text y=20>x</text></a></svg>",
  "<math><mi//xlink:href=javascript:run()>",
  "<iframe src=javascript:run()></iframe>",
  "<iframe srcdoc='<script>parent.run()</script>'></iframe>",
  "<object data=javascript:run()></object>",
  "<embed src=javascript:run()>",
  "<body onload=run()>",
  "<details open ontoggle=run()>x</details>",
  "<video><source onerror=run()></video>",
  "<audio src=x onerror=run()>",
  "<input autofocus onfocus=run()>",
  "<select autofocus onfocus=run()>",
  "<textarea autofocus onfocus=run()>",
  "<marquee onstart=run()>x</marquee>",
  "<div style=animation-name:x onanimationstart=run()>",
  '<div style="background:url(javascript:run())">x</div>',
  "<style>@import 'javascript:run()';</style>",
  "<link rel=stylesheet href=javascript:run()>",
  "<meta http-equiv=refresh content='0;url=javascript:run()'>",
  "<base href=javascript:run()//>",
  "<form action=javascript:run()><input type=submit></form>",
  "<form><button formaction=javascript:run()>x</button></form>",
  "<a href=javascript:run()>x</a>",
  "<a href='jAvAsCrIpT:run()'>x</a>",
  "<a href='java\tscript:run()'>x</a>",
  "<a href='&#106;avascript:run()'>x</a>",
  "<a href='data:text/html,<script>run()</script>'>x</a>",
  "javascript:run()",
  "data:text/html,<script>run()</script>",
  "[x](javascript:run())",
  '![x](x"onerror="run())',
  "<javascript:run()>",
  'http://evil.example/"onmouseover="run()',
  "https://evil.example/?<script>run()</script>",
  "{{constructor.constructor('run()')()}}",
  "${run()}",
  "#{run()}",
  "<%= run() %>",
  "`;run();//",
  "';run();//",
  '\\";run();//',
  "\u2028run()",
  "&lt;script&gt;run()&lt;/script&gt;",
  "\u202e<tpircs>run()",
  '<noscript><p title="</noscript><img src=x onerror=run()>">',
  "<template><script>run()</script></template>",
  "<xss id=x tabindex=1 onfocus=run()></xss>",
];

const ran: string[] = [];

async function watch(page: Page): Promise<void> {
  await page.exposeFunction("run", () => ran.push(`${page.url()}: run()`));
  page.on("dialog", (dialog) => {
    ran.push(`${page.url()}: dialog`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (
      !request.url().startsWith(server.origin) &&
      !/^(data|blob|about):/.test(request.url())
    )
      ran.push(`${page.url()}: asked ${request.url()}`);
  });
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text()))
      ran.push(`${page.url()}: ${message.text()}`);
  });
}

/** Elements and attributes that our pages never make out of text. */
async function foreign(frame: BrowserFrame): Promise<string[]> {
  return frame.evaluate(() => {
    const found: string[] = [];
    const look = (root: Document | ShadowRoot) => {
      for (const element of Array.from(root.querySelectorAll("*"))) {
        const handler = element
          .getAttributeNames()
          .find((name) => name.startsWith("on"));
        const href =
          element.getAttribute("href") ??
          element.getAttribute("xlink:href") ??
          "";
        const inBody = document.body.contains(element) || root !== document;
        if (
          handler ||
          /^\s*(java\s*script:|vbscript:|data:text)/i.test(href) ||
          (inBody &&
            /^(object|embed|marquee|base|meta|link|xss|image|math)$/i.test(
              element.localName,
            )) ||
          (element.localName === "script" && !element.getAttribute("src")) ||
          element.hasAttribute("srcdoc")
        )
          found.push(element.outerHTML.slice(0, 120));
        if (element.shadowRoot) look(element.shadowRoot);
      }
    };
    look(document);
    return found;
  });
}

async function clean(page: Page): Promise<void> {
  for (const frame of page.frames())
    assert.deepEqual(await foreign(frame), [], frame.url());
  assert.deepEqual(ran, []);
}

test("the test sees what runs and what became an element", async () => {
  const page = await (await browser.newContext()).newPage();
  await watch(page);
  await page.goto(`${server.origin}/demo`);
  await page.evaluate(() => (window as any).run());
  assert.equal(ran.splice(0).length, 1);
  await page.evaluate(() => {
    const made = document.createElement("p");
    made.setAttribute("onclick", "");
    document.body.append(made);
  });
  assert.equal((await foreign(page.mainFrame())).length, 1);
  ran.length = 0; // the policy may have had a word to say
});

const json = async (reply: Promise<Response>) =>
  (await (await reply).json()) as Frame;

test(
  "no string runs in the panel or the console",
  { timeout: 300_000 },
  async () => {
    const owner = await Agent.login(server, server.logins[0] as never);
    const desk = await owner.socket();
    const site = (
      (await json(owner.call("GET", "/sites")))["items"] as Frame[]
    )[0] as Frame;
    const nasty = payloads[5] as string;
    const renamed = await owner.call("PATCH", `/sites/${site["id"]}`, {
      name: `Shop ${nasty}`.slice(0, 60),
      greetingZh: payloads[12],
      greetingEn: payloads[12],
      version: site["version"],
    });
    assert.equal(renamed.status, 200, await renamed.text());
    for (const [i, text] of payloads.entries()) {
      await owner.call("POST", "/canned-replies", {
        shortcut: `x${i}`,
        text,
        locale: "en",
      });
      await owner.call("POST", "/faq-entries", {
        locale: "en",
        question: `How do I use gadget number ${i + 1000}? ${text}`,
        answer: text,
        category: text.slice(0, 40),
      });
    }
    await owner.call("POST", "/rules", {
      name: nasty,
      any: ["zanzibar"],
      answer: payloads[13],
      locale: "en",
    });

    const shopPage = await (
      await browser.newContext({ locale: "en" })
    ).newPage();
    await watch(shopPage);
    const shop = await Shop.open(shopPage, server, "en");
    await shop.say("zanzibar");
    await shop.sees(payloads[13] as string);
    for (const text of payloads) await shop.say(text);
    await shopPage.evaluate(
      (name) =>
        (window as any).kefu("setUser", {
          name,
          email: `${name}@x`,
          phone: name,
          attributes: { k: name },
        }),
      nasty,
    );
    await clean(shopPage);

    const conversations = await json(owner.call("GET", "/conversations"));
    const conversationId = (conversations["items"] as Frame[])[0]?.[
      "id"
    ] as string;
    const turn = () => ({ conversationId, clientId: clientId() });
    assert.ok((await desk.ask({ assign: turn() }))["ack"]);
    for (const text of payloads) {
      assert.ok((await desk.ask({ send: { ...turn(), text } }))["ack"], text);
      assert.ok((await desk.ask({ note: { ...turn(), text } }))["ack"], text);
    }
    await shop.sees(payloads.at(-1) as string);
    const shown = await shop.panel.getByRole("log").innerText();
    for (const text of payloads.filter((one) => !/[\t\u2028\u202e]/.test(one)))
      assert.ok(shown.includes(text), `the panel does not show ${text}`);
    await clean(shopPage);

    const deskPage = await (
      await browser.newContext({
        locale: "en",
        viewport: { width: 1440, height: 900 },
      })
    ).newPage();
    await watch(deskPage);
    const agent = await Console.open(
      deskPage,
      server,
      server.logins[0] as never,
      "en",
    );
    await agent.pick();
    await agent.sees(payloads.at(-1) as string);
    await clean(deskPage);
    await deskPage.getByRole("textbox", { name: "Reply" }).fill("/x1"); // the canned replies
    await deskPage.getByText("x1", { exact: false }).first().waitFor();
    await clean(deskPage);
    const places = await deskPage
      .getByRole("link")
      .evaluateAll((links) =>
        links.map((link) => link.getAttribute("href") ?? ""),
      );
    for (const place of places.filter((href) => href.startsWith("#/"))) {
      await deskPage.goto(`${server.origin}/console${place}`);
      await deskPage.locator("[aria-current=page]").first().waitFor();
      await clean(deskPage);
    }
    for (const tab of ["rules", "faq"]) {
      await deskPage.goto(`${server.origin}/console#/bot/${tab}`);
      await deskPage.locator(".row-btn", { hasText: nasty }).first().click();
      await deskPage.locator("form.card").waitFor();
      await clean(deskPage);
    }
    assert.ok(payloads.length >= 60);
  },
);
