// SPDX-License-Identifier: Apache-2.0
// What Kefu promises in numbers, measured: runs the kefu-bench commands below one after the other and
// prints each figure beside its floor and its aim. Every command measures its own baseline in the
// same run; ratios and processor time are steady, times of the clock need a machine without other
// work. Peers that are not installed (nginx-light, nats-server, python3-numpy) leave their ratio
// out. ./dev figures [WORD...]: only the commands that contain one of the words. Ends with 1 when a
// floor is missed.
import { spawnSync } from "node:child_process";

const bench = process.argv[2];
const wanted = process.argv.slice(3);
const MB = 1e6;

/** [command, [[key, what it is, "min" | "max", floor, aim, unit in the table, divisor]]] */
const commands = [
  ["turns --connections 1 --seconds 5", [
    ["p50Ms", "durable turn, one visitor, median", "max", 1, 0.4, "ms"],
  ]],
  ["turns --connections 64 --seconds 8", [
    ["turnsPerCpuSecond", "durable turns per CPU second", "min", 30e3, 50e3, "/s"],
    ["ratioToEcho", "CPU of a turn / CPU of an echo", "max", 11, 6.5, "x"],
  ]],
  ["turns --connections 1000 --seconds 60", [
    ["turnsPerSecond", "durable turns, a minute, load on the same cores", "min", 18e3, 30e3, "/s"],
  ]],
  ["turns --connections 1000 --load 0.7", [
    ["p99Ms", "durable turn at 0.7 of the capacity, p99", "max", 15, 5, "ms"],
  ]],
  ["store --batch 256 --seconds 8 --prefill 5000000", [
    ["appendsPerSecond", "events appended in a burst", "min", 250e3, 1e6, "/s"],
    ["sustainedPerSecond", "events with a flat backlog", "min", 70e3, 120e3, "/s"],
  ]],
  ["idle --sessions 17000", [
    ["userBytesPerSession", "memory of an open conversation", "max", 750, 500, "B"],
    ["baseBytes", "memory of the demo, just started", "max", 10 * MB, 6 * MB, "MB", MB],
    [
      (r) => r.baseBytes + 50000 * r.userBytesPerSession,
      "memory of 50,000 open conversations", "max", 50 * MB, 31 * MB, "MB", MB,
    ],
  ]],
  ["queue --seconds 5", [
    ["messagesPerSecond", "messages shard to store to shard", "min", 5e6, 15e6, "/s"],
    ["p99UsAt180k", "the same at 180,000/s, p99", "max", 400, 200, "us"],
    ["ratioToNats", "messages / those of NATS core", "min", 2, 5, "x"],
  ]],
  ["codec", [
    ["jsonLibraryOverProtobuf", "fastest C JSON library / our protobuf", "min", 5, 10, "x"],
    ["jsonNs", "our JSON, both ways", "max", 1500, 500, "ns"],
  ]],
  ["http", [["ratioToNginx", "small GETs per CPU second / nginx", "min", 1, 1.15, "x"]]],
  ["fanout", [["cpuUsPerDelivery", "CPU of a delivery, 1,000 sessions", "max", 4, 2.5, "us"]]],
  ["bot --demo share", [
    ["p99CpuUs", "a message through the ladder, p99", "max", 100, 60, "us"],
  ]],
  ["rules --patterns 100000", [
    ["buildSeconds", "100,000 rules, compile", "max", 0.1, 0.05, "s"],
    ["bytes", "100,000 rules, memory", "max", 20 * MB, 10 * MB, "MB", MB],
    ["sparseNsPerByte", "100,000 rules, few hits", "max", 4, 1.2, "ns/B"],
    ["denseNsPerByte", "100,000 rules, many hits", "max", 15, 8, "ns/B"],
  ]],
  ["vector", [
    ["f32Us", "10 nearest of 100,000, exact f32", "max", 2200, 350, "us"],
    ["f32SpeedupOverScan", "reading every row in full / the same", "min", 1.5, 2, "x"],
    ["certifiedUs", "the same, certified from int8", "max", 500, 350, "us"],
    ["int8SpeedupOverNumpy", "int8 / numpy", "min", 2, 10, "x"],
  ]],
  ["flow", [
    ["transitionsPerSecond", "dialogue transitions", "min", 1e6, 5e6, "/s"],
    ["p99Us", "a step, p99", "max", 5, 1, "us"],
    ["flows10000Bytes", "10,000 flows, memory", "max", 64 * MB, 32 * MB, "MB", MB],
    ["randomDeadEnds", "dead ends in random flows", "max", 0, 0, ""],
  ]],
  ["route --agents 1000", [
    ["decisionsPerSecond", "routing decisions, 1,000 agents", "min", 1e6, 2e6, "/s"],
    ["p99Us", "a decision, p99", "max", 5, 1, "us"],
  ]],
  ["route --agents 10000", [
    ["decisionsPerSecond", "routing decisions, 10,000 agents", "min", 200e3, 500e3, "/s"],
  ]],
  ["assign", [["p99Ms", "freed agent to both sides told, under load, p99", "max", 50, 20, "ms"]]],
];

const short = (n) =>
  Math.abs(n) >= 1e6 ? `${+(n / 1e6).toPrecision(3)} M`
  : Math.abs(n) >= 1e4 ? `${+(n / 1e3).toPrecision(3)} k`
  : `${+n.toPrecision(3)}`;

let missed = 0;

function row(result, [key, what, sense, floor, aim, unit, divisor = 1]) {
  const value = typeof key === "function" ? key(result) : result[key];
  if (!Number.isFinite(value)) {
    console.log(`${what.padEnd(52)} not measured: what it is compared with is not installed`);
    return;
  }
  const ok = sense === "min" ? value >= floor : value <= floor;
  const best = sense === "min" ? value >= aim : value <= aim;
  const shown = (n) => short(n / divisor).padStart(8);
  if (!ok) missed++;
  console.log(
    `${what.padEnd(52)} ${shown(value)} ${unit.padEnd(4)} ${sense} ${shown(floor)}  aim ${shown(aim)}` +
      `  ${best ? "aim reached" : ok ? "ok" : "MISSED"}`,
  );
}

for (const [command, rows] of commands) {
  if (wanted.length > 0 && !wanted.some((word) => command.includes(word))) continue;
  const run = spawnSync(bench, [...command.split(" "), "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  console.log(`\nkefu-bench ${command}`);
  if (run.status !== 0) {
    console.log(run.stderr.trim().split("\n").slice(-3).join("\n"));
    missed++;
    continue;
  }
  const result = JSON.parse(run.stdout);
  for (const each of rows) row(result, each);
}
console.log(missed === 0 ? "\nevery floor is reached" : `\n${missed} floors are missed`);
process.exit(missed === 0 ? 0 : 1);
