// `npm run bench:verifier -- [--plans N] [--from SEED]`: whether the verifier lets a corrupted plan pass. Comes in: how many different plans are
// drawn (500), of small models of every architecture under recipes whose clauses are drawn. Goes out: for each kind of corruption how
// many plans it was done to, and how many of these its own rule refused, another did, or none. Holds: every plan is corrupted in every way
// there is something for; hashes are made anew, so that nothing is caught by a sum that no longer fits; exits with 1 if one passed.
import { parseArgs } from "node:util";
import { corrupt } from "../test/compiler/verify/corrupt.ts";
import { drawnPlan } from "../test/compiler/verify/many-plans.ts";
import { mutations } from "../test/compiler/verify/mutations.ts";
import { verify } from "../compiler/verify/verify.ts";

const { values } = parseArgs({
  options: { plans: { type: "string", default: "500" }, from: { type: "string", default: "1" } },
});
const [plans, from] = [Number(values.plans), Number(values.from)];
if (!Number.isInteger(plans) || plans < 1) throw new RangeError("--plans is a whole number from 1 on");
if (!Number.isInteger(from) || from < 0) throw new RangeError("--from is a whole number");

const counts = mutations.map(() => ({ named: 0, otherwise: 0, accepted: 0 }));
const hashes = new Set<string>();
for (let seed = from; seed < from + plans; seed += 1) {
  const { plan, recipe } = drawnPlan(seed);
  hashes.add(plan.hash);
  const { refusals } = verify(plan);
  if (refusals.length > 0) throw new Error(`a correct plan is refused: ${refusals[0]?.message}\n${recipe}`);
  mutations.forEach((mutation, kind) => {
    const count = counts[kind];
    const outcome = corrupt(plan, mutation, 1000 * kind + seed);
    if (outcome === undefined || count === undefined) return;
    if (outcome.isAccepted) count.accepted += 1;
    else if (outcome.isNamed) count.named += 1;
    else count.otherwise += 1;
    if (outcome.isNamed && !outcome.isAccepted) return;
    const by = outcome.refusals.map(({ rule }) => rule).join(", ");
    const what = outcome.isAccepted ? "passed" : `refused by ${by} and not by ${mutation.rule}`;
    process.stderr.write(`seed ${seed}, ${mutation.name}: ${what}\n${recipe}\n`);
  });
  if ((seed - from + 1) % 10 === 0) process.stderr.write(`${seed - from + 1} of ${plans} plans\n`);
}

const row = (rule: string, name: string, cells: readonly (string | number)[]): string =>
  `${rule.padEnd(20)}${name.padEnd(52)}${cells.map((cell) => String(cell).padStart(11)).join("")}\n`;
process.stdout.write(row("rule", "corruption", ["plans", "by its rule", "otherwise", "passed"]));
let total = 0;
let passed = 0;
mutations.forEach(({ rule, name }, kind) => {
  const { named, otherwise, accepted } = counts[kind] ?? { named: 0, otherwise: 0, accepted: 0 };
  const made = named + otherwise + accepted;
  total += made;
  passed += accepted;
  process.stdout.write(row(rule, name, [made, named, otherwise, accepted]));
});
const whole = counts.filter(({ named, otherwise, accepted }) => named + otherwise + accepted >= plans).length;
process.stdout.write(
  `${hashes.size} different plans, ${mutations.length} kinds of corruption, ${whole} of them done to every plan: ${total} corrupted plans, ${passed} passed\n`,
);
process.exitCode = passed === 0 ? 0 : 1;
